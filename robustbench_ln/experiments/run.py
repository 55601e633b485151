"""Do the work of experiments: train what is missing, measure what is missing, until a budget is used up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustbench_ln.errors import LnbenchError
from robustbench_ln.experiments.work import NetworkWork
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
        minutes: begin no pass, training or epoch later than this; None for no limit.
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
    done = Done()
    deadline = None if resources.minutes is None else time.monotonic() + 60 * resources.minutes
    trainings = deque(one for one in todo if one.training)
    passes = deque((one, each) for one in todo if not one.training for each in one.passes)
    training = 0
    alone = bool(trainings) and _shares_memory(resources.device)

    def next_call() -> Call | None:
        nonlocal training
        if not passes and (not trainings or (alone and training)):
            return None
        if deadline is not None and time.monotonic() > deadline:
            done.complete = False
            return None
        if passes:
            one, each = passes.popleft()
            call = pass_call(store, each, run_id, resources.threads, resources.device)
            return replace(call, about=one)
        one = trainings.popleft()
        training += 1
        return Call(
            _train, (one.work, store.root, run_id, resources.threads, resources.device, deadline), about=one
        )

    def ended(call: Call, future: Future[Any]) -> None:
        nonlocal training, passes
        one: Todo = call.about
        trained = call.function is _train
        training -= trained
        try:
            result = future.result()
        except BudgetSpentError:
            done.complete = False
        except LnbenchError as error:
            done.failed[one.work.recipe.name] = str(error)
            passes = deque(other for other in passes if other[0] is not one)
        else:
            if trained:
                done.trained += 1
                passes.extend((one, each) for each in missing(one.work.passes(result), store.cell_ids()))
            else:
                count(result)

    def count(outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.failure:
                done.failed[outcome.cell_id] = outcome.failure
            else:
                done.measured += 1
            on_outcome(outcome)

    run_calls(resources.workers, next_call, ended, lambda epoch: on_epoch(*epoch))
    return done


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


def _shares_memory(device: str) -> bool:
    """Whether networks are trained one at a time: on a GPU, whose memory several might not fit in."""
    from robustbench_ln.devices import choose_device

    return choose_device(device).type == "cuda"
