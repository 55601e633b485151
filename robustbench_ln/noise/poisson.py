"""Poisson noise: xi is the inverse distribution function of a uniform number, so curves are smooth in sigma.

The paper calls the noise zero-mean; its formula and its code add Poisson(sigma), whose mean is sigma.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily

#: Equal parts of [0, 1), in nearly all of which every uniform number has the same Poisson number.
_PARTS = 2**16
#: Uniform numbers are multiples of this.
_STEP = 2.0**-24
#: Equal parts of [0, 1) for each of the 256 greys of an image, whose table fits the cache.
_GREY_PARTS = 2**12


def poisson(rate: float, uniform: FloatArray) -> FloatArray:
    """Return the Poisson numbers whose distribution function first exceeds `uniform`, float32.

    Args:
        rate: mean and variance.
        uniform: in [0, 1), multiples of 2**-24; any shape.
    """
    if rate == 0:
        return np.zeros_like(uniform)
    distribution, by_part = _tables(rate)
    values = uniform.reshape(-1)
    if values.size < _PARTS:
        numbers = np.searchsorted(distribution, values, side="right").astype(np.float32)
        return numbers.reshape(uniform.shape)
    numbers = by_part[(values * np.float32(_PARTS)).astype(np.uint16)]
    (doubtful,) = np.nonzero(np.isnan(numbers))
    numbers[doubtful] = np.searchsorted(distribution, values[doubtful], side="right")
    return numbers.reshape(uniform.shape)


@lru_cache(maxsize=8)
def _tables(rate: float) -> tuple[npt.NDArray[np.float64], FloatArray]:
    """Return the distribution function of 0, 1, 2 ..., and the number of each part of [0, 1).

    The number of a part is NaN where the distribution function has a value within the part.
    """
    from scipy import special  # takes 0.2 s, which a command that only plans does not have to spend

    # Beyond rate + 8 sqrt(rate) + 16 the tail is smaller than the smallest step of a uniform number.
    largest = int(rate + 8 * np.sqrt(rate) + 16)
    distribution = special.pdtr(np.arange(largest), rate)
    first = np.arange(_PARTS) / _PARTS
    lowest, highest = (
        np.searchsorted(distribution, edge, side="right") for edge in (first, first + 1 / _PARTS - _STEP)
    )
    return distribution, np.where(lowest == highest, lowest, np.nan).astype(np.float32)


def poisson_counts(images: FloatArray, photons: float, uniform: FloatArray) -> FloatArray:
    """Return the Poisson numbers of rate `photons` x, each value's own, float32.

    Args:
        images: x, 0 to 1; any shape. Whole multiples of 1/255 are a hundred times as fast as others.
        photons: mean and variance where x is 1; at most 1e5.
        uniform: in [0, 1), multiples of 2**-24; the same shape.
    """
    values, numbers = images.reshape(-1), uniform.reshape(-1)
    greys = np.rint(values * np.float32(255))
    # Building the table takes longer than a few values do without it.
    if (
        values.size < _PARTS
        or (greys / np.float32(255) != values).any()
        or values.min() < 0
        or values.max() > 1
    ):
        return _own_rates(values, photons, numbers).reshape(images.shape)
    position = greys.astype(np.uint32)
    position *= np.uint32(_GREY_PARTS)
    position += (numbers * np.float32(_GREY_PARTS)).astype(np.uint32)
    counts: FloatArray = _grey_table(photons)[position]
    (doubtful,) = np.nonzero(counts < 0)
    counts[doubtful] = _first_above(
        -1 - counts[doubtful].astype(np.float64),
        values[doubtful].astype(np.float64) * photons,
        numbers[doubtful],
    )
    return counts.reshape(images.shape)


@lru_cache(maxsize=2)
def _grey_table(photons: float) -> FloatArray:
    """Return (256 * parts,) the number of each grey and part of [0, 1).

    Where the distribution function has a value within the part it is -1 - the lowest number of the part.
    """
    from scipy import special

    first = np.arange(_GREY_PARTS) / _GREY_PARTS
    table: FloatArray = np.empty((256, _GREY_PARTS), dtype=np.float32)
    for grey, value in enumerate(np.arange(256, dtype=np.float32) / np.float32(255)):
        rate = float(value) * photons
        numbers = np.arange(_least(rate), rate + 8 * np.sqrt(rate) + 16)
        distribution = special.pdtr(numbers, rate)
        lowest, highest = (
            np.searchsorted(distribution, edge, side="right")
            for edge in (first, first + 1 / _GREY_PARTS - _STEP)
        )
        table[grey] = np.where(lowest == highest, numbers[0] + lowest, -1 - (numbers[0] + lowest))
    return table.reshape(-1)


def _own_rates(values: FloatArray, photons: float, uniform: FloatArray) -> FloatArray:
    from scipy import special

    rates = np.maximum(values.astype(np.float64), 0) * photons
    near = special.pdtrik(uniform, rates)
    start = np.fmax(np.where(uniform > 0, np.floor(near) - 1, 0), _least(rates))
    return _first_above(start, rates, uniform).astype(np.float32)


def _least(rate: npt.ArrayLike) -> Any:
    """Return a number whose distribution function, like that of all below it, is below every step."""
    return np.maximum(np.floor(rate - 8 * np.sqrt(rate) - 16), 0)


def _first_above(
    start: npt.NDArray[np.float64], rates: npt.NDArray[np.float64], uniform: FloatArray
) -> npt.NDArray[np.float64]:
    """Return the first numbers from `start` on whose distribution function exceeds `uniform`."""
    from scipy import special

    found, left = start.copy(), np.arange(start.size)
    while left.size:
        left = left[special.pdtr(found[left], rates[left]) <= uniform[left]]
        found[left] += 1
    return found


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
