"""Row a: LocalNorm's throughput over the fastest BatchNorm's: `python bench/layer_cost.py [NETWORK ...]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext

import torch
from networks import SHAPES, batch_forward, training_step
from side_by_side import rounded, seconds, tell
from torch.profiler import profile

from robustbench_ln.devices import choose_dtype

KINDS = {"training step": training_step, "BATCH forward": batch_forward}


def milliseconds_by_operation(case: Callable[[], None]) -> dict[str, float]:
    """Return where the time of a case goes."""
    case()
    with profile() as measured:
        case()
    return {event.key: event.self_cpu_time_total / 1000 for event in measured.key_averages()}


def differences(baseline: Callable[[], None], own: Callable[[], None], most: int = 6) -> dict[str, float]:
    """Return the operations in which one case differs most from another, in milliseconds."""
    before, after = milliseconds_by_operation(baseline), milliseconds_by_operation(own)
    apart = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
    largest = sorted(apart, key=lambda name: abs(apart[name]), reverse=True)[:most]
    return {name: round(apart[name], 2) for name in largest}


def main(names: list[str]) -> None:
    """Compare on the CPU, and print the least ratio."""
    native = choose_dtype("auto", "cpu").name == "bfloat16"
    ratios: dict[str, float] = {}
    times: dict[str, float] = {}
    profiles: dict[str, dict[str, float]] = {}
    for name in names or SHAPES:
        for dtype in ("fp32", "bf16") if native else ("fp32",):
            context = torch.autocast("cpu", torch.bfloat16) if dtype == "bf16" else nullcontext()
            for kind, make in KINDS.items():
                cases = {
                    "BatchNorm channels first": make(name, "batchnorm", channels_last=False),
                    "BatchNorm channels last": make(name, "batchnorm", channels_last=True),
                    "LocalNorm": make(name, "localnorm", channels_last=True),
                }
                with context:
                    found = seconds(cases)
                    place = f"{name} {kind} {dtype}"
                    profiles[place] = differences(cases["BatchNorm channels last"], cases["LocalNorm"])
                own = found.pop("LocalNorm")
                ratios[place] = min(found.values()) / own
                times |= {f"{place}, {case}": taken for case, taken in {**found, "LocalNorm": own}.items()}
    tell(
        "a",
        "LocalNorm's throughput over the fastest BatchNorm's, N=128, K=8",
        min(ratios.values()),
        least=0.97,
        ratios=rounded(ratios),
        seconds=rounded(times),
        why="Each group is a call of BatchNorm's kernels, forward and backward, and PyTorch's backward "
        "kernel returns a map that is then copied into its place (`NormalizeSlices`, `copy_`); "
        "`milliseconds_more_than_batchnorm` are of one step under a profiler, and hold the machine's unrest.",
        threads=torch.get_num_threads(),
        milliseconds_more_than_batchnorm={place: profiles[place] for place in ratios if ratios[place] < 0.97},
        note="" if native else "This CPU does not multiply in bf16, so bf16 is not compared.",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
