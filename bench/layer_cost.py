"""Row a: LocalNorm's throughput over the fastest BatchNorm's.

`python bench/layer_cost.py [--device cpu|cuda] [NETWORK ...]`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from networks import SHAPES, Setting, batch_forward, training_step
from side_by_side import REPEATS, rounded, seconds, tell
from torch.profiler import profile

from robustbench_ln.batches import ordered_by_set
from robustbench_ln.devices import DTYPES, choose_device, choose_dtype, device_label, full_precision

KINDS = {"training step": training_step, "BATCH forward": batch_forward}
WHY = (
    "Each group is a call of BatchNorm's kernels, forward and backward, and PyTorch's backward kernel "
    "returns a map that is then copied into its place (`NormalizeSlices`, `copy_`): 12 to 20 % of each "
    "slice's backward. Two tries failed: native_batch_norm_backward.out, which writes into the place, takes "
    "longer (290 against 282 microseconds a call), and naming the operator's overload (.default) saves 0.3 "
    "microseconds a call. In bf16 convolutions take less time, and the same calls weigh more. "
    "`milliseconds_more_than_batchnorm` are of one step under a profiler, and hold the machine's unrest."
)
NO_BF16 = "This device does not multiply in bf16, so bf16 is not compared."


def milliseconds_by_operation(case: Callable[[], None]) -> dict[str, float]:
    """Return where the time of a case goes, on a GPU the GPU's own."""
    case()
    with profile() as measured:
        case()
    found = {event.key: event for event in measured.key_averages()}
    taken = {key: event.self_device_time_total / 1000 for key, event in found.items()}
    if any(taken.values()):
        return taken
    return {key: event.self_cpu_time_total / 1000 for key, event in found.items()}


def differences(baseline: Callable[[], None], own: Callable[[], None], most: int = 6) -> dict[str, float]:
    """Return the operations in which one case differs most from another, in milliseconds."""
    before, after = milliseconds_by_operation(baseline), milliseconds_by_operation(own)
    apart = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
    largest = sorted(apart, key=lambda name: abs(apart[name]), reverse=True)[:most]
    return {name: round(apart[name], 2) for name in largest}


def main(names: list[str], device: torch.device) -> None:
    """Compare, and print the least ratio."""
    native = choose_dtype("auto", device.type).name == "bfloat16"
    ratios: dict[str, float] = {}
    times: dict[str, float] = {}
    profiles: dict[str, dict[str, float]] = {}
    for name in names or SHAPES:
        for dtype in DTYPES if native else ("fp32",):
            first, last = (Setting(channels_last, device, DTYPES[dtype]) for channels_last in (False, True))
            for kind, make in KINDS.items():
                cases = {
                    "BatchNorm channels first": make(name, "batchnorm", first),
                    "BatchNorm channels last": make(name, "batchnorm", last),
                    # As trainings and sweeps lay it out.
                    "LocalNorm": make(name, "localnorm", last if ordered_by_set(device) else first),
                }
                found = seconds(cases)
                own = found.pop("LocalNorm")
                fastest = min(found, key=lambda case: found[case])
                place = f"{name} {kind} {dtype}"
                ratios[place] = found[fastest] / own
                times |= {f"{place}, {case}": taken for case, taken in {**found, "LocalNorm": own}.items()}
                if ratios[place] < 0.97:
                    profiles[place] = differences(cases[fastest], cases["LocalNorm"])
    tell(
        "a",
        "LocalNorm's throughput over the fastest BatchNorm's, N=128, K=8",
        min(ratios.values()),
        repeats=REPEATS,
        least=0.97,
        ratios=rounded(ratios),
        seconds=rounded(times),
        why=WHY,
        device=device_label(device),
        threads=torch.get_num_threads(),
        milliseconds_more_than_batchnorm=profiles,
        note="" if native else NO_BF16,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(SHAPES))
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    with full_precision():
        main(arguments.networks, choose_device(arguments.device))
