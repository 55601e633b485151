"""The difference between two areas under the curve, with an interval over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustbench_ln.metrics import area_under_curve

RESAMPLES = 2000
#: Drawn images that are held at once.
_HELD = 2_000_000


@dataclass(frozen=True)
class AreaDifference:
    """Mean accuracies over the range of sigma, see `robustbench_ln.metrics.area_under_curve`.

    Attributes:
        a, b: of the two networks.
        difference: B - A.
        low, high: its 95 % interval over images.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float


def compare_areas(
    sigma: npt.ArrayLike,
    right_a: npt.NDArray[np.bool_],
    right_b: npt.NDArray[np.bool_],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> AreaDifference:
    """Return the areas under two curves, and the percentile interval of a paired bootstrap over images.

    An area is linear in accuracies and an accuracy is a mean over images, so the difference of two areas is
    a mean over images as well: drawing images for that mean draws them for all sigmas and both networks.

    Args:
        sigma: (sigmas,) two or more different ones.
        right_a: (sigmas, images) whether A is right, under the noise of that sigma.
        right_b: the same of B.
        seed: of the draws.
        resamples: how many.

    Source:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    sigmas = np.asarray(sigma, dtype=np.float64)
    weights = np.array([area_under_curve(sigmas, unit) for unit in np.eye(len(sigmas))])
    # (images,) what each image adds to the difference; exact zeros where both agree at all sigmas.
    by_image = weights @ (right_b.astype(np.float64) - right_a)
    drawn = _means(by_image, seed, resamples)
    low, high = np.quantile(drawn, [0.025, 0.975])
    a, b = (area_under_curve(sigmas, right.mean(1)) for right in (right_a, right_b))
    return AreaDifference(a, b, b - a, float(low), float(high))


def _means(values: npt.NDArray[np.float64], seed: int, resamples: int) -> npt.NDArray[np.float64]:
    """Return the means of samples with replacement, as large as the values are many."""
    random = np.random.default_rng(seed)
    images = len(values)
    step = max(_HELD // images, 1)
    parts = [
        values[random.integers(0, images, (min(step, resamples - start), images))].mean(1)
        for start in range(0, resamples, step)
    ]
    return np.concatenate(parts)
