"""Do the work of experiments: train what is missing, measure what is missing, until a budget is used up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustbench_ln.errors import LnbenchError
from robustbench_ln.experiments.work import NetworkWork, Obstacle
from robustbench_ln.models.source_names import is_source
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import NoisyPass, missing
from robustbench_ln.sweep.run import Outcome, pass_call
from robustbench_ln.training.recipe import Recipe
from robustbench_ln.workers import Call, Report, run_calls

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
        workers: processes, each of which trains a network or measures a pass; on a GPU only one of them
            trains at a time.
        threads: of torch in each of them.
        device: see `robustbench_ln.devices.choose_device`.
        minutes: begin no training or epoch later than this, and no pass but those of networks that this run
            has trained; None for no limit.
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


def without_starts(todo: Sequence[Todo]) -> tuple[list[Todo], dict[str, Obstacle]]:
    """Return the work whose trainings can start, and why those of other benchmarks cannot.

    A training that starts from weights outside the store, such as ImageNet's, cannot where they are missing.
    """
    from robustbench_ln.models.sources import load_source

    obstacles: dict[str, Obstacle] = {}
    errors: dict[str, LnbenchError | None] = {}
    kept = []
    for one in todo:
        recipe = one.work.recipe
        start = recipe.start if one.training else None
        if start is not None and is_source(start) and start not in errors:
            try:
                load_source(start)
            except LnbenchError as error:
                errors[start] = error
            else:
                errors[start] = None
        lacking = errors.get(start) if start is not None else None
        if lacking is None:
            kept.append(one)
            continue
        waiting = obstacles.get(recipe.benchmark, Obstacle(lacking, 0, 0))
        obstacles[recipe.benchmark] = Obstacle(lacking, waiting.networks + 1, waiting.cells + one.cells)
    return kept, obstacles


def run_todo(
    todo: Sequence[Todo],
    store: Store,
    *,
    run_id: str,
    resources: Resources,
    on_epoch: Callable[[Recipe, Epoch], None] = lambda recipe, epoch: None,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Done:
    """Train and measure; a network that fails does not keep the others from being done.

    Measuring goes before training, so that a run that is cut off leaves whole networks behind.

    Args:
        todo: from `look_through`.
        store: where networks and cells go.
        run_id: names the invocation.
        resources: processes, threads, device and time.
        on_epoch: told each finished epoch.
        on_outcome: told each finished cell.

    Raises:
        LnbenchError: a worker died.
    """
    run = _Run(todo, store, run_id, resources, on_outcome)
    run_calls(resources.workers, run.next_call, run.ended, lambda epoch: on_epoch(*epoch))
    return run.done


@dataclass
class _Run:
    """What waits, and what came of the rest; the first attributes are the arguments of `run_todo`."""

    todo: Sequence[Todo]
    store: Store
    run_id: str
    resources: Resources
    on_outcome: Callable[[Outcome], None]
    done: Done = field(default_factory=Done)

    def __post_init__(self) -> None:
        minutes = self.resources.minutes
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self._trainings: deque[Todo] = deque()
        self._passes: deque[tuple[Todo, NoisyPass]] = deque()
        for one in self.todo:
            if one.training:
                self._trainings.append(one)
            else:
                self._passes.extend((one, each) for each in one.passes)
        waiting = len(self._trainings)
        self._at_once = min(trainings_at_once(self.resources), waiting) if waiting else 0
        self._in_training = 0

    def next_call(self) -> Call | None:
        """Return what is done next, None where nothing can be begun now."""
        may_train = self._trainings and self._in_training < self._at_once
        if not self._passes and not may_train:
            return None
        if self._deadline is not None and time.monotonic() > self._deadline:
            # What was trained here is measured here: its weights may not be there next time.
            here = deque(waiting for waiting in self._passes if waiting[0].training)
            self.done.complete &= len(here) == len(self._passes) and not self._trainings
            self._passes = here
            self._trainings.clear()
            if not here:
                return None
        threads, device = self.resources.threads, self.resources.device
        if self._passes:
            one, each = self._passes.popleft()
            call = pass_call(self.store, each, self.run_id, threads, device)
            return replace(call, about=partial(self._measured, one))
        one = self._trainings.popleft()
        self._in_training += 1
        arguments = (one.work, self.store.root, self.run_id, threads, device, self._deadline)
        return Call(_train, arguments, about=partial(self._trained, one))

    def ended(self, call: Call, future: Future[Any]) -> None:
        """Take in what a call came to."""
        call.about(future)

    def _trained(self, one: Todo, future: Future[StoredModel]) -> None:
        self._in_training -= 1
        try:
            model = future.result()
        except BudgetSpentError:
            self.done.complete = False
        except LnbenchError as error:
            self._fail(one, error)
        else:
            self.done.trained += 1
            passes = missing(one.work.passes(model), self.store.cell_ids())
            self._passes.extend((one, each) for each in passes)

    def _measured(self, one: Todo, future: Future[list[Outcome]]) -> None:
        try:
            outcomes = future.result()
        except LnbenchError as error:
            self._fail(one, error)
            return
        for outcome in outcomes:
            if outcome.failure:
                self.done.failed[outcome.cell_id] = outcome.failure
            else:
                self.done.measured += 1
            self.on_outcome(outcome)

    def _fail(self, one: Todo, error: LnbenchError) -> None:
        """Note why a network failed; what else was to be measured of it would fail alike."""
        self.done.failed[one.work.recipe.name] = str(error)
        self._passes = deque(waiting for waiting in self._passes if waiting[0] is not one)


def _train(
    report: Report,
    work: NetworkWork,
    root: Path,
    run_id: str,
    threads: int,
    device: str,
    deadline: float | None,
) -> StoredModel:
    """Train a network of an experiment.

    Raises:
        BudgetSpentError: an epoch, not the last, ended after the deadline.
        LnbenchError: the network could not be trained.
    """
    from robustbench_ln.training.loop import train

    def epoch_done(epoch: Epoch) -> None:
        report((work.recipe, epoch))
        if epoch.epoch < work.recipe.train.epochs and deadline is not None and time.monotonic() > deadline:
            raise BudgetSpentError

    return train(
        work.recipe,
        work.data,
        Store(root),
        run_id=run_id,
        threads=threads,
        device=device,
        test_images=work.test_images,
        on_epoch=epoch_done,
    )


def trainings_at_once(resources: Resources) -> int:
    """Return how many networks are trained beside each other: one on a GPU, whose memory they would share."""
    if resources.workers == 1 or resources.device == "cpu":
        return resources.workers
    from robustbench_ln.devices import choose_device

    return 1 if choose_device(resources.device).type == "cuda" else resources.workers
