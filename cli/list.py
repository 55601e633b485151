"""`lnbench list`: the items of the paper and the benchmarks, with what was measured of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from robustbench_ln.benchmarks.printed import paper_values
from robustbench_ln.benchmarks.read import find_config, load_declared
from robustbench_ln.experiments.state import progress_of
from robustbench_ln.store.open import open_store

from . import options
from .console import output, print_json, say


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
    declared = load_declared(find_config(config))
    states = progress_of(declared, open_store(results), preset, on_problem=say)
    if json:
        print_json(
            {
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
        )
        return
    items = Table(box=None, pad_edge=False)
    for heading in ("experiment", "in the paper", "title", "networks", "cells", "preset"):
        items.add_column(heading, no_wrap=heading != "title")
    for name, experiment in declared.experiments.items():
        items.add_row(
            name,
            escape(experiment.paper),
            escape(experiment.title),
            f"{sum(one.networks for one in states[name])}/{sum(one.networks_asked for one in states[name])}",
            f"{sum(one.cells for one in states[name])}/{sum(one.cells_asked for one in states[name])}",
            ", ".join(dict.fromkeys(one.preset for one in states[name])),
        )
    output.print(items)
