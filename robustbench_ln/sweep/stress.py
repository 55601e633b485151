"""The batch-composition stress test: the same network and noise, with other company for each image.

A mode that takes statistics from other test images gives another number in another order or in smaller
sets. This plans cells over orders and set sizes; nothing else about them is special, so they are stored,
resumed and read as any.

Importing this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.evaluation.order import takes_seed
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import NoisyPass, SweepSettings
from robustbench_ln.sweep.several import Sweep, plan_sweeps, repeated

ORDERS = ("shuffled", "dirichlet:1", "dirichlet:0.1", "class-sorted")
SET_SIZES = (1, 4, 16, 64)


def plan_stress(
    models: Sequence[tuple[StoredModel, DataSet]],
    settings: SweepSettings,
    *,
    orders: Sequence[str] = ORDERS,
    set_sizes: Sequence[int] | None = None,
    noise_seeds: Sequence[int] = (0,),
    order_seeds: Sequence[int] = (0, 1, 2),
) -> list[NoisyPass]:
    """Return the cells of networks over orders and set sizes, each once.

    Args:
        models: networks, each with the data set to test it on.
        settings: noise, sigmas and modes.
        orders: see `robustbench_ln.evaluation.order`.
        set_sizes: S, images that share statistics; a batch holds S images for each of a network's groups.
            None takes those of `SET_SIZES` for which there are images.
        noise_seeds: of the noise.
        order_seeds: of each order that is drawn.

    Raises:
        LnbenchError: as `robustbench_ln.sweep.plan.plan_cells`; a set without images, or of more than are in
            use.
    """
    most = min(min(known, settings.limit or known) for known in _test_images(models))
    sizes = [size for size in SET_SIZES if size <= most] if set_sizes is None else set_sizes
    for size in sizes:
        if not 1 <= size <= most:
            raise LnbenchError(
                f"There are no sets of {size:,} images: {most:,} test images are in use.",
                "Name sets of 1 image and more with --set-size, up to all images.",
            )
    passes: list[NoisyPass] = []
    for groups in dict.fromkeys(_groups(model) for model, _ in models):
        alike = [pair for pair in models if _groups(pair[0]) == groups]
        sweeps = [
            sweep
            for size in sizes
            for order in orders
            for sweep in repeated(
                [Sweep(alike, replace(settings, order=order, batch_size=size * groups))],
                noise_seeds,
                order_seeds if takes_seed(order) else order_seeds[:1],
            )
        ]
        passes.extend(plan_sweeps(sweeps))
    return passes


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
            return f"{100 * low:.2f} % in any company: no other test image is used."
        return f"{100 * low:.2f} to {100 * high:.2f} %, by what else is in the batch."

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
    label = cells["mode"].where(cells["blend"].isna(), cells["mode"] + " " + cells["blend"].astype(str))
    # Numbers by another vote or in another precision are no further seeds.
    for column, usual in (("vote", "majority"), ("dtype", "float32")):
        several_values = cells.groupby("model")[column].transform("nunique") > 1
        other = several_values & cells[column].notna() & (cells[column] != usual)
        label = label.where(~other, label + " " + cells[column].astype(str))
    options = ["noise", "clip", "rescale", "space"]
    noises = {key: NoiseSpec.stored(*key).text for key in cells[options].itertuples(index=False, name=None)}
    texts = [noises[key] for key in cells[options].itertuples(index=False, name=None)]
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


def _test_images(models: Sequence[tuple[StoredModel, DataSet]]) -> list[int]:
    return [data.info.splits["test"].images for _, data in models]


def _groups(model: StoredModel) -> int:
    recipe = model.card["recipe"]
    return int(recipe["norm_options"]["groups"]) if find_norm(recipe["norm"]).has_groups else 1
