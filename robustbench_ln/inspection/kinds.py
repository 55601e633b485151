"""What can be named on the command line, kind by kind, as rows with the same keys.

Importing this file imports neither torch nor pandas.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustbench_ln.data.names import DATA_SETS
from robustbench_ln.modes import MEANINGS, fits_norm
from robustbench_ln.noise import NOISES
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.plugins import Offered

if TYPE_CHECKING:
    import pandas as pd

    from robustbench_ln.store.results import Results

#: A row: its `name` first; lists and mappings are for programs, texts and numbers for people, too.
Row = dict[str, Any]


def offered(kind: str) -> tuple[list[Offered], list[str]]:
    """Return the "norms" or "noises" that installed packages offer, and what is wrong with them."""
    return NORMS.offered() if kind == "norms" else NOISES.offered()


def norms() -> list[Row]:
    """Return the norms with the modes that fit them, their options and their sources."""
    return [
        {
            "name": info.name,
            "modes": list(info.modes),
            "home_mode": info.home_mode,
            "named_modes": list(info.named_modes),
            "options": dict(info.options),
            "source": info.source,
        }
        for info in NORMS.values()
    ]


def noises() -> list[Row]:
    """Return the noises with their formulas and what sigma means."""
    return [
        {
            "name": family.name,
            "formula": family.formula,
            "sigma": family.sigma,
            "max_sigma": family.max_sigma,
            "clipped": family.clipped,
            "source": family.source,
        }
        for family in NOISES.values()
    ]


def modes() -> list[Row]:
    """Return the test-time modes with the norms that they fit."""
    return [
        {
            "name": name,
            "meaning": meaning,
            "uses_other_test_images": uses,
            "norms": [norm for norm in NORMS if fits_norm(name, norm)],
        }
        for name, (meaning, uses) in MEANINGS.items()
    ]


def data() -> list[Row]:
    """Return the data sets with their images and where they come from."""
    return [
        {"name": name, "images": images, "origin": origin} for name, (images, origin) in DATA_SETS.items()
    ]


def benchmarks(config: Path) -> list[Row]:
    """Return what a file of benchmarks declares of each.

    Raises:
        LnbenchError: a mistake in the file, with its line.
    """
    from robustbench_ln.benchmarks.read import load_declared

    return [
        {
            "name": name,
            "title": benchmark.title,
            "data": benchmark.data,
            "network": benchmark.network,
            "norms": list(benchmark.norms),
            "seeds": list(benchmark.seeds),
            "presets": {preset: changes.shortens for preset, changes in benchmark.presets.items()},
        }
        for name, benchmark in load_declared(config).benchmarks.items()
    ]


def models(results: Results, on_problem: Callable[[str], None]) -> list[Row]:
    """Return the networks that results hold, with how many cells were measured of each.

    Args:
        results: the store, or packed results.
        on_problem: told each network and each cell that cannot be read.
    """
    networks, problems = results.readable_models()
    for problem in problems:
        on_problem(problem)
    if not networks:
        return []
    from robustbench_ln.store.frame import read_rows

    cells, problems = read_rows(results)
    for problem in problems:
        on_problem(problem)
    measured = cells.groupby("model").size()
    rows = []
    for network in networks:
        recipe = network.card["recipe"]
        clean = clean_at_home(cells[cells["model"] == network.id])
        rows.append(
            {
                "name": network.id,
                "network": recipe["network"],
                "norm": recipe["norm"],
                "norm_options": recipe["norm_options"],
                "data": str((recipe.get("data") or {}).get("name", "")),
                "train_seed": recipe["seed"],
                "weights": network.has_weights,
                "cells": int(measured.get(network.id, 0)),
                "clean_accuracy": float(clean["accuracy"].iloc[-1]) if len(clean) else None,
            }
        )
    return rows


def clean_at_home(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of clean, shuffled images in the home modes of their norms, fewest images first."""
    from robustbench_ln.metrics import of_clean_images

    home = cells["norm"].map({info.name: info.home_mode for info in NORMS.values()})
    shuffled = cells["order"].isna() | (cells["order"] == "shuffled")
    here = of_clean_images(cells) & (cells["mode"] == home) & shuffled
    return cells[here].sort_values(["images", "cell"])
