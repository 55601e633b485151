"""Do the work of experiments: train what is missing, measure what is missing, until a budget is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from robustbench_ln.errors import LnbenchError
from robustbench_ln.experiments.work import NetworkWork
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import NoisyPass, missing
from robustbench_ln.sweep.run import Outcome, run_passes
from robustbench_ln.training.recipe import Recipe

if TYPE_CHECKING:
    from robustbench_ln.training.state import Epoch


class BudgetSpentError(Exception):
    """The time that was given is used up; what was finished is in the store."""


@dataclass(frozen=True)
class Todo:
    """What one network still needs.

    Attributes:
        work: the network and its sweeps.
        model: it, where it is trained.
        passes: what is still to be measured.
    """

    work: NetworkWork
    model: StoredModel | None
    passes: list[NoisyPass]

    @property
    def cells(self) -> int:
        """Number of cells to measure."""
        return sum(len(one.cells) for one in self.passes)

    @property
    def training(self) -> bool:
        """Whether the network has to be trained: it is not there, or its weights are not and cells miss."""
        return self.model is None or (bool(self.passes) and not self.model.has_weights)


@dataclass
class Done:
    """What a run did.

    Attributes:
        trained: networks trained by it.
        measured: cells measured by it.
        failed: why a network could not be trained or a cell not be measured, by its name.
        complete: whether nothing of what could be done is left.
    """

    trained: int = 0
    measured: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True)
class Resources:
    """What a run may use.

    Attributes:
        workers: processes that measure.
        threads: of torch in each of them; training uses workers times threads.
        device: see `robustbench_ln.devices.choose_device`.
        minutes: stop after the first step that ends later than this; None for no limit.
    """

    workers: int = 1
    threads: int = 1
    device: str = "auto"
    minutes: float | None = None


def look_through(networks: Sequence[NetworkWork], store: Store) -> list[Todo]:
    """Return what each network still needs, in the order of the work."""
    finished = store.cell_ids()
    todo = []
    for work in networks:
        model = store.find_recipe(work.recipe.id)
        todo.append(Todo(work, model, missing(work.passes(model), finished)))
    return todo


def run_todo(
    todo: Sequence[Todo],
    store: Store,
    *,
    run_id: str,
    resources: Resources,
    on_epoch: Callable[[Recipe, Epoch], None] = lambda recipe, epoch: None,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Done:
    """Train and measure network by network; a network that fails does not keep the others from being done.

    Args:
        todo: from `look_through`.
        store: where networks and cells go.
        run_id: names the invocation.
        resources: processes, threads, device and time.
        on_epoch: told each finished epoch.
        on_outcome: told each finished cell.
    """
    done = Done()
    deadline = None if resources.minutes is None else time.monotonic() + 60 * resources.minutes

    def check() -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise BudgetSpentError

    def epoch_done(recipe: Recipe, epoch: Epoch) -> None:
        on_epoch(recipe, epoch)
        if epoch.epoch < recipe.train.epochs:
            check()

    def pass_done(outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.failure:
                done.failed[outcome.cell_id] = outcome.failure
            else:
                done.measured += 1
            on_outcome(outcome)
        check()

    try:
        for one in todo:
            try:
                _run_one(one, store, run_id, resources, done, check, epoch_done, pass_done)
            except LnbenchError as error:
                done.failed[one.work.recipe.name] = str(error)
    except BudgetSpentError:
        done.complete = False
    return done


def _run_one(
    one: Todo,
    store: Store,
    run_id: str,
    resources: Resources,
    done: Done,
    check: Callable[[], None],
    epoch_done: Callable[[Recipe, Epoch], None],
    pass_done: Callable[[Sequence[Outcome]], None],
) -> None:
    recipe, model, passes = one.work.recipe, one.model, one.passes
    if one.training:
        from robustbench_ln.training.loop import train

        check()
        model = train(
            recipe,
            one.work.data,
            store,
            run_id=run_id,
            threads=resources.workers * resources.threads,
            device=resources.device,
            test_images=one.work.test_images,
            on_epoch=lambda epoch: epoch_done(recipe, epoch),
        )
        done.trained += 1
        passes = missing(one.work.passes(model), store.cell_ids())
    if passes:
        check()
        run_passes(
            store,
            passes,
            run_id=run_id,
            workers=resources.workers,
            threads=resources.threads,
            device=resources.device,
            on_pass=pass_done,
        )
