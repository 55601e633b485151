"""Statistics of paired proportions: two networks, right or wrong on each of the same images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from robustbench_ln.intervals import wilson_interval

Floats = npt.NDArray[np.float64]


def difference_interval(
    both: npt.ArrayLike, only_a: npt.ArrayLike, only_b: npt.ArrayLike, neither: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Return the 95 % interval of the difference B - A of two paired proportions.

    Images are taken as independent. The Wilson intervals of both proportions are combined by their squares,
    with the correlation of the two.

    Args:
        both: how many images both get right, any shape.
        only_a: how many A alone gets right, the same shape.
        only_b: how many B alone gets right.
        neither: how many both get wrong; without any image NaN.

    Returns:
        Lower and upper bounds in [-1, 1].

    Source:
        Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10: phi with continuity correction where
        it is positive, and 0 where a margin is empty.
    """
    a, b, c, d = (np.asarray(count, dtype=np.float64) for count in (both, only_b, only_a, neither))
    n = a + b + c + d
    low_1, high_1 = wilson_interval(a + b, n)
    low_2, high_2 = wilson_interval(a + c, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        p1, p2, difference = (a + b) / n, (a + c) / n, (b - c) / n
        margins = np.sqrt(a + b) * np.sqrt(c + d) * np.sqrt(a + c) * np.sqrt(b + d)
        product = a * d - b * c
        phi = np.where(product > 0, np.maximum(product - n / 2, 0), product) / margins
        phi = np.where(margins > 0, phi, 0.0)
    below = _combined(p1 - low_1, high_2 - p2, phi)
    above = _combined(p2 - low_2, high_1 - p1, phi)
    return np.asarray(difference - below), np.asarray(difference + above)


def _combined(one: Floats, other: Floats, phi: Floats) -> Floats:
    # Rounding must not take the root of a negative number where the two cancel.
    return np.asarray(np.sqrt(np.maximum(one**2 - 2 * phi * one * other + other**2, 0)))


def mcnemar(only_a: npt.ArrayLike, only_b: npt.ArrayLike) -> Floats:
    """Return the exact two-sided p of McNemar's test: that both are right equally often.

    Images are taken as independent. (SciPy's `binomtest` gives the same numbers, and takes a second to
    import.)

    Args:
        only_a: how many images A alone gets right, any shape.
        only_b: how many B alone gets right, the same shape.

    Returns:
        p in [0, 1]; 1 where the two disagree on no image.
    """
    a, b = np.asarray(only_a, dtype=np.int64), np.asarray(only_b, dtype=np.int64)
    tail = special.bdtr(np.minimum(a, b).astype(np.float64), a + b, 0.5)
    return np.asarray(np.minimum(2 * tail, 1.0))


def holm(p: npt.ArrayLike) -> Floats:
    """Return p values that hold for all tests of a family together.

    Args:
        p: (tests,) values of single tests.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6, as adjusted p values.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    left = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * left), 1.0)
    return adjusted
