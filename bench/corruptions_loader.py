"""The `imagecorruptions` package in a DataLoader: Gaussian, shot and impulse noise, 5 severities.

`python bench/corruptions_loader.py IMAGES WORKERS` makes all of them once for each line that it reads, and
then says so in a line; see `noise_cost.py`.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from imagecorruptions import corrupt  # type: ignore[import-not-found]

NAMES, SEVERITIES, BATCH = ("gaussian_noise", "shot_noise", "impulse_noise"), range(1, 6), 128


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
    """Make all noises and severities whenever it is asked for."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    for _ in sys.stdin:
        for name in NAMES:
            for severity in SEVERITIES:
                for _ in DataLoader(Corrupted(pixels, name, severity), BATCH, num_workers=workers):
                    pass
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
