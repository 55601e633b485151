"""The arithmetic of verdicts: means over training seeds, their intervals, and whether a range holds them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

from robustbench_ln.benchmarks.benchmark import on_data
from robustbench_ln.metrics import t_interval

Floats = npt.NDArray[np.float64]
#: Rounding of decimal numbers must not decide a claim: 0.9562 - 0.0020 is not quite 0.9542.
_ROUNDING = 1e-9


class UndecidedError(Exception):
    """A claim cannot be decided; the message says why."""


@dataclass(frozen=True)
class Point:
    """What a claim tests, at one sigma.

    Attributes:
        sigma: of the noise.
        value: what is tested, over the training seeds: their mean accuracy, a difference of two (both as
            shares of 1), a ratio of two, or a share of predictions.
        low, high: 95 % interval of `value`: Student's t over the training seeds where there are two or more;
            Wilson's over the images for the accuracy of a single network; None where there is neither.
        seeds: number of training seeds.
        images: test images of each seed, the fewest.
    """

    sigma: float
    value: float
    low: float | None
    high: float | None
    seeds: int
    images: int


@dataclass(frozen=True)
class Check:
    """One claim, over the networks of one benchmark, on one data set, under one noise.

    Attributes:
        benchmark: the benchmark's name; two, joined by "and", where a claim compares two.
        preset: how much of the recipe its networks had.
        data: name of the test images, with the start of their checksum where two sets have one name.
        noise: the noise with its options, as `noise_text` of the evidence; empty for clean images and for
            claims without noise.
        reading: whether that noise is the one of the paper's "text", of the authors' "code", or of "both".
        holds: whether the claim holds; None where it is not decided.
        measured: in words, with numbers, interval, and the number of seeds and images.
        points: by sigma, what was tested.
        reason: why it is not decided, or what made it fail; empty where it holds.
        clear: whether the intervals over training seeds agree with `holds`: every one lies within what the
            claim allows, or one lies wholly outside. None where a point rests on one seed.
    """

    benchmark: str
    preset: str
    data: str
    noise: str
    reading: str
    holds: bool | None
    measured: str
    points: tuple[Point, ...] = ()
    reason: str = ""
    clear: bool | None = None

    @property
    def place(self) -> str:
        """Whose networks on which data."""
        return on_data(self.benchmark, self.data)


@dataclass(frozen=True)
class Allowed:
    """The range that a claim allows, both ends included.

    Attributes:
        least, most: its ends.
        strict: whether `least` itself is outside.
    """

    least: float = -math.inf
    most: float = math.inf
    strict: bool = False

    def room(self, value: float) -> float:
        """Return how far inside the range a value lies, negative outside."""
        return min(value - self.least, self.most - value)

    def holds(self, value: float) -> bool:
        """Return whether a value lies inside, but for rounding."""
        if self.strict and value <= self.least + _ROUNDING:
            return False
        return self.room(value) >= -_ROUNDING


@dataclass(frozen=True)
class Decision:
    """Whether every point lies in a range.

    Attributes:
        holds, clear: see `Check`.
        worst: the point with the least room.
        failing: the points outside.
    """

    holds: bool
    clear: bool | None
    worst: Point
    failing: tuple[Point, ...]


def decide(points: Sequence[Point], allowed: Allowed) -> Decision:
    """Return whether every one of some points, at least one, lies in a range."""
    failing = tuple(point for point in points if not allowed.holds(point.value))
    worst = min(points, key=lambda point: allowed.room(point.value))
    return Decision(not failing, _is_clear(points, allowed, not failing), worst, failing)


def _is_clear(points: Sequence[Point], allowed: Allowed, holds: bool) -> bool | None:
    intervals = [
        (point.low, point.high)
        for point in points
        if point.seeds > 1 and point.low is not None and point.high is not None
    ]
    if len(intervals) < len(points):
        return None
    if holds:
        return all(allowed.holds(low) and allowed.holds(high) for low, high in intervals)
    # An interval that holds the whole range has both ends outside it and says nothing.
    return any(
        not allowed.holds(low) and not allowed.holds(high) and not low < allowed.least <= allowed.most < high
        for low, high in intervals
    )


def points_of(
    table: pd.DataFrame, images: pd.Series, single: pd.DataFrame | None = None, *, share: bool = True
) -> list[Point]:
    """Return a point for each sigma.

    Args:
        table: what is tested, a row a sigma and a column a training seed; NaN where it was not measured.
        images: number of images by sigma.
        single: `low` and `high` by sigma, the interval where there is one seed; None for none.
        share: whether values are shares, whose intervals end at 0 and 1.
    """
    points = []
    for sigma, row in table.sort_index().iterrows():
        values = row.dropna().to_numpy(dtype=np.float64)
        if not len(values):
            continue
        interval = t_interval(values)
        if interval is not None and share:
            interval = max(interval[0], 0.0), min(interval[1], 1.0)
        if interval is None and single is not None:
            interval = float(single.at[sigma, "low"]), float(single.at[sigma, "high"])
        low, high = interval or (None, None)
        points.append(
            Point(float(sigma), float(values.mean()), low, high, len(values), int(images.loc[sigma]))
        )
    return points


def linear_residual(sigma: npt.ArrayLike, share: npt.ArrayLike) -> float:
    """Return the root mean square residual of the straight line that fits points best."""
    x, y = np.asarray(sigma, dtype=np.float64), np.asarray(share, dtype=np.float64)
    design = np.stack([np.ones_like(x), x], axis=1)
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    return _root_mean_square(y - design @ solution)


def exponential_residual(sigma: npt.ArrayLike, share: npt.ArrayLike) -> float:
    """Return the root mean square residual of the decay a exp(-b sigma), b >= 0, that fits points best.

    For each b the best a is known, so one number is searched: on a grid, since the residual may have several
    minima, and then around the grid's best.
    """
    x, y = np.asarray(sigma, dtype=np.float64), np.asarray(share, dtype=np.float64)

    def residual(log_rate: float) -> float:
        decay = np.exp(-math.exp(log_rate) * x)
        scale = float(decay @ decay)
        return _root_mean_square(y - decay * (float(y @ decay) / scale if scale > 0 else 0.0))

    span = float(np.ptp(x)) or 1.0
    # From a fall that cannot be seen over the range to one that is over before 1/1000 of it.
    grid = np.log(np.geomspace(1e-4, 1e4, 161) / span)
    best = int(np.argmin([residual(log_rate) for log_rate in grid]))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(residual, bounds=around, method="bounded", options={"xatol": 1e-9})
    flat = _root_mean_square(y - y.mean())
    return min(float(found.fun), residual(float(grid[best])), flat)


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
