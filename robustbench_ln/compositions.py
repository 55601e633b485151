"""Cells of a stress test told apart from those of usual batches: shuffled images, the usual batch size."""

from __future__ import annotations

import numpy as np
import pandas as pd


def usual_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells without those that a stress test measured beside others."""
    return without_many_sizes(without_stress(cells))


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
