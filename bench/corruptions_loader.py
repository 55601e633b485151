"""Seconds of the `imagecorruptions` package in a DataLoader: Gaussian, shot and impulse noise, 5 severities.

`python bench/corruptions_loader.py IMAGES WORKERS` prints the median of five; see `noise_cost.py`.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from imagecorruptions import corrupt  # type: ignore[import-not-found]

NAMES, SEVERITIES, BATCH, REPEATS = ("gaussian_noise", "shot_noise", "impulse_noise"), range(1, 6), 128, 5


class Corrupted(Dataset[torch.Tensor]):
    """Images of a noise at a severity, made one by one."""

    def __init__(self, pixels: np.ndarray[Any, np.dtype[np.uint8]], name: str, severity: int) -> None:
        self._pixels, self._name, self._severity = pixels, name, severity

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        noisy = corrupt(self._pixels[index], corruption_name=self._name, severity=self._severity)
        return torch.from_numpy(noisy).permute(2, 0, 1).float() / 255


def main(count: int, workers: int) -> None:
    """Print the seconds of all noises and severities."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        for name in NAMES:
            for severity in SEVERITIES:
                for _ in DataLoader(Corrupted(pixels, name, severity), BATCH, num_workers=workers):
                    pass
        taken.append(time.perf_counter() - started)
    sys.stdout.write(f"{statistics.median(taken)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
