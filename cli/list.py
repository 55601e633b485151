"""`lnbench list`: the items of the paper and the benchmarks, with what was measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.outline import items_of

from . import options
from .console import output, print_json, say, say_problems

if TYPE_CHECKING:
    from robustbench_ln.benchmarks.declared import Declared
    from robustbench_ln.experiments.state import Progress


def list_(
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="State at this preset.", show_default="the fullest one measured"),
    ] = None,
    results: options.ReadResults = options.DEFAULT_RESULTS,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """List the items of the paper: what they show, their presets, and how far they are measured."""
    path = find_config(config)
    if not (json or preset or results.exists() or results.suffix == ".npz"):
        rows = [(item.name, item.paper, item.title, ", ".join(item.benchmarks)) for item in items_of(path)]
        print_items(("benchmarks",), rows)
        say(f"Nothing is measured in '{results}' yet. lnbench run NAME --dry-run says what an item takes.")
        return
    # These take three times as long to import as the list of names to be shown.
    from robustbench_ln.benchmarks.read import load_declared
    from robustbench_ln.experiments.state import progress_of
    from robustbench_ln.store.open import open_store

    declared = load_declared(path)
    problems: list[str] = []
    states = progress_of(declared, open_store(results), preset, on_problem=problems.append)
    say_problems(problems)
    if json:
        print_json(document(declared, states))
        return
    print_items(
        ("networks", "cells", "preset"),
        [
            (
                name,
                experiment.paper,
                experiment.title,
                f"{sum(one.networks for one in state)}/{sum(one.networks_asked for one in state)}",
                f"{sum(one.cells for one in state)}/{sum(one.cells_asked for one in state)}",
                ", ".join(dict.fromkeys(one.preset for one in state)),
            )
            for (name, experiment), state in zip(declared.experiments.items(), states.values(), strict=True)
        ],
    )


def print_items(more: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a row an item: its name, its name in the paper, its title, and more."""
    items = Table(box=None, pad_edge=False)
    for heading in ("experiment", "in the paper", "title", *more):
        items.add_column(heading, no_wrap=heading not in ("title", "benchmarks"))
    for row in rows:
        items.add_row(*map(escape, row))
    output.print(items)


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
