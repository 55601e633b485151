"""How far each item of the paper is: networks and cells that a store holds of those that it asks for."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.experiments.evidence import gather_evidence
from robustbench_ln.experiments.needs import count_cells, needs_of
from robustbench_ln.store.results import Results


@dataclass(frozen=True)
class Progress:
    """An item over the networks of one benchmark.

    Attributes:
        benchmark: the benchmark's name.
        preset: the fullest recipe of which there is a network.
        networks, cells: how many the store holds.
        networks_asked, cells_asked: how many that preset asks for, or those there are where that is more.
    """

    benchmark: str
    preset: str
    networks: int
    networks_asked: int
    cells: int
    cells_asked: int


def progress_of(
    declared: Declared, name: str, results: Results, table: pd.DataFrame, preset: str | None = None
) -> list[Progress]:
    """Return how far an item is, one entry a benchmark.

    Args:
        declared: the file.
        name: the item.
        results: the store, or packed results.
        table: their `load_results`.
        preset: of this preset; None takes the fullest one that has a network.
    """
    experiment = declared.experiment(name)
    return [
        Progress(
            one.benchmark,
            one.preset,
            len(one.models),
            one.asked,
            len(one.cells),
            max(count_cells(needs_of(declared, experiment, one.benchmark, one.preset)), len(one.cells)),
        )
        for one in gather_evidence(declared, experiment, results, table, preset)
    ]
