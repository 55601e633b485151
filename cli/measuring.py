"""Measure planned cells and tell how far it is: what every command that sweeps does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from robustbench_ln import provenance
from robustbench_ln.identity import label_of
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.executor import Executor
from robustbench_ln.sweep.plan import NoisyPass, missing
from robustbench_ln.sweep.run import Outcome
from robustbench_ln.wording import counted

from .console import say
from .progress import progress


@dataclass(frozen=True)
class PlanCounts:
    """How a plan came out.

    Attributes:
        planned: number of cells of the plan.
        todo: how many of them were missing.
        failed: how many of those could not be measured.
    """

    planned: int
    todo: int
    failed: int

    def document(self) -> dict[str, int]:
        """Return the numbers for `--json`."""
        return {
            "planned": self.planned,
            "todo": self.todo,
            "measured": self.todo - self.failed,
            "failed": self.failed,
        }


def tell_plan(
    store: Store, passes: Sequence[NoisyPass], shard: str, *, quiet: bool, verbose: bool = False
) -> PlanCounts:
    """Say how many cells a plan has and how many of them are measured, and return these numbers."""
    finished = store.cell_ids()
    todo = missing(passes, finished)
    if verbose:
        for line in plan_lines(store, passes, finished):
            say(line, quiet=quiet)
    planned, left = (sum(len(one.cells) for one in group) for group in (passes, todo))
    models = len({cell.model.id for one in passes for cell in one.cells})
    cells, networks = counted(planned, "cell"), counted(models, "network")
    say(f"{cells} from {networks}{shard}, {planned - left:,} of them already measured.", quiet=quiet)
    return PlanCounts(planned, left, 0)


def plan_lines(store: Store, passes: Sequence[NoisyPass], finished: set[str]) -> list[str]:
    """Return what a plan takes, what of it is measured, and which networks it leaves out."""
    lines = [
        f"Test images: {name} in '{folder}'."
        for name, folder in dict.fromkeys((one.data.info.name, one.data.folder) for one in passes)
    ]
    planned: dict[str, list[bool]] = {}
    for one in passes:
        for cell in one.cells:
            # A title begins with the name up to its first dot, and ends with its sigma.
            rest = cell.title.removeprefix(label_of(cell.model.id)).rpartition(" ")[0]
            planned.setdefault(f"{cell.model.id}{rest}", []).append(cell.id in finished)
    lines += [
        f"Chosen: {title}: {sum(done):,} of {counted(len(done), 'cell')} already measured."
        for title, done in planned.items()
    ]
    chosen = {cell.model.id for one in passes for cell in one.cells}
    left_out = [name for name in store.model_ids() if name not in chosen]
    return lines + [
        f"Left out {name}: not selected by --model, --train-seeds, --data or --mode." for name in left_out
    ]


def measure(
    store: Store,
    passes: Sequence[NoisyPass],
    executor: Executor,
    request: dict[str, Any],
    *,
    run_id: str,
    quiet: bool,
    json: bool,
) -> list[Outcome]:
    """Measure the cells of a plan that the store lacks, and say each as it comes.

    Args:
        store: the results folder.
        passes: the plan.
        executor: where they run.
        request: what was asked for, for the record of the invocation.
        run_id: names the invocation.
        quiet: print failures alone.
        json: print nothing; the command prints one document.
    """
    todo = missing(passes, store.cell_ids())
    if not todo:
        return []
    store.check_writable()
    store.publish_run(run_id, provenance.run_record(sys.argv[1:], request))
    with progress(sum(len(one.cells) for one in todo), "cells", quiet=quiet, json=json) as tell:
        places: set[str] = set()

        def show(outcomes: Sequence[Outcome]) -> None:
            for outcome in outcomes:
                if outcome.place and outcome.place not in places:
                    places.add(outcome.place)
                    precision = f"{executor.precision.name} ({executor.precision.reason})"
                    say(f"Computing on {outcome.place}, in {precision}.", quiet=quiet or json)
                tell(outcome.line, outcome.brief, important=bool(outcome.failure))

        return executor.run(store, todo, run_id=run_id, on_pass=show)
