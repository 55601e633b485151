"""Row f: noise beside the `imagecorruptions` package in a DataLoader: `python bench/noise_cost.py [IMAGES]`.

The package does not import with setuptools of version 81 or above, so `make bench` installs it into a folder
of its own, which the environment variable IMAGECORRUPTIONS names, and a process of its own uses it, which
takes turns with this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import REPEATS, rounded, seconds, tell

from robustbench_ln.data.dataset import Arrays
from robustbench_ln.evaluation.images import NoisyImages
from robustbench_ln.noise import NoiseSpec

SHAPE = (3, 32, 32)
PREPROCESSING = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
LEVELS = {
    "agn": ("0.5", "1", "2", "3", "4"),
    "apn": ("0.5", "1", "2", "3", "4"),
    "mbn": ("0.1", "0.3", "0.5", "0.7", "0.9"),
}


def noisy(arrays: Arrays, name: str, repeat: int) -> None:
    """Make all levels of a noise as a sweep does: one after the other, in chunks."""
    order = np.arange(len(arrays.labels))
    for sigma in LEVELS[name]:
        stream = NoisyImages(arrays, NoiseSpec(name), sigma, repeat, order, PREPROCESSING)
        for _ in stream.chunks(order):
            pass


@contextmanager
def theirs(folder: str, count: int, workers: int) -> Iterator[Callable[[], None]]:
    """Start a process with the other package, and give what lets it make all its noises once."""
    script = str(Path(__file__).with_name("corruptions_loader.py"))
    with subprocess.Popen(
        [sys.executable, script, str(count), str(workers)],
        env=os.environ | {"PYTHONPATH": folder},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, told = process.stdin, process.stdout
        assert asked is not None and told is not None  # they are pipes

        def once() -> None:
            asked.write("again\n")
            asked.flush()
            if not told.readline():
                raise SystemExit("The process with imagecorruptions ended.")

        yield once


def main(count: int) -> None:
    """Compare, and print the least ratio."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    arrays = Arrays(pixels, np.zeros(count, dtype=np.int64))
    repeats = iter(range(10**6))

    def case(name: str) -> Callable[[], None]:
        # Another seed each time, so that nothing is left from the time before.
        return lambda: noisy(arrays, name, next(repeats))

    folder = os.environ.get("IMAGECORRUPTIONS")
    there = folder is not None and Path(folder, "imagecorruptions").is_dir()
    with ExitStack() as started:
        cases = {name: case(name) for name in LEVELS}
        if folder is not None and there:
            for workers in (0, 2):
                cases[f"{workers} workers"] = started.enter_context(theirs(folder, count, workers))
        found = seconds(cases)
    own = {name: found.pop(name) for name in LEVELS}
    speedups = {name: taken / sum(own.values()) for name, taken in found.items()}
    compared: dict[str, Any] = {"speedups": rounded(speedups), "theirs": rounded(found)} if there else {}
    tell(
        "f",
        "speed of AGN, APN and MBN at 5 levels over imagecorruptions in a DataLoader (APN at most 1.5 of "
        "AGN)",
        min(speedups.values(), default=None),
        repeats=REPEATS,
        least=15,
        also=own["apn"] <= 1.5 * own["agn"],
        **compared,
        seconds=rounded(own),
        apn_over_agn=round(own["apn"] / own["agn"], 3),
        images=count,
        note="" if there else "imagecorruptions is not installed: make bench does it.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
