"""Rows c and e: what modes cost beside BATCH: `python bench/mode_cost.py c|e [IMAGES]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from layer_cost import differences
from networks import BATCH, CLASSES, GROUPS, SHAPES, network
from side_by_side import REPEATS, rounded, seconds, tell

from robustbench_ln import evaluate

WHY = (
    "Only the first convolution sees the same rows for every group; behind the first norm each copy has its "
    "own. What is left over 1 is the machine's unrest, and the normalization of single images, whose "
    "statistics are a pass of their own where BatchNorm's kernel makes them within its first "
    "(`milliseconds_more_than_batch`, by operation, under a profiler)."
)


def sweep_of(name: str, mode: str, count: int) -> Callable[[], None]:
    """Return the evaluation of a network in one mode, on clean images."""
    model = network(name, "localnorm").eval()
    pixels = np.random.default_rng(0).integers(0, 256, (count, *SHAPES[name]), dtype=np.uint8)
    labels = np.arange(count) % CLASSES

    def run() -> None:
        evaluate(model, pixels, labels, noise="agn", sigma="0", modes=[mode], batch_size=BATCH)

    return run


def repeated(case: Callable[[], None], times: int) -> Callable[[], None]:
    """Return a case that runs another so often."""

    def run() -> None:
        for _ in range(times):
            case()

    return run


def main(row: str, count: int) -> None:
    """Compare modes over networks, and print the worst."""
    modes = ("batch", "single") if row == "c" else ("batch", "voting", "single-voting")
    ratios: dict[str, float] = {}
    times: dict[str, float] = {}
    profiles: dict[str, dict[str, float]] = {}
    for name in ("mnist-net", "resnet32"):
        cases = {mode: sweep_of(name, mode, count) for mode in modes}
        found = seconds(cases)
        times |= {f"{name}, {mode}": taken for mode, taken in found.items()}
        for mode in modes[1:]:
            copies = 1 if row == "c" else GROUPS
            ratio = found["batch"] / found[mode] if row == "c" else found[mode] / (copies * found["batch"])
            ratios[f"{name}, {mode}"] = ratio
            if row == "e" and ratio > 1:
                as_often = repeated(cases["batch"], copies)
                profiles[f"{name}, {mode}"] = differences(as_often, cases[mode])
    figures: dict[str, Any] = {
        "repeats": REPEATS,
        "ratios": rounded(ratios),
        "seconds": rounded(times),
        "images": count,
        "threads": torch.get_num_threads(),
    }
    if row == "c":
        tell("c", "SINGLE's images a second over BATCH's", min(ratios.values()), least=0.9, **figures)
    else:
        measure = "VOTING's and SINGLE-VOTING's time over K times BATCH's"
        more: dict[str, Any] = {"milliseconds_more_than_batch": profiles} if profiles else {}
        tell("e", measure, max(ratios.values()), most=1.0, why=WHY, **figures, **more)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 512)
