"""`lnbench list`: the items of the paper with what was measured of them, and all else that has a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.outline import items_of
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.inspection.choose import matching
from robustbench_ln.plugins import Offered, load_named

from . import options
from .console import print_json, say, say_problems
from .tables import print_table, table

if TYPE_CHECKING:
    from robustbench_ln.benchmarks.declared import Declared
    from robustbench_ln.experiments.state import Progress

#: What can be listed, with the columns that people see.
_KINDS: dict[str, dict[str, str]] = {
    "experiments": {},
    "benchmarks": {
        "name": "benchmark",
        "network": "network",
        "data": "data",
        "norms": "norms",
        "title": "title",
    },
    "models": {
        "name": "model",
        "data": "data",
        "cells": "cells",
        "clean_accuracy": "clean",
        "weights": "weights",
    },
    "norms": {"name": "norm", "modes": "modes, its home mode first", "source": "source"},
    "noises": {"name": "noise", "formula": "formula", "sigma": "sigma is the", "source": "source"},
    "modes": {"name": "mode", "uses_other_test_images": "uses other test images", "meaning": "meaning"},
    "data": {"name": "data", "images": "images", "origin": "where it comes from"},
}


def _complete_kind(incomplete: str) -> list[str]:
    return [kind for kind in _KINDS if kind.startswith(incomplete)]


def list_(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help=f"What to list: {', '.join(_KINDS)}.", autocompletion=_complete_kind
        ),
    ] = "experiments",
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only names that match; may be repeated.", show_default="all"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="For experiments: the progress at this preset.",
            show_default="the fullest one measured",
        ),
    ] = None,
    results: options.ReadResults = options.DEFAULT_RESULTS,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """List the items of the paper, and benchmarks, models, norms, noises, modes and data sets.

    Without KIND: the items of the paper, what they show, their presets, and how much of them is measured.
    """
    if kind not in _KINDS:
        raise UnknownNameError("kind", kind, _KINDS)
    if preset and kind != "experiments":
        raise LnbenchError("--preset applies only to lnbench list experiments.", f"lnbench list {kind}")
    if kind == "experiments":
        _list_experiments(find_config(config), select or [], preset, results, json)
    else:
        _list_names(kind, select or [], results, config, json)


def _list_names(kind: str, select: list[str], results: Path, config: Path | None, json: bool) -> None:
    from robustbench_ln.inspection import kinds
    from robustbench_ln.store.open import open_store

    problems: list[str] = []
    rows_of: dict[str, Callable[[], list[kinds.Row]]] = {
        "benchmarks": lambda: kinds.benchmarks(find_config(config)),
        "models": lambda: kinds.models(open_store(results), problems.append),
        "norms": kinds.norms,
        "noises": kinds.noises,
        "modes": kinds.modes,
        "data": kinds.data,
    }
    own: list[Offered] = []
    if kind in ("norms", "noises"):
        load_named()
        own, problems = kinds.offered(kind)
    rows = rows_of[kind]()
    say_problems(problems, quiet=json)
    if rows:
        chosen = set(matching(kind, [row["name"] for row in rows], select))
        rows = [row for row in rows if row["name"] in chosen]
    if json:
        print_json({kind: rows, "offered": [asdict(one) for one in own]})
        return
    columns = _KINDS[kind]
    shown = [[_text(row[key]) for key in columns] for row in rows]
    print_table(table(list(columns.values()), shown, fold=("formula", "sigma is the", "images")), folds=True)
    for one in own:
        say(f"{one.kind} {one.name}: from package {one.package}, imported when it is used")
    if kind == "models":
        from robustbench_ln.models.source_names import FORMS

        if not rows:
            say(f"There is no network in '{results}' yet: lnbench train")
        say(f"lnbench corrupt-eval --model also takes networks from outside: {FORMS}.")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{100 * value:.2f}%"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _list_experiments(path: Path, select: list[str], preset: str | None, results: Path, json: bool) -> None:
    items = {item.name: item for item in items_of(path)}
    if not items and not json:
        say(f"'{path}' declares no experiments. lnbench list benchmarks shows what it declares.")
        return
    chosen = matching("experiments", list(items), select)
    if not (json or preset or results.exists() or results.suffix == ".npz"):
        print_items(
            ("benchmarks",),
            [
                (name, items[name].paper, items[name].title, ", ".join(items[name].benchmarks))
                for name in chosen
            ],
        )
        say(f"'{results}' has no measurements yet. lnbench run NAME --dry-run says what an item takes.")
        return
    # These take three times as long to import as the list of names to be shown.
    from robustbench_ln.benchmarks.read import load_declared
    from robustbench_ln.experiments.state import progress_of
    from robustbench_ln.store.open import open_store

    declared = load_declared(path)
    problems: list[str] = []
    states = progress_of(declared, open_store(results), preset, on_problem=problems.append)
    say_problems(problems, quiet=json)
    if json:
        print_json(document(declared, {name: states[name] for name in chosen}))
        return
    rows = []
    for name in chosen:
        state = states[name]
        rows.append(
            (
                name,
                items[name].paper,
                items[name].title,
                f"{sum(one.networks for one in state)}/{sum(one.networks_asked for one in state)}",
                f"{sum(one.cells for one in state)}/{sum(one.cells_asked for one in state)}",
                ", ".join(dict.fromkeys(one.preset for one in state)),
            )
        )
    print_items(("networks", "cells", "preset"), rows)


def print_items(more: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one row per item: its name, its name in the paper, its title, and more."""
    headings = ("experiment", "in the paper", "title", *more)
    print_table(table(headings, rows, fold=("title", "benchmarks")), folds=True)


def document(declared: Declared, states: dict[str, list[Progress]]) -> dict[str, Any]:
    """Return all that the file declares of items and benchmarks, with what was measured of them."""
    from robustbench_ln.benchmarks.printed import paper_values

    return {
        "file": str(declared.path),
        "experiments": [
            {
                "name": name,
                "paper": experiment.paper,
                "title": experiment.title,
                "benchmarks": list(experiment.benchmarks),
                "presets": {
                    benchmark: {
                        preset: changes.shortens
                        for preset, changes in declared.benchmark(benchmark).presets.items()
                    }
                    for benchmark in experiment.benchmarks
                },
                "paper_values": paper_values(experiment),
                "claims": [claim.model_dump(mode="json") for claim in experiment.claims],
                "state": [asdict(state) for state in states[name]],
            }
            for name, experiment in declared.experiments.items()
            if name in states
        ],
        "benchmarks": [
            {
                "name": name,
                "title": benchmark.title,
                "data": benchmark.data,
                "network": benchmark.network,
            }
            for name, benchmark in declared.benchmarks.items()
        ],
    }
