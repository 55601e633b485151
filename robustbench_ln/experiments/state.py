"""How far each item of the paper is: networks and cells that a store holds of those that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from robustbench_ln.benchmarks.benchmark import PAPER
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.experiments.needs import count_cells, count_networks, needs_of, preset_of
from robustbench_ln.store.results import Results


@dataclass(frozen=True)
class Progress:
    """An item over the networks of one benchmark.

    Attributes:
        benchmark: the benchmark's name.
        preset: how much of the recipe.
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
    declared: Declared,
    results: Results,
    preset: str | None = None,
    *,
    on_problem: Callable[[str], None] = lambda problem: None,
) -> dict[str, list[Progress]]:
    """Return how far every item is, by its name, one entry a benchmark.

    Args:
        declared: the file.
        results: the store, or packed results.
        preset: of this preset; None takes the one that `gather_evidence` does.
        on_problem: told each cell and each network that cannot be read.
    """
    if not results.model_ids():
        return {
            name: [_untouched(declared, experiment, benchmark, preset) for benchmark in experiment.benchmarks]
            for name, experiment in declared.experiments.items()
        }
    # pandas takes half a second, which a list of what could be run should not wait for.
    from robustbench_ln.experiments.evidence import gather_evidence
    from robustbench_ln.store.frame import read_rows

    table, problems = read_rows(results)
    for problem in (*problems, *results.readable_models()[1]):
        on_problem(problem)
    return {
        name: [
            Progress(
                one.benchmark,
                one.preset,
                len(one.models),
                one.asked,
                len(one.cells),
                max(_cells_asked(declared, experiment, one.benchmark, one.preset), len(one.cells)),
            )
            for one in gather_evidence(declared, experiment, results, table, preset)
        ]
        for name, experiment in declared.experiments.items()
    }


def _untouched(declared: Declared, experiment: Experiment, benchmark: str, preset: str | None) -> Progress:
    settings = preset_of(declared, benchmark, preset or PAPER)
    taken = preset if preset in settings.presets else PAPER
    networks = count_networks(experiment, settings)
    return Progress(benchmark, taken, 0, networks, 0, _cells_asked(declared, experiment, benchmark, taken))


def _cells_asked(declared: Declared, experiment: Experiment, benchmark: str, preset: str) -> int:
    return count_cells(needs_of(declared, experiment, benchmark, preset))
