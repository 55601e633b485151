"""Bernoulli noise: values are set to 0 with probability sigma.

The paper's formula multiplies by Bernoulli(sigma), which would keep with probability sigma; its text
and its code remove with probability sigma, and so does this.
"""

from __future__ import annotations

import numpy as np

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily


def _drop(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    # Uniforms are multiples of 2**-24 below 1, so sigma 1 drops every value and sigma 0 none.
    # A product takes a tenth of the time of np.where, whose branches no processor foresees.
    kept = images * (uniform >= np.float32(sigma))
    kept += np.float32(0)  # Dropped values below 0 come to -0 otherwise.
    return kept


MBN = NoiseFamily(
    name="mbn",
    formula="x m, m = 0 with probability sigma, else 1, for each pixel and channel",
    sigma="probability that a value is dropped",
    source="LocalNorm paper, section 4 (text)",
    kind="uniform",
    apply=_drop,
    max_sigma=1.0,
)
MBN_PIXEL = NoiseFamily(
    name="mbn-pixel",
    formula="x m, m = 0 with probability sigma, else 1, one m for all channels of a pixel",
    sigma="probability that a pixel is dropped",
    source="LocalNorm authors' code",
    kind="uniform-per-pixel",
    apply=_drop,
    max_sigma=1.0,
)
