"""Row l: what torch.compile brings to a training step: `python bench/compile_cost.py [NETWORK ...]`.

Of the MNIST net unless others are named: ResNet32 takes minutes to compile.
"""

from __future__ import annotations

import sys
import time

import torch
from networks import training_step
from side_by_side import rounded, seconds, tell


def main(names: list[str]) -> None:
    """Compile, compare on the CPU, and print the least speed-up."""
    speedups: dict[str, float] = {}
    cold: dict[str, float] = {}
    steps: dict[str, int | None] = {}
    times: dict[str, float] = {}
    for name in names or ["mnist-net"]:
        as_it_is = training_step(name, "localnorm", channels_last=True)
        compiled = training_step(name, "localnorm", channels_last=True, compiled=True)
        started = time.perf_counter()
        compiled()
        cold[name] = time.perf_counter() - started
        found = seconds({"as it is": as_it_is, "compiled": compiled})
        times |= {f"{name}, {case}": taken for case, taken in found.items()}
        speedups[name] = found["as it is"] / found["compiled"]
        saved = found["as it is"] - found["compiled"]
        steps[name] = round(cold[name] / saved) if saved > 0 else None
    tell(
        "l",
        "speed of LocalNorm's training step by torch.compile over that without",
        min(speedups.values()),
        speedups=rounded(speedups),
        seconds=rounded(times),
        seconds_to_compile=rounded(cold),
        steps_until_it_pays=steps,
        threads=torch.get_num_threads(),
        note="lnbench compiles nothing: every process would compile anew (`seconds_to_compile`), which pays "
        "after so many steps (`steps_until_it_pays`; null where it never does), and compiled sums may be "
        "rounded otherwise, so that a training that goes on would have to be compiled the same.",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
