"""How a comparison is told: tables of text, sentences, one document, one CSV file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from robustbench_ln.comparison.area import RESAMPLES
from robustbench_ln.comparison.compare import Comparison
from robustbench_ln.comparison.networks import Network
from robustbench_ln.comparison.rows import Area, OverSeeds, Row
from robustbench_ln.export.formats import as_csv
from robustbench_ln.wording import counted

#: Headings of columns of numbers.
NUMBERS = ("n", "A %", "B %", "B - A, points (95 %)", "only A, only B", "p (Holm)", "seeds")


@dataclass(frozen=True)
class Text:
    """A table of text, with a title or an empty one."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def networks_line(name: str, networks: Sequence[Network]) -> str:
    """Return which networks A or B are, in which modes."""
    return f"{name}: {'; '.join(one.text for one in networks)}"


def cells_table(comparison: Comparison) -> Text:
    """Return a row a pair of cells."""
    rows = comparison.rows
    several = _several(rows)
    columns = [*several, "noise", "sigma", "n", "A %", "B %", "B - A, points (95 %)", "only A, only B"]
    return Text(
        "",
        [*columns, "p (Holm)", "images independent"],
        [
            [
                *_telling(row, several),
                row.noise,
                row.sigma,
                f"{row.images:,}",
                f"{100 * row.accuracy_a:.2f}",
                f"{100 * row.accuracy_b:.2f}",
                _points(row.difference, row.low, row.high),
                f"{row.only_a:,}, {row.only_b:,}",
                _p(row.p_holm),
                f"no ({row.coupled})" if row.coupled else "yes",
            ]
            for row in rows
        ],
    )


def seeds_table(comparison: Comparison) -> Text | None:
    """Return the differences over training seeds; None where no number has two."""
    if all(one.seeds == 1 for one in comparison.over_seeds):
        return None
    several = _several(comparison.over_seeds)
    return Text(
        "Over training seeds, 95 % t intervals",
        [*several, "noise", "sigma", "B - A, points (95 %)", "seeds"],
        [
            [
                *_telling(one, several),
                one.noise,
                one.sigmas[0] if len(one.sigmas) == 1 else f"area, {one.sigmas[0]} to {one.sigmas[-1]}",
                _points(one.difference, one.low, one.high),
                str(one.seeds),
            ]
            for one in comparison.over_seeds
        ],
    )


def area_lines(comparison: Comparison) -> list[str]:
    """Return a sentence for each pair of curves."""
    several = _several(comparison.areas)
    return [
        f"Area under the curve, {_named(one, several)}, "
        f"sigma {one.sigmas[0]} to {one.sigmas[-1]} ({len(one.sigmas)} points): "
        f"A {100 * one.area_a:.2f} %, B {100 * one.area_b:.2f} %, "
        f"B - A {_points(one.difference, one.low, one.high)} points"
        f"{'; images not independent' if one.coupled else ''}."
        for one in comparison.areas
    ]


def remarks(comparison: Comparison) -> list[str]:
    """Return what a reader must know."""
    told = [
        "Difference: Newcombe's paired interval, method 10. p: McNemar's exact test, Holm's correction over "
        f"{counted(len(comparison.rows), 'cell')}. "
        f"Area: paired bootstrap over images, {RESAMPLES:,} resamples, seed {comparison.asked.seed}.",
    ]
    if any(row.coupled for row in comparison.rows):
        told.append(
            "Images are not independent where a mode takes statistics from other test images (in brackets: "
            "whose): intervals and p of such a row take them as independent and are rough."
        )
    if any(one.seeds == 1 for one in comparison.over_seeds):
        told.append(
            "With one training seed (n = 1), these intervals cover test images only, not other trainings."
        )
    return [*told, *comparison.remarks]


def drops(comparison: Comparison, points: float) -> list[Row]:
    """Return the rows in which B lies more than some percentage points below A, and surely below it."""
    return [row for row in comparison.rows if row.drops(points)]


def drops_line(dropped: Sequence[Row], rows: int, points: float) -> str:
    """Return how many cells `drops` found, in a sentence."""
    several = _several(dropped)
    where = "; ".join(f"{_named(row, several)} {row.sigma}" for row in dropped[:6])
    more = "; ..." if len(dropped) > 6 else ""
    found = f"{len(dropped)} of {rows} cells{f' ({where}{more})' if dropped else ''}"
    return f"B lies more than {points:g} points below A, with its interval below 0, in {found}."


def document(comparison: Comparison, fail_drop: float | None) -> dict[str, Any]:
    """Return all of it as JSON values."""
    asked = comparison.asked
    return {
        "a": [asdict(one) for one in comparison.a],
        "b": [asdict(one) for one in comparison.b],
        "seed": asked.seed,
        "resamples": RESAMPLES,
        "cells": [asdict(row) for row in comparison.rows],
        "areas": [asdict(one) | {"sigmas": list(one.sigmas)} for one in comparison.areas],
        "over_seeds": [asdict(one) | {"sigmas": list(one.sigmas)} for one in comparison.over_seeds],
        "remarks": remarks(comparison),
        "problems": list(comparison.problems),
        "fail_drop": None
        if fail_drop is None
        else {
            "points": fail_drop,
            "cells": [[row.cell_a, row.cell_b] for row in drops(comparison, fail_drop)],
        },
    }


def csv_bytes(comparison: Comparison) -> bytes:
    """Return all rows as a CSV file, with the attributes of `Row` for columns."""
    return as_csv(pd.DataFrame([asdict(row) for row in comparison.rows]))


Told = Row | Area | OverSeeds


def _seeds(one: Told) -> str:
    if isinstance(one, OverSeeds):
        return ""
    return str(one.seed_a) if one.seed_a == one.seed_b else f"{one.seed_a}, {one.seed_b}"


def _data(one: Told) -> str:
    images = "" if one.limit is None else f", {one.limit:,} images"
    return f"{one.data}{images} ({one.checksum[:6]})"


#: What tells rows apart where they do not have it in common.
_HEADINGS: dict[str, Callable[[Told], str]] = {
    "modes": lambda one: f"{one.mode_a}, {one.mode_b}",
    "seed": _seeds,
    "data": _data,
    "noise seed": lambda one: "" if isinstance(one, OverSeeds) else str(one.noise_seed),
}


def _several(rows: Sequence[Told]) -> list[str]:
    """Return the headings of what not all rows have in common."""
    return [name for name, read in _HEADINGS.items() if len({read(one) for one in rows}) > 1]


def _named(one: Told, headings: Sequence[str]) -> str:
    return ", ".join([*(f"{name} {_HEADINGS[name](one)}" for name in headings), one.noise])


def _telling(one: Told, headings: Sequence[str]) -> list[str]:
    return [_HEADINGS[name](one) for name in headings]


def _points(difference: float, low: float | None, high: float | None) -> str:
    interval = "no interval" if low is None or high is None else f"{100 * low:+.2f} to {100 * high:+.2f}"
    return f"{100 * difference:+.2f} ({interval})"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
