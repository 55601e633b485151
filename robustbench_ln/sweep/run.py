"""Run the cells that are missing: pass by pass, in this process or in several.

The parent imports no torch when workers do the measuring on CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.cell import Cell
from robustbench_ln.sweep.plan import NoisyPass
from robustbench_ln.workers import Call, Report, run_calls

if TYPE_CHECKING:
    from torch import nn

    from robustbench_ln.sweep.measure import Measured


@dataclass(frozen=True)
class Outcome:
    """How one cell ended.

    Attributes:
        cell_id: its name.
        title: what it measured, for people.
        images: test images counted; 0 for a failure.
        correct: of them.
        place: where it was measured and why there; empty where it was not.
        failure: why it could not be measured; empty where it was.
        seconds: of its pass, shared equally by the pass's cells, which are measured together.
    """

    cell_id: str
    title: str
    images: int
    correct: int
    place: str
    failure: str = ""
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """What a person is told of it."""
        measured = f"{self.accuracy} of {self.images}, {self.seconds:.2f} s"
        return f"{self.title}: {self.failure or measured}"

    @property
    def brief(self) -> str:
        """What a bar shows of it, the number first."""
        return f"{'failed' if self.failure else self.accuracy} {self.title}"

    @property
    def accuracy(self) -> str:
        """Its accuracy in per cent; empty for a failure."""
        return f"{self.correct / self.images:.2%}" if self.images else ""


def run_passes(
    store: Store,
    passes: Sequence[NoisyPass],
    *,
    run_id: str,
    workers: int = 1,
    threads: int = 1,
    device: str = "cpu",
    on_pass: Callable[[Sequence[Outcome]], None] = lambda outcomes: None,
) -> list[Outcome]:
    """Measure the cells of all passes and publish each.

    The bytes of a cell do not depend on how passes are split over workers, only on `threads`.

    Args:
        store: where cells go.
        passes: from `robustbench_ln.sweep.plan.plan_cells`, without those that are finished.
        run_id: names the invocation in each cell's `how.json`.
        workers: processes; 1 measures in this one.
        threads: of torch, in each worker.
        device: see `robustbench_ln.devices.choose_device`.
        on_pass: told the finished and failed cells of each pass.

    Returns:
        The outcomes, in the order in which they came.

    Raises:
        LnbenchError: data that cannot be read, or a worker that died. Of a network that cannot be read each
            cell is a failure.
    """
    outcomes: list[Outcome] = []
    calls = (pass_call(store, one, run_id, threads, device, keep=True) for one in passes)

    def done(call: Call, future: Future[list[Outcome]]) -> None:
        outcomes.extend(future.result())
        on_pass(future.result())

    try:
        run_calls(min(workers, max(len(passes), 1)), lambda: next(calls, None), done)
    finally:
        # Those of workers go with them.
        _kept.clear()
    return outcomes


def pass_call(
    store: Store, one: NoisyPass, run_id: str, threads: int, device: str, *, keep: bool = False
) -> Call:
    """Return the call that measures and publishes the cells of one pass and returns their outcomes.

    Args:
        store: where cells go.
        one: the pass.
        run_id: names the invocation in each cell's `how.json`.
        threads: of torch.
        device: see `robustbench_ln.devices.choose_device`.
        keep: leave the networks on a GPU for the next pass; else what trains next finds its memory free.
    """
    return Call(_run_pass, (store.root, one, run_id, threads, device, keep))


def publish(store: Store, one: NoisyPass, measured: Measured, run_id: str) -> list[Outcome]:
    """Publish what was measured of a pass, and return how each of its cells ended."""
    how = {"run_id": run_id, **measured.how}
    seconds = measured.how["pass_seconds"] / len(one.cells)
    outcomes = []
    for cell, result in zip(one.cells, measured.results, strict=True):
        if isinstance(result, LnbenchError):
            failure = {"identity": cell.identity, "reason": str(result), "how": how}
            store.publish_failure(cell.id, run_id, failure)
            outcomes.append(Outcome(cell.id, cell.title, 0, 0, measured.place, str(result), seconds))
        else:
            store.publish_cell(cell.id, cell.identity, result, how)
            counts = result.record()
            images, correct = counts["images"], counts["correct"]
            outcomes.append(Outcome(cell.id, cell.title, images, correct, measured.place, "", seconds))
    return outcomes


def publish_failures(store: Store, cells: Sequence[Cell], error: LnbenchError, run_id: str) -> list[Outcome]:
    """Write down why cells could not be measured, and return how each of them ended."""
    for cell in cells:
        store.publish_failure(
            cell.id, run_id, {"identity": cell.identity, "reason": str(error), "how": {"run_id": run_id}}
        )
    return [Outcome(cell.id, cell.title, 0, 0, "", str(error)) for cell in cells]


def _run_pass(
    report: Report, root: Path, one: NoisyPass, run_id: str, threads: int, device: str, keep: bool
) -> list[Outcome]:
    """Measure and publish the cells of one pass."""
    from robustbench_ln.sweep.measure import measure

    networks, unreadable = _networks(one)
    outcomes = [
        outcome for error in unreadable.values() for outcome in publish_failures(Store(root), *error, run_id)
    ]
    one = replace(one, cells=[cell for cell in one.cells if cell.model.id in networks])
    if not one.cells:
        return outcomes
    measured = measure(one, one.data.arrays("test"), networks, threads, device)
    if not keep and measured.how["device"] != "cpu":
        _kept.clear()
    return [*outcomes, *publish(Store(root), one, measured, run_id)]


def _networks(one: NoisyPass) -> tuple[dict[str, nn.Module], dict[str, tuple[list[Cell], LnbenchError]]]:
    """Return the networks of a pass, and the cells of those that cannot be read with the reason.

    Networks are kept for the next pass, which mostly has the same; others of before are let go first, so
    that memory holds those of one pass.
    """
    from robustbench_ln.models.weights import load_network

    files = {name: _file_of(model) for name, model in one.models.items()}
    for file in _kept.keys() - files.values():
        del _kept[file]
    found, unreadable = {}, {}
    for name, model in one.models.items():
        try:
            if files[name] not in _kept:
                _kept[files[name]] = load_network(model)
            found[name] = _kept[files[name]]
        except LnbenchError as error:
            unreadable[name] = ([cell for cell in one.cells if cell.model.id == name], error)
    return found, unreadable


def _file_of(model: StoredModel) -> _File:
    """Return which weights a model has now: they may be replaced, and a relative path may be elsewhere."""
    if not model.has_weights:
        return (model.id,)
    told = model.weights.stat()
    return (model.id, told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)


_File = tuple[str | int, ...]
#: Of this process: the networks of its last pass, by their weights' file. Evaluation changes no bit of them.
_kept: dict[_File, nn.Module] = {}
