"""Repeats on the page: means over noise and order seeds, and compositions of batches told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from robustbench_ln.metrics import CURVE, t_interval, wilson_interval

_SEEDS = ["noise_seed", "order_seed"]
_CURVE = [column for column in CURVE if column not in _SEEDS]


def without_stress(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells without those of another order than "shuffled", where that was measured, too."""
    shuffled = cells["order"].isna() | (cells["order"] == "shuffled")
    same = ["model", "mode", "noise", "clip", "rescale", "space"]
    known = set(cells[shuffled][same].itertuples(index=False, name=None))
    stressed = [row in known for row in cells[same].itertuples(index=False, name=None)]
    return cells[shuffled | ~np.array(stressed, dtype=bool)]


def without_many_sizes(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells without unusual batch sizes where a network and mode has more than two.

    Two are a mode and its control on smaller sets; a stress test's many are told in a table.
    """
    sizes = cells.groupby(["model", "mode"], sort=False)["batch_size"].transform("nunique")
    return cells[(sizes <= 2) | headline_size(cells)]


def headline_size(cells: pd.DataFrame) -> pd.Series:
    """Return which cells have the usual batch of their network and mode: that of most cells."""
    sizes = cells["batch_size"].astype("float64").fillna(0)
    counts = cells.assign(size=sizes).groupby(["model", "mode", "size"], sort=False).size()
    # Of sizes with equally many cells the largest, which a sweep takes and a stress test adds to.
    ranked = counts.reset_index(name="cells").sort_values(["cells", "size"])
    usual = ranked.groupby(["model", "mode"])["size"].last()
    keys = pd.MultiIndex.from_frame(cells[["model", "mode"]])
    return pd.Series(sizes.to_numpy() == usual.reindex(keys).to_numpy(), index=cells.index)


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
    points = [*_CURVE, "sigma"]
    ordered = cells.sort_values(_SEEDS, kind="stable")
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
    for seed in _SEEDS:
        found[seed] = found.groupby(_CURVE, dropna=False, sort=False)[seed].transform("min")
    return found.loc[cells.index.intersection(found.index, sort=False)]


def interval_note(cells: pd.DataFrame) -> str:
    """Return what the intervals of some rows of `averaged` are, in a sentence."""
    counts = sorted(set(cells["repeats"]))
    wilson = "95 % Wilson intervals over images, one noise seed"
    if counts == [1]:
        return f"{wilson}."
    several = (
        f"of {_range(counts)} noise and order seeds the wider of the 95 % Wilson and t intervals of the mean"
    )
    return f"{several}; of one, {wilson}." if counts[0] == 1 else f"{several}."


def _half_width(accuracies: pd.Series) -> float:
    interval = t_interval(accuracies.to_numpy())
    return 0.0 if interval is None else (interval[1] - interval[0]) / 2


def _range(counts: list[int]) -> str:
    known = [count for count in counts if count > 1]
    return str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
