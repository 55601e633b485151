"""The interval of a proportion, for whoever needs no table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]


def wilson_interval(
    correct: npt.ArrayLike, images: npt.ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the Wilson score interval of a proportion, for arrays of counts.

    Images are taken as independent. (SciPy's `binomtest` gives the same numbers one at a time; a table of
    50,000 cells needs arrays.)

    Args:
        correct: successes, any shape.
        images: trials, the same shape; 0 gives NaN.
        confidence: coverage.

    Returns:
        Lower and upper bounds in [0, 1].

    Source:
        Wilson 1927, Journal of the American Statistical Association 22, without continuity correction.
    """
    k, n = np.asarray(correct, dtype=np.float64), np.asarray(images, dtype=np.float64)
    z = special.ndtri(0.5 + confidence / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (k + z**2 / 2) / (n + z**2)
        half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    # Rounding must not push the bound of 0 or n successes past the proportion itself.
    low, high = np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)
