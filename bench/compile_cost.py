"""Row l: what torch.compile brings: `python bench/compile_cost.py [NETWORK ...]`.

To a training step and to a BATCH forward pass of the named networks; without names to both of the MNIST net
and to ResNet32's forward pass, since its training step takes minutes to compile.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

import torch
from networks import Setting, batch_forward, training_step
from side_by_side import REPEATS, rounded, seconds, tell

KINDS = {"training step": training_step, "BATCH forward": batch_forward}
QUICK = (("mnist-net", "training step"), ("mnist-net", "BATCH forward"), ("resnet32", "BATCH forward"))


def main(names: list[str]) -> None:
    """Compile, compare on the CPU, and print the least speed-up."""
    speedups: dict[str, float] = {}
    cold: dict[str, float] = {}
    calls: dict[str, int | None] = {}
    times: dict[str, float] = {}
    for name, kind in [(name, kind) for name in names for kind in KINDS] or QUICK:
        place = f"{name} {kind}"
        as_it_is = KINDS[kind](name, "localnorm", Setting())
        compiled = KINDS[kind](name, "localnorm", Setting(compiled=True))
        started = time.perf_counter()
        compiled()
        cold[place] = time.perf_counter() - started
        found = seconds({"as it is": as_it_is, "compiled": compiled})
        times |= {f"{place}, {case}": taken for case, taken in found.items()}
        speedups[place] = found["as it is"] / found["compiled"]
        saved = found["as it is"] - found["compiled"]
        calls[place] = round(cold[place] / saved) if saved > 0 else None
    tell(
        "l",
        "speed of LocalNorm's training step and BATCH forward by torch.compile over that without",
        min(speedups.values()),
        repeats=REPEATS,
        speedups=rounded(speedups),
        seconds=rounded(times),
        seconds_to_compile=rounded(cold),
        calls_until_it_pays=calls,
        threads=torch.get_num_threads(),
        note="lnbench compiles nothing: every process would compile anew (`seconds_to_compile`, measured "
        "once), which pays after so many calls (`calls_until_it_pays`; null where it never does), and "
        "compiled sums may be rounded otherwise, so that a training that goes on, and the cells of one "
        "curve, would have to be compiled the same. ResNet32's training step takes minutes to compile.",
    )


if __name__ == "__main__":
    # What an earlier run compiled would be found again.
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        main(sys.argv[1:])
