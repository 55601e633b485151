"""mCE and relative mCE: errors under corruption, relative to those of a baseline.

Source: Hendrycks and Dietterich 2019, section 4. There the baseline is AlexNet, sums are over severities 1 to
5, and the mean is over 15 corruptions. Here the baseline and the corruptions are those of the store, and
ratios are not multiplied by 100.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from robustbench_ln.errors import UnknownNameError
from robustbench_ln.metrics import CURVE, of_clean_images
from robustbench_ln.noise.ready_made import corruption_of
from robustbench_ln.noise.severity import SEVERITIES, Constants, severity_of

_NOISE = ["noise", "clip", "rescale", "space"]
_DATA = ["data", "checksum", "limit"]
#: What names a network in one mode, measured in one way, on one data set.
_WAY = [column for column in CURVE if column not in _NOISE]
#: What must be equal in a network and its baseline, beside the data.
_SHARED = ["noise_seed", "dtype", "protocol"]
#: What couples images: equal where both have it and the baseline was measured with it.
_REPEATED = ["batch_size", "order", "order_seed"]


@dataclass(frozen=True)
class CorruptionError:
    """The error of a network under one corruption, relative to the baseline's.

    Attributes:
        corruption: name of the noise, or of the file of ready-made images.
        error: mean error over the severities, None where it is not known.
        baseline_error: the same of the baseline.
        ce: the sum of its errors over that of the baseline's, None where it is undefined.
        relative_ce: the same after both clean errors were subtracted.
        reason: why `ce`, and with it `relative_ce`, is None.
        relative_reason: why `relative_ce` is None.
    """

    corruption: str
    error: float | None
    baseline_error: float | None
    ce: float | None
    relative_ce: float | None
    reason: str = ""
    relative_reason: str = ""


@dataclass(frozen=True)
class MeanCorruptionError:
    """A network in one mode, measured in one way, on one data set.

    Attributes:
        way: the columns of `load_results` that name it.
        corruptions: one by one; one without a number makes the mean undefined.
        clean_error: without corruption, None where it is not known.
        mce: mean of `ce` over the corruptions, None where one of them is undefined.
        relative_mce: the same of `relative_ce`.
        reason: why `mce` is None.
        relative_reason: why `relative_mce` is None.
    """

    way: dict[str, Any]
    corruptions: list[CorruptionError]
    clean_error: float | None
    mce: float | None
    relative_mce: float | None
    reason: str
    relative_reason: str


def corruption_error(errors: npt.ArrayLike, baseline: npt.ArrayLike) -> float:
    """Return CE: the sum of the errors at each severity over that of the baseline; NaN where that is 0.

    Args:
        errors: (severities,) in [0, 1].
        baseline: the same of the baseline.

    >>> corruption_error([0.1, 0.2, 0.3], [0.2, 0.4, 0.6])
    0.5
    """
    below = float(np.sum(baseline))
    return float(np.sum(errors)) / below if below > 0 else math.nan


def relative_corruption_error(
    errors: npt.ArrayLike, clean: float, baseline: npt.ArrayLike, baseline_clean: float
) -> float:
    """Return relative CE: `corruption_error` of what corruption adds to the clean errors.

    Args:
        errors: (severities,) in [0, 1].
        clean: the error without corruption, in [0, 1].
        baseline: as `errors`, of the baseline.
        baseline_clean: as `clean`, of the baseline.

    Returns:
        A ratio, negative where corruption takes errors away; NaN where the baseline's errors do not grow in
        sum: the ratio says nothing then.
    """
    added = np.asarray(baseline, dtype=np.float64) - baseline_clean
    return corruption_error(np.asarray(errors, dtype=np.float64) - clean, added)


def mean_corruption_errors(
    cells: pd.DataFrame,
    baseline: str,
    baseline_mode: str,
    constants: Mapping[str, Constants],
    *,
    severities: Sequence[int] = SEVERITIES,
    corruptions: Sequence[str] = (),
) -> list[MeanCorruptionError]:
    """Return the mean corruption error of every network, mode and data set of a table of cells.

    Args:
        cells: of `load_results`.
        baseline: id of the model that others are divided by.
        baseline_mode: its mode.
        constants: by model id, whose severities the sigmas of generated noise are.
        severities: that the sums are over.
        corruptions: noises, or files of ready-made images; empty for all. The mean is over those of them
            that any network was measured under on a data set.

    Raises:
        UnknownNameError: a corruption that nothing was measured under.
    """
    graded = _graded(cells, constants)
    clean = cells[of_clean_images(cells) & (cells["space"] == "pixel")]
    measured = sorted(set(graded["corruption"]))
    for name in corruptions:
        if name not in measured:
            raise UnknownNameError("corruption", name, measured)
    if corruptions:
        graded = graded[graded["corruption"].isin(corruptions)]
    found = []
    for _, here in graded.groupby(_DATA, dropna=False, sort=False):
        names = sorted(set(here["corruption"]))
        for _, own in here.groupby(_WAY, dropna=False, sort=False):
            way = own.iloc[0]
            others, why = _baseline(here, baseline, baseline_mode, way)
            found.append(_mean(clean, own, others, why, names, severities))
    return found


def _graded(cells: pd.DataFrame, constants: Mapping[str, Constants]) -> pd.DataFrame:
    """Return the cells under a corruption of known severity, with the columns `corruption` and `grade`."""
    grades, names = [], []
    for row in cells.itertuples(index=False):
        file = corruption_of(row.noise)
        if file is not None:
            grades.append(int(row.sigma))
        elif row.model in constants and not row.rescale:
            grades.append(severity_of(row.noise, row.sigma, constants[row.model]) or 0)
        else:
            grades.append(0)
        names.append(file or row.noise)
    graded = cells.assign(corruption=names, grade=grades)
    return graded[graded["grade"] > 0]


def _baseline(here: pd.DataFrame, model: str, mode: str, way: Mapping[str, Any]) -> tuple[pd.DataFrame, str]:
    """Return the baseline's cells that a network's compare with, or none and why."""
    rows = here[(here["model"] == model) & (here["mode"] == mode)]
    for column in _SHARED:
        rows = rows[rows[column] == way[column]]
    for column in _REPEATED:
        # Of a baseline that was measured several times, the time that is the network's own.
        alike = rows[rows[column] == way[column]] if pd.notna(way[column]) else rows
        rows = alike if len(alike) else rows
    ways = rows.drop_duplicates(_WAY)
    if not len(ways):
        return rows, f"the baseline was not measured in mode {mode} with the same seed and precision"
    if len(ways) > 1:
        different = [column for column in _WAY if ways[column].nunique(dropna=False) > 1]
        return rows.iloc[:0], f"the baseline was measured in {len(ways)} ways ({', '.join(different)})"
    return rows, ""


def _mean(
    clean_cells: pd.DataFrame,
    own: pd.DataFrame,
    others: pd.DataFrame,
    why: str,
    names: Sequence[str],
    severities: Sequence[int],
) -> MeanCorruptionError:
    clean, no_clean = _clean_error(clean_cells, own)
    base_clean, no_base = _clean_error(clean_cells, others) if len(others) else (None, "")
    relative_why = no_clean or (no_base and f"the baseline: {no_base}")
    images = int(own["images"].iloc[0])
    each = []
    for name in names:
        errors, missing = _errors(own, name, severities)
        base, base_missing = _errors(others, name, severities) if not why else ([], "")
        reason = missing or why or (base_missing and f"the baseline: {base_missing}")
        ce = relative = None
        relative_reason = reason or relative_why
        if not reason:
            ce = _defined(corruption_error(errors, base))
            reason = "" if ce is not None else "the baseline makes no error"
        if not relative_reason and clean is not None and base_clean is not None:
            relative = _defined(relative_corruption_error(errors, clean, base, base_clean))
            relative_reason = "" if relative is not None else "the baseline's errors do not grow"
        each.append(
            CorruptionError(
                name,
                None if missing else float(np.mean(errors) / images),
                None if why or base_missing else float(np.mean(base) / images),
                ce,
                relative,
                reason,
                relative_reason,
            )
        )
    return MeanCorruptionError(
        {column: _plain(own.iloc[0][column]) for column in _WAY},
        each,
        None if clean is None else clean / images,
        _mean_of([one.ce for one in each]),
        _mean_of([one.relative_ce for one in each]),
        _joined({one.corruption: one.reason for one in each}),
        _joined({one.corruption: one.relative_reason for one in each}),
    )


def _errors(cells: pd.DataFrame, name: str, severities: Sequence[int]) -> tuple[list[int], str]:
    """Return how many images were wrong at each severity, or why it is not known.

    Whole numbers, whose differences are exact: all cells here have equally many images.
    """
    rows = cells[cells["corruption"] == name]
    missing = [str(grade) for grade in severities if grade not in set(rows["grade"])]
    if missing:
        many = "severities" if len(missing) > 1 else "severity"
        return [], f"{many} {', '.join(missing)} not measured"
    rows = rows[rows["grade"].isin(severities)]
    if rows["grade"].duplicated().any():
        return [], "a severity was measured on different images"
    wrong = (rows["images"] - rows["correct"]).groupby(rows["grade"]).sum()
    return [int(wrong[grade]) for grade in severities], ""


def _clean_error(clean: pd.DataFrame, own: pd.DataFrame) -> tuple[int | None, str]:
    """Return how many images were wrong at sigma 0 in the same way, or None and why.

    A folder of corrupted images holds no clean ones: theirs are those of the one data set with as many images
    that the network was measured on at sigma 0.
    """
    way = own.iloc[0]
    ready_made = corruption_of(way["noise"]) is not None
    same = [column for column in _WAY if not (ready_made and column in _DATA)]
    rows = clean[clean["images"] == way["images"]]
    for column in same:
        value = way[column]
        rows = rows[rows[column].isna() if pd.isna(value) else (rows[column] == value).fillna(False)]
    if not len(rows):
        return None, "the clean error (sigma 0) was not measured"
    if len(rows.drop_duplicates(_DATA)) > 1:
        return None, f"there are several clean data sets ({', '.join(sorted(set(rows['data'])))})"
    if rows["correct"].nunique() > 1:
        return None, "clean cells disagree"
    return int(rows["images"].iloc[0] - rows["correct"].iloc[0]), ""


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _joined(reasons: Mapping[str, str]) -> str:
    """Return the reasons, each once with the corruptions that it is of."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        if reason:
            by_reason.setdefault(reason, []).append(name)
    return "; ".join(
        reason if len(names) == len(reasons) else f"{', '.join(names)}: {reason}"
        for reason, names in by_reason.items()
    )


def _plain(value: Any) -> Any:
    """Return a value of a table as Python's own."""
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
