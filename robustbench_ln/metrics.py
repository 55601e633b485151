"""Everything derived from counts: accuracy with its interval, curves, and collapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from robustbench_ln.calibration import BINS, NOTHING, UNIT, expected_calibration_error
from robustbench_ln.intervals import wilson_interval
from robustbench_ln.noise import NOISES
from robustbench_ln.noise.ready_made import corruption_of

Floats = npt.NDArray[np.float64]
#: Columns that name one curve: cells that differ in sigma alone.
CURVE = [
    "model", "benchmark", "network", "norm", "groups", "train_seed", "data", "checksum", "limit",
    "noise", "clip", "rescale", "space", "noise_seed",
    "mode", "vote", "blend", "coupled", "batch_size", "set_size", "order", "order_seed", "dtype", "protocol",
]  # fmt: skip
#: Columns of repeats of one measurement, and what is left of a curve's without them.
_REPEATS = ["noise_seed", "order_seed"]
_REPEATED = [column for column in CURVE if column not in _REPEATS]


def t_interval(values: npt.ArrayLike) -> tuple[float, float] | None:
    """Return the 95 % Student t interval of a mean, None below two values.

    Args:
        values: (seeds,) one number a training seed, taken as independent and normal.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) < 2:
        return None
    # The quantile of scipy.stats.t, which takes a second to import.
    quantile = special.stdtrit(len(numbers) - 1, 0.975)
    half = float(quantile * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    mean = float(numbers.mean())
    return mean - half, mean + half


def entropy_share(predicted: npt.ArrayLike) -> Floats:
    """Return the entropy of the predicted classes over that of uniform ones: 1 is uniform, 0 one class only.

    Args:
        predicted: (..., classes) how often each class was predicted; without any, or with one class, NaN.
    """
    counts = np.asarray(predicted, dtype=np.float64)
    classes = counts.shape[-1]
    if classes < 2:
        return np.full(counts.shape[:-1], np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(special.entr(counts / counts.sum(-1, keepdims=True)).sum(-1) / np.log(classes))


def top_share(predicted: npt.ArrayLike) -> Floats:
    """Return the share of the predictions in the most predicted class: 1 is collapse onto it.

    Args:
        predicted: (..., classes) how often each class was predicted; without any, NaN.
    """
    counts = np.asarray(predicted, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts.max(-1, initial=0) / counts.sum(-1))


def area_under_curve(sigma: npt.ArrayLike, accuracy: npt.ArrayLike) -> float:
    """Return the mean accuracy over the range of sigma, by the trapezoid rule.

    Args:
        sigma: (sigmas,) different ones, in any order.
        accuracy: (sigmas,) in [0, 1].

    Returns:
        A number in [0, 1]; NaN below two sigmas.
    """
    x, y = _sorted_curve(sigma, accuracy)
    return float(np.trapezoid(y, x) / (x[-1] - x[0])) if len(x) > 1 else float("nan")


def sigma_at_half(sigma: npt.ArrayLike, accuracy: npt.ArrayLike) -> float:
    """Return the first sigma at which accuracy is half of that at sigma 0, linear between points.

    Args:
        sigma: (sigmas,) different ones, 0 or above, in any order.
        accuracy: (sigmas,) in [0, 1].

    Returns:
        A sigma within their range; NaN where sigma 0 was not measured, and infinity where accuracy stays
        above half up to the largest sigma.
    """
    x, y = _sorted_curve(sigma, accuracy)
    if not len(x) or x[0] != 0:
        return float("nan")
    half = y[0] / 2
    below = np.flatnonzero(y <= half)
    if not len(below):
        return float("inf")
    after = int(below[0])
    if after == 0:
        return 0.0
    rise = (half - y[after - 1]) / (y[after] - y[after - 1])
    return float(x[after - 1] + rise * (x[after] - x[after - 1]))


def add_metrics(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a table of cells with what follows from their counts.

    Adds `accuracy`, `low` and `high` (95 % Wilson interval), `top_share` and `entropy_share` (collapse), and
    `ece` and `nll` (expected calibration error, and negative log-likelihood of an image in nats; NaN where
    they were not counted), in place of `predicted` and `calibration`.
    """
    table = cells.drop(columns=["predicted", "calibration"])
    images = table["images"].to_numpy(dtype=np.float64)
    correct = table["correct"].to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        table["accuracy"] = correct / images
    table["low"], table["high"] = wilson_interval(correct, images)
    numbers = np.zeros((len(cells), len(NOTHING.numbers())))
    for place, own in enumerate(cells["calibration"]):
        numbers[place] = own
    bins = numbers[:, :-1].reshape(len(cells), BINS, 3)
    table["ece"] = expected_calibration_error(bins)
    with np.errstate(invalid="ignore"):
        table["nll"] = numbers[:, -1] / UNIT / bins[:, :, 0].sum(1)
    table["top_share"], table["entropy_share"] = np.nan, np.nan
    lengths = np.array([len(counts) for counts in cells["predicted"]], dtype=np.int64)
    for classes in np.unique(lengths):
        alike = lengths == classes
        counts = np.array(cells["predicted"][alike].tolist(), dtype=np.float64)
        table.loc[alike, "top_share"] = top_share(counts)
        table.loc[alike, "entropy_share"] = entropy_share(counts)
    return table


def averaged(cells: pd.DataFrame) -> pd.DataFrame:
    """Return one row for all cells that differ in their noise seed or order seed alone.

    Args:
        cells: rows of `load_results`, further columns with them.

    Returns:
        The rows with `repeats`, how many cells each stands for. Where they are several, `accuracy`,
        `top_share`, `entropy_share`, `ece` and `nll` are means, `low` and `high` the wider of the Wilson
        interval of the mean over images and the 95 % Student t interval over seeds, within [0, 1], and all
        else is that of the lowest seeds. (Seeds alone would leave out which images there are: at sigma 0 all
        of them agree.)
    """
    points = [*_REPEATED, "sigma"]
    ordered = cells.sort_values(_REPEATS, kind="stable")
    again = ordered.duplicated(points)
    if not again.any():
        return cells.assign(repeats=1)
    groups = ordered.groupby(points, dropna=False, sort=False)
    means = groups[["accuracy", "top_share", "entropy_share", "ece", "nll"]].transform("mean")
    bounds = groups["accuracy"].transform(_half_width)
    found = ordered.assign(repeats=groups["accuracy"].transform("size"))
    several = found["repeats"] > 1
    for column in means:
        found.loc[several, column] = means.loc[several, column]
    low, high = wilson_interval(means["accuracy"] * ordered["images"], ordered["images"])
    found.loc[several, "low"] = np.minimum(low, (means["accuracy"] - bounds).clip(0))[several]
    found.loc[several, "high"] = np.maximum(high, (means["accuracy"] + bounds).clip(upper=1))[several]
    found = found[~again]
    # One curve keeps one name, whatever seeds its other points were measured with.
    for seed in _REPEATS:
        found[seed] = found.groupby(_REPEATED, dropna=False, sort=False)[seed].transform("min")
    return found.loc[cells.index.intersection(found.index, sort=False)]


def of_clean_images(cells: pd.DataFrame) -> pd.Series:
    """Return which cells are of the data set's own images: at sigma 0, neither rescaled nor ready-made.

    Of a noise whose code is not there, sigma 0 is taken for the identity, as it is unless its code says so.

    Args:
        cells: rows of `load_results`.
    """
    not_clean = {
        name
        for name in map(str, cells["noise"].unique())
        if corruption_of(name) is not None or (name in NOISES and not NOISES[name].clean_at_zero)
    }
    return (cells["sigma"] == 0) & ~cells["noise"].isin(not_clean) & ~cells["rescale"].astype(bool)


def summarize_curves(cells: pd.DataFrame) -> pd.DataFrame:
    """Return one row a curve of a table of cells.

    Returns:
        The columns of `CURVE` and `sigmas` (how many), `clean`, `clean_low`, `clean_high` (accuracy with its
        interval, NaN where no clean cell is in the curve), `area` and `half_sigma`.
    """
    rows: list[dict[str, Any]] = []
    own_images = of_clean_images(cells)
    # Half of what accuracy starts at is a measure of rescaled images, too.
    starting = of_clean_images(cells.assign(rescale=False))
    for key, curve in cells.groupby(CURVE, dropna=False, sort=False):
        named = dict(zip(CURVE, key, strict=True))
        clean = curve[own_images.loc[curve.index]]
        rows.append(
            named
            | {
                "sigmas": len(curve),
                "clean": clean["accuracy"].iloc[0] if len(clean) else float("nan"),
                "clean_low": clean["low"].iloc[0] if len(clean) else float("nan"),
                "clean_high": clean["high"].iloc[0] if len(clean) else float("nan"),
                "area": area_under_curve(curve["sigma"], curve["accuracy"]),
                "half_sigma": sigma_at_half(curve["sigma"], curve["accuracy"])
                if starting.loc[curve.index].any()
                else float("nan"),
            }
        )
    columns = [*CURVE, "sigmas", "clean", "clean_low", "clean_high", "area", "half_sigma"]
    return pd.DataFrame(rows, columns=columns)


def _sorted_curve(sigma: npt.ArrayLike, accuracy: npt.ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(sigma, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    order = np.argsort(x)
    return x[order], y[order]


def _half_width(accuracies: pd.Series) -> float:
    interval = t_interval(accuracies.to_numpy())
    return 0.0 if interval is None else (interval[1] - interval[0]) / 2
