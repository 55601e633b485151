"""Poisson noise: xi is the inverse distribution function of a uniform number, so curves are smooth in sigma.

The paper calls the noise zero-mean; its formula and its code add Poisson(sigma), whose mean is sigma.
"""

from __future__ import annotations

import numpy as np

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily


def poisson(rate: float, uniform: FloatArray) -> FloatArray:
    """Return the Poisson numbers whose distribution function first exceeds `uniform`, float32."""
    if rate == 0:
        return np.zeros_like(uniform)
    from scipy import special  # takes 0.2 s, which a command that only plans does not have to spend

    # float32 uniforms are multiples of 2**-24: beyond rate + 8 sqrt(rate) + 16 the tail is smaller than that.
    largest = int(rate + 8 * np.sqrt(rate) + 16)
    distribution = special.pdtr(np.arange(largest), rate)
    return (
        np.searchsorted(distribution, uniform.reshape(-1), side="right")
        .reshape(uniform.shape)
        .astype(np.float32)
    )


def _proportional(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    return images * (1 + poisson(sigma, uniform))


def _additive(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    return images + poisson(sigma, uniform)


def _additive_255(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    return images + poisson(255 * sigma, uniform) / np.float32(255)


APN = NoiseFamily(
    name="apn",
    formula="x(1+xi), xi ~ Poisson(sigma)",
    sigma="rate of xi (its mean and variance)",
    source="LocalNorm paper, section 4, second formula; the authors' code",
    kind="uniform",
    apply=_proportional,
    max_sigma=1e6,
)
APN_ADDITIVE = NoiseFamily(
    name="apn-additive",
    formula="x+xi, xi ~ Poisson(sigma)",
    sigma="rate of xi (its mean and variance)",
    source="LocalNorm paper, section 4, first formula (x+255 xi on 0..255)",
    kind="uniform",
    apply=_additive,
    max_sigma=1e6,
)
APN_ADDITIVE_255 = NoiseFamily(
    name="apn-additive-255",
    formula="x+xi, xi ~ Poisson(255 sigma)/255",
    sigma="mean of xi on the [0, 1] scale (rate 255 sigma on 0..255)",
    source="LocalNorm authors' code, Stanford Cars variant, without its min-max rescaling of each image",
    kind="uniform",
    apply=_additive_255,
    max_sigma=1e4,
)
