"""The noises of ImageNet-C and CIFAR-C: Gaussian, shot, impulse and speckle, all clipped to [0, 1].

The published images were then truncated to whole steps of 1/255 (and those of ImageNet-C saved as JPEG). This
noise is not: truncation alone would darken every value by half a step, 0.002, and sigma 0 would not be the
identity.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019, and its authors' code.
"""

from __future__ import annotations

import numpy as np

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily
from robustbench_ln.noise.gaussian import AGN, AGN_ADDITIVE
from robustbench_ln.noise.poisson import poisson_counts

_SOURCE = "Hendrycks and Dietterich 2019"


def _shot(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    if sigma == 0:
        return images.copy()
    counts = poisson_counts(images, 1 / sigma, uniform)
    counts *= np.float32(sigma)
    return counts


def _impulse(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    # From both ends of [0, 1), so that a value keeps its colour as sigma grows.
    half = np.float32(sigma / 2)
    noisy = np.where(uniform < half, np.float32(0), images)
    noisy[uniform >= 1 - half] = 1
    return noisy


GAUSSIAN = NoiseFamily(
    name="gaussian",
    formula="x+xi, xi ~ N(0, sigma), clipped: `agn-additive` with `--clip`",
    sigma="standard deviation of xi on the [0, 1] scale",
    source=_SOURCE,
    kind="normal",
    apply=AGN_ADDITIVE.apply,
    clipped=True,
)
SHOT = NoiseFamily(
    name="shot",
    formula="Poisson(c x)/c, c = 1/sigma, clipped",
    sigma="variance of a white pixel before clipping, 1/c, where c is the number of photons that it counts",
    source=_SOURCE,
    kind="uniform",
    apply=_shot,
    min_sigma=1e-5,
    max_sigma=1e6,
    clipped=True,
)
IMPULSE = NoiseFamily(
    name="impulse",
    formula="0 or 1, each with probability sigma/2, else x, for each pixel and channel (salt and pepper)",
    sigma="share of values that are set to 0 or 1",
    source=_SOURCE,
    kind="uniform",
    apply=_impulse,
    max_sigma=1.0,
    clipped=True,
)
SPECKLE = NoiseFamily(
    name="speckle",
    formula="x+x xi, xi ~ N(0, sigma), clipped: `agn` with `--clip`",
    sigma="standard deviation of xi, relative to the pixel's own value",
    source=_SOURCE,
    kind="normal",
    apply=AGN.apply,
    clipped=True,
)
