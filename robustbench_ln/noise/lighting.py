"""Poor lighting: no random numbers, each image loses brightness or contrast.

They stand in for the photographs of the LocalNorm paper's Fig 2, poorly lit or camouflaged cars, which
were not published.
"""

from __future__ import annotations

import numpy as np

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily


def _darken(images: FloatArray, sigma: float, nothing: FloatArray) -> FloatArray:
    return images * np.float32(1 - sigma)


def _low_contrast(images: FloatArray, sigma: float, nothing: FloatArray) -> FloatArray:
    # Summed in one order whatever the layout in memory, so that an image's mean is its own to the last bit.
    mean = np.ascontiguousarray(images).mean((1, 2, 3), dtype=np.float64, keepdims=True)
    # A sum of two products: at sigma 0 and 1 one of them is exactly 0, where m+(1-sigma)(x-m) would round.
    offset: FloatArray = (mean * sigma).astype(np.float32)
    return images * np.float32(1 - sigma) + offset


DARKEN = NoiseFamily(
    name="darken",
    formula="x(1-sigma), without random numbers",
    sigma="share of the light that is taken away",
    source="this project, for the paper's Fig 2 (poorly lit)",
    kind="none",
    apply=_darken,
    max_sigma=1.0,
)
LOW_CONTRAST = NoiseFamily(
    name="low-contrast",
    formula="m+(1-sigma)(x-m), m = mean of the image over pixels and channels, without random numbers",
    sigma="share of the contrast that is taken away",
    source="this project, for the paper's Fig 2 (camouflaged)",
    kind="none",
    apply=_low_contrast,
    max_sigma=1.0,
)
