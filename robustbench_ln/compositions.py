"""A stress test's cells in a table: told apart from those of usual batches, and how networks fare in them.

Usual are shuffled images and the usual batch size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from robustbench_ln.modes import full_mode
from robustbench_ln.noise import noise_text


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


@dataclass(frozen=True)
class Composition:
    """How one network in one mode, at one noise and sigma, fares in other company.

    Attributes:
        model, noise, sigma, mode: of what; the mode with its options and, where a network was measured in
            several, with the vote or precision that is not the usual one.
        coupled: whether the mode takes statistics from other test images at all.
        points: a row a set size and order: columns `set_size`, `order`, `mean`, `lowest` and `highest`
            accuracy over seeds, and `seeds`, how many; one row where images are not coupled.
    """

    model: str
    noise: str
    sigma: float
    mode: str
    coupled: bool
    points: pd.DataFrame

    @property
    def title(self) -> str:
        """What it is of, for people."""
        most = int(self.points["seeds"].max())
        seeds = f"mean, lowest and highest of {most} seeds" if most > 1 else "one seed"
        return f"{self.model.partition('.')[0]}, {self.mode}, {self.noise} {self.sigma:g}: {seeds}"

    @property
    def spread(self) -> str:
        """The lowest and the highest accuracy, in a sentence."""
        low, high = self.points["lowest"].min(), self.points["highest"].max()
        if not self.coupled:
            return f"{100 * low:.2f} % whatever the batch: no other test image is used."
        return f"{100 * low:.2f} to {100 * high:.2f} %, depending on the rest of the batch."

    @property
    def columns(self) -> list[str]:
        """The headings of `rows`."""
        if not self.coupled:
            return ["order", "accuracy"]
        return ["order", *(f"sets of {size}" for size in self.sizes)]

    @property
    def rows(self) -> list[list[str]]:
        """A row an order, a column a set size: the mean accuracy, on a second line lowest and highest."""
        if not self.coupled:
            return [["any", _range(next(self.points.itertuples()))]]
        known = {(row.order, row.set_size): row for row in self.points.itertuples()}
        orders = sorted(dict.fromkeys(self.points["order"]), key=_rank)
        return [
            [
                order,
                *(_range(known[order, size]) if (order, size) in known else "" for size in self.sizes),
            ]
            for order in orders
        ]

    @property
    def sizes(self) -> list[int]:
        """The set sizes that were measured, ascending."""
        return sorted(int(size) for size in self.points["set_size"].unique())

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "model": self.model,
            "noise": self.noise,
            "sigma": self.sigma,
            "mode": self.mode,
            "coupled": self.coupled,
            "points": [
                {
                    "order": row.order if self.coupled else None,
                    "set_size": int(row.set_size) if self.coupled else None,
                    "accuracy": row.mean,
                    "lowest": row.lowest,
                    "highest": row.highest,
                    "seeds": int(row.seeds),
                }
                for row in self.points.itertuples()
            ],
        }


def compositions(cells: pd.DataFrame, *, several: bool = False) -> list[Composition]:
    """Return how each network fares in each mode, by noise and sigma, over the compositions of its batches.

    Args:
        cells: rows of `load_results`.
        several: leave out what was measured in one composition alone, or is the same in all.
    """
    found = []
    modes = [full_mode(*one) for one in zip(cells["mode"], cells["blend"], strict=True)]
    label = pd.Series(modes, index=cells.index, dtype=object)
    # Numbers by another vote or in another precision are no further seeds.
    for column, usual in (("vote", "majority"), ("dtype", "float32")):
        several_values = cells.groupby("model")[column].transform("nunique") > 1
        other = several_values & cells[column].notna() & (cells[column] != usual)
        label = label.where(~other, label + " " + cells[column].astype(str))
    options = ["noise", "clip", "rescale", "space"]
    texts = [noise_text(*key) for key in cells[options].itertuples(index=False, name=None)]
    # A network that was tested on several data sets fares in other company on each.
    names = ["model", "noise", "sigma", "mode", "coupled", "data", "checksum", "limit"]
    grouped = cells.assign(mode=label, noise=texts).groupby(
        [*names, "set_size", "order"], sort=False, dropna=False
    )
    points = grouped["accuracy"].agg(mean="mean", lowest="min", highest="max", seeds="size").reset_index()
    if several:
        points = points[
            points["coupled"] & (points.groupby(names, dropna=False)["seeds"].transform("size") > 1)
        ]
    for key, own in points.groupby(names, sort=False, dropna=False):
        model, noise, sigma, mode, coupled = key[:5]
        own = own.drop(columns=names).reset_index(drop=True)
        found.append(Composition(model, noise, float(sigma), mode, bool(coupled), own))
    return found


def _range(point: Any) -> str:
    mean = f"{100 * point.mean:.2f} %"
    if point.lowest == point.highest:
        return mean
    return f"{mean}\n{100 * point.lowest:.2f} to {100 * point.highest:.2f}"


def _rank(order: str) -> float:
    """Return the place of an order between independent images and sorted ones."""
    if order == "class-sorted":
        return 2.0
    name, _, number = order.partition(":")
    return 1 / (1 + float(number)) if name == "dirichlet" else -1.0
