"""What is exported: a row a cell, curves over sigma, or what a store holds in short."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from robustbench_ln.errors import LnbenchError
from robustbench_ln.inspection.choose import matching
from robustbench_ln.metrics import CURVE, averaged, t_interval
from robustbench_ln.noise import noise_text
from robustbench_ln.store.results import choose_names

#: What tells networks apart that differ in their training seed alone, with what was measured of them.
_OVER_SEEDS = [
    column
    for column in CURVE
    if column not in ("model", "train_seed", "noise_seed", "order_seed", "protocol")
]


def selected(
    cells: pd.DataFrame,
    models: Sequence[str] = (),
    noises: Sequence[str] = (),
    modes: Sequence[str] = (),
    *,
    sigmas: Sequence[str] = (),
    where: Path,
) -> pd.DataFrame:
    """Return the cells of some networks, noises, modes and sigmas; of all where none are named.

    Args:
        cells: rows of `load_results`.
        models: shell patterns over names of networks, or their first parts, up to a dot.
        noises: names or patterns.
        modes: names or patterns.
        sigmas: decimal strings.
        where: the results, for the error.

    Raises:
        LnbenchError: a pattern matches nothing, or a sigma was not measured.
    """
    if models:
        cells = cells[cells["model"].isin(choose_names(sorted(set(cells["model"])), models, where))]
    for column, patterns in (("noise", noises), ("mode", modes)):
        cells = cells[cells[column].isin(matching(f"{column}s", sorted(set(cells[column])), patterns))]
    measured = set(cells["sigma"])
    for sigma in sigmas:
        if float(sigma) not in measured:
            there = ", ".join(f"{one:g}" for one in sorted(measured)) or "none"
            raise LnbenchError(f"Sigma {sigma} was not measured in '{where}'.", f"Measured: {there}.")
    if sigmas:
        cells = cells[cells["sigma"].isin([float(sigma) for sigma in sigmas])]
    return cells.reset_index(drop=True)


def curves(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each norm, mode, noise and sigma: the mean over training seeds, with its interval.

    Repeats of a network over noise and order seeds are averaged first.

    Args:
        cells: rows of `load_results`.

    Returns:
        Columns `benchmark`, `network`, `norm`, `groups`, `data`, `images`, `noise` (with its options),
        `mode`, `batch_size`, `order`, `blend`, `vote`, `dtype`, `limit`, `checksum`, `sigma`, `train_seeds`
        and `repeats` (how many; repeats of each network, the fewest), `accuracy`, `low`, `high` and
        `interval`: "t over training seeds" of two training seeds or more; else of several repeats "wider of
        t over repeats and Wilson over images", see `robustbench_ln.metrics.averaged`; else "Wilson over
        images".
    """
    if cells.empty:
        numbers = ["sigma", "train_seeds", "repeats", "accuracy", "low", "high", "interval"]
        return pd.DataFrame(columns=[*_SHOWN, *_TELLING, *numbers])
    rows = []
    for _, group in averaged(cells).groupby([*_OVER_SEEDS, "sigma"], dropna=False, sort=False):
        first = group.iloc[0]
        interval = t_interval(group["accuracy"]) or (first["low"], first["high"])
        repeats = int(group["repeats"].min())
        text = noise_text(first["noise"], first["clip"], first["rescale"], first["space"])
        shown = {name: first[name] for name in (*_SHOWN, *_TELLING)} | {"noise": text}
        rows.append(
            shown
            | {
                "sigma": first["sigma"],
                "train_seeds": len(group),
                "repeats": repeats,
                "accuracy": group["accuracy"].mean(),
                "low": max(interval[0], 0.0),
                "high": min(interval[1], 1.0),
                "interval": _interval_name(len(group), repeats),
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values(["data", "benchmark", "noise", "norm", "groups", "mode", "batch_size", "sigma"])


def _interval_name(train_seeds: int, repeats: int) -> str:
    if train_seeds > 1:
        return "t over training seeds"
    return "wider of t over repeats and Wilson over images" if repeats > 1 else "Wilson over images"


_SHOWN = ["benchmark", "network", "norm", "groups", "data", "images", "noise", "mode", "batch_size", "order"]
#: What may tell apart curves that are alike in all of that.
_TELLING = ["blend", "vote", "dtype", "limit", "checksum"]


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return `curves` for reading: a row a curve, a column a sigma, in per cent, blank where not measured.

    Columns that are the same in all rows but `norm`, `mode` and `noise` are left out, `blend`, `vote`,
    `dtype`, `limit` and `checksum` where they tell no curves apart, and `repeats` where there are none.
    """
    if table.empty:
        return table
    kept = [
        name for name in _SHOWN if name in ("norm", "mode", "noise") or table[name].nunique(dropna=False) > 1
    ]
    for name in _TELLING:
        alike = table.groupby([*kept, "sigma"], dropna=False)[name]
        if (alike.nunique(dropna=False) > 1).any():
            kept.append(name)
    half = (table["high"] - table["low"]) / 2
    shown = [
        f"{100 * accuracy:.2f} ± {100 * width:.2f}"
        for accuracy, width in zip(table["accuracy"], half, strict=True)
    ]
    text = table[kept].astype("string").fillna("").assign(sigma=table["sigma"], shown=shown)
    numbers = {"seeds": "train_seeds"} | ({"repeats": "repeats"} if (table["repeats"] > 1).any() else {})
    curve = [text[name] for name in kept]
    for heading, name in numbers.items():
        many = table[name].groupby(curve, sort=False)
        fewest, most = many.transform("min").astype(str), many.transform("max").astype(str)
        text[heading] = fewest.where(fewest == most, fewest + " to " + most)
    pivot = text.pivot_table(
        index=[*kept, *numbers], columns="sigma", values="shown", aggfunc="first", sort=False
    )
    pivot = pivot.reindex(sorted(pivot.columns), axis=1).fillna("")
    pivot.columns = [f"{sigma:g}" for sigma in pivot.columns]
    return pivot.reset_index()


_CONTENTS = ["model", "data", "noise", "mode"]
_REPEATS = ["noise_seeds", "orders", "batch_sizes"]


def contents(cells: pd.DataFrame) -> pd.DataFrame:
    """Return what a store holds in short: a row for each network, data set, noise and mode.

    Returns:
        Columns `model`, `data`, `noise` (with its options), `mode`, `cells`, `sigmas` (how many), `largest`
        (sigma), `noise_seeds`, `orders` (with their seeds) and `batch_sizes` (how many), `clean` and `lowest`
        (accuracy; `clean` is NaN where sigma 0 was not measured).
    """
    keys = ["model", "data", "noise", "clip", "rescale", "space", "mode"]
    groups = cells.groupby(keys, dropna=False, sort=False)
    found = groups.agg(
        cells=("cell", "size"),
        sigmas=("sigma", "nunique"),
        largest=("sigma", "max"),
        noise_seeds=("noise_seed", "nunique"),
        batch_sizes=("batch_size", "nunique"),
        lowest=("accuracy", "min"),
    )
    found["orders"] = cells.drop_duplicates([*keys, "order", "order_seed"]).groupby(keys, dropna=False).size()
    clean = cells[cells["sigma"] == 0].sort_values("images").groupby(keys, dropna=False)["accuracy"].last()
    found["clean"] = clean.reindex(found.index)
    table = found.reset_index()
    specs = zip(table["noise"], table["clip"], table["rescale"], table["space"], strict=True)
    table["noise"] = [noise_text(*spec) for spec in specs]
    return table[[*_CONTENTS, "cells", "sigmas", "largest", *_REPEATS, "clean", "lowest"]]
