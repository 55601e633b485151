"""The training images: where they lie, what is done to a batch of them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import torch
from torch import Tensor

from robustbench_ln.batches import in_memory_format
from robustbench_ln.data.dataset import Arrays, DataSet, limited
from robustbench_ln.errors import LnbenchError
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.noise.grid import canonical_sigma
from robustbench_ln.training.augment import augment
from robustbench_ln.training.recipe import Recipe

#: Noise of training images is drawn apart from that of test images, which share positions with them.
_NOISE_SEED = 1_000_000


class TrainingImages:
    """The images of a recipe, held on the device as bytes.

    Args:
        recipe: which images, how they are changed, and the network's own normalization.
        data: the data set.
        device: where the network is trained.
    """

    def __init__(self, recipe: Recipe, data: DataSet, device: torch.device) -> None:
        arrays: Arrays = data.arrays("train")
        indices = limited(len(arrays.labels), recipe.data["limit"])
        self._settings, self.device = recipe.train, device
        self._images = torch.from_numpy(arrays.images[indices]).to(device)
        self._labels = torch.from_numpy(arrays.labels[indices]).to(device)
        self._mean, self._std = (
            torch.tensor(recipe.preprocessing[key], device=device).reshape(1, -1, 1, 1)
            for key in ("mean", "std")
        )
        self._copied, self._noise_seed = np.empty(0, dtype=np.int64), _NOISE_SEED + recipe.seed
        noisy = recipe.train.noisy
        if noisy is not None:
            self._copied = limited(len(indices), max(round(noisy.share * len(indices)), 1))

    def __len__(self) -> int:
        return len(self._labels) + len(self._copied)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return a batch: pixels (N, C, H, W), normalized as the network wants them, and labels (N,).

        Args:
            rows: (N,) on the CPU, positions among the images and, after them, their noisy copies.
        """
        images = len(self._labels)
        copies = (rows >= images).nonzero()[:, 0]
        source = rows.clone()
        if len(copies):
            source[copies] = torch.from_numpy(self._copied)[rows[copies] - images]
        source = source.to(self.device, non_blocking=True)
        pixels = self._images[source].float() / 255
        if len(copies):
            pixels[copies.to(self.device)] = self._noisy(rows[copies] - images)
        ready = augment((pixels - self._mean) / self._std, self._settings.augment)
        return in_memory_format(ready), self._labels[source]

    def _noisy(self, copies: Tensor) -> Tensor:
        settings = self._settings.noisy
        if settings is None:
            raise LnbenchError("This recipe has no noisy copies.")
        positions = self._copied[copies.numpy()]
        pixels = self._images[torch.from_numpy(positions).to(self.device)].cpu().numpy()
        clean = pixels.astype(np.float32) / np.float32(255)
        noisy = NoiseSpec(settings.noise).corrupt(
            clean, canonical_sigma(Decimal(str(settings.sigma))), self._noise_seed, positions
        )
        return torch.from_numpy(noisy).to(self.device)
