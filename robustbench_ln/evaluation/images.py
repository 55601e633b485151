"""The noisy images of one pass, made chunk by chunk in evaluation order: memory never grows with the set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from robustbench_ln.data.dataset import Arrays
from robustbench_ln.errors import LnbenchError
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.noise.corrupt import rescale_channels
from robustbench_ln.noise.draws import FloatArray

IntArray = npt.NDArray[np.int64]
Preprocessing = Mapping[str, tuple[float, ...]]
#: Bytes of noisy images at hand at once: so few stay in the cache from one operation to the next.
_CHUNK_BYTES = 2 * 2**20


class NoisyImages:
    """Noisy images of a data set at one sigma.

    Args:
        arrays: the split.
        noise: the family with its options.
        sigma: decimal string.
        seed: the noise seed.
        indices: ascending indices of the images in use, over which a rescaling takes its range.
        preprocessing: the network's own normalization, which noise in the standardised space follows.
        train_range: (2, C) minimum and maximum of each channel of the training set, 0..255; needed for a
            rescaling.
    """

    def __init__(
        self,
        arrays: Arrays,
        noise: NoiseSpec,
        sigma: str,
        seed: int,
        indices: IntArray,
        preprocessing: Preprocessing,
        train_range: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self._images = arrays.images
        self._noise, self._sigma, self._seed = noise, sigma, seed
        self._preprocessing = preprocessing
        per_image = 4 * int(np.prod(self._images.shape[1:]))
        self._chunk = max(_CHUNK_BYTES // per_image, 1)
        self._observed: FloatArray | None = None
        if noise.rescale:
            if train_range is None:
                raise LnbenchError("Rescaling needs the range of the training images, and none is known.")
            scaled = (train_range / 255).astype(np.float32)[:, :, None, None]
            self._wanted = self._into_space(scaled).reshape(2, -1)
            self._observed = self._range(indices)

    def chunks(self, order: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield (indices, noisy images (n, C, H, W) float32) along an order.

        Images are in [0, 1] before noise in the pixel space, standardised in the standardised space.
        """
        for start in range(0, len(order), self._chunk):
            part = order[start : start + self._chunk]
            noisy = self._noisy(part)
            if self._observed is not None:
                noisy = rescale_channels(noisy, self._observed, self._wanted)
            yield part, noisy

    @property
    def standardised(self) -> bool:
        """Whether the images have been through the network's own normalization."""
        return self._noise.space == "standardised"

    def _noisy(self, indices: IntArray) -> FloatArray:
        clean = self._images[indices].astype(np.float32) / np.float32(255)
        # A rescaling goes through the images twice, in two orders, whose draws would push each other out.
        keep = self._observed is not None or not self._noise.rescale
        return self._noise.corrupt(self._into_space(clean), self._sigma, self._seed, indices, keep_draws=keep)

    def _into_space(self, clean: FloatArray) -> FloatArray:
        return standardise(clean, self._preprocessing) if self.standardised else clean

    def _range(self, indices: IntArray) -> FloatArray:
        """Return the (2, C) minimum and maximum of each channel over the whole noisy set: the first pass."""
        low, high = np.inf, -np.inf
        for start in range(0, len(indices), self._chunk):
            noisy = self._noisy(indices[start : start + self._chunk])
            low, high = np.minimum(low, noisy.min((0, 2, 3))), np.maximum(high, noisy.max((0, 2, 3)))
        return np.stack([low, high]).astype(np.float32)


def standardise(images: FloatArray, preprocessing: Preprocessing) -> FloatArray:
    """Apply a network's own normalization: (x - mean) / deviation, for each channel.

    Args:
        images: (N, C, H, W) float32, in [0, 1] before noise.
        preprocessing: "mean" and "std", (C,) each.

    Returns:
        (N, C, H, W) float32; `images` themselves where the normalization changes nothing.
    """
    mean, std = (np.asarray(preprocessing[key], dtype=np.float32) for key in ("mean", "std"))
    if not mean.any() and (std == 1).all():
        return images
    column = (1, -1, 1, 1)
    return (images - mean.reshape(column)) / std.reshape(column)
