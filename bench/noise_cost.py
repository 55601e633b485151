"""Row f: noise beside the `imagecorruptions` package in a DataLoader: `python bench/noise_cost.py [IMAGES]`.

The package does not import with setuptools of version 81 or above, so `make bench` installs it into a folder
of its own, which the environment variable IMAGECORRUPTIONS names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from side_by_side import rounded, seconds, tell

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


def main(count: int) -> None:
    """Compare, and print the least ratio."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    arrays = Arrays(pixels, np.zeros(count, dtype=np.int64))
    repeats = iter(range(10**6))

    def case(name: str) -> Callable[[], None]:
        # Another seed each time, so that nothing is left from the time before.
        return lambda: noisy(arrays, name, next(repeats))

    own = seconds({name: case(name) for name in LEVELS})
    whole = sum(own.values())
    figures = {"seconds": rounded(own), "apn_over_agn": round(own["apn"] / own["agn"], 3), "images": count}
    measure = (
        "speed of AGN, APN and MBN at 5 levels over imagecorruptions in a DataLoader (APN at most 1.5 of AGN)"
    )
    folder = os.environ.get("IMAGECORRUPTIONS")
    if not folder or not Path(folder, "imagecorruptions").is_dir():
        note = "imagecorruptions is not installed: make bench does it."
        tell("f", measure, None, least=15, **figures, note=note)
        return
    theirs = {}
    for workers in (0, 2):
        command = [
            sys.executable,
            str(Path(__file__).with_name("corruptions_loader.py")),
            str(count),
            str(workers),
        ]
        environment = os.environ | {"PYTHONPATH": folder}
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        theirs[f"{workers} workers"] = float(json.loads(done.stdout))
    speedups = {name: taken / whole for name, taken in theirs.items()}
    tell(
        "f",
        measure,
        min(speedups.values()),
        least=15,
        speedups=rounded(speedups),
        also=own["apn"] <= 1.5 * own["agn"],
        theirs=rounded(theirs),
        **figures,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
