"""Gaussian noise: xi is normal with mean 0 and standard deviation sigma."""

from __future__ import annotations

import numpy as np

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily


def _proportional(images: FloatArray, sigma: float, normal: FloatArray) -> FloatArray:
    noisy = np.float32(sigma) * normal
    noisy += 1
    noisy *= images
    return noisy


def _additive(images: FloatArray, sigma: float, normal: FloatArray) -> FloatArray:
    return images + np.float32(sigma) * normal


AGN = NoiseFamily(
    name="agn",
    formula="x(1+xi), xi ~ N(0, sigma)",
    sigma="standard deviation of xi, relative to the pixel's own value",
    source="LocalNorm paper, section 4 (which calls it additive)",
    kind="normal",
    apply=_proportional,
)
AGN_ADDITIVE = NoiseFamily(
    name="agn-additive",
    formula="x+xi, xi ~ N(0, sigma)",
    sigma="standard deviation of xi on the [0, 1] scale",
    source="what the name says",
    kind="normal",
    apply=_additive,
)
