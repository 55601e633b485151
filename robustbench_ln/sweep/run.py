"""Run the cells that are missing: pass by pass, in this process or in several.

The cells of a pass read the same images in step and are published together when it ends.

The parent imports no torch when workers do the measuring.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robustbench_ln import provenance
from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import Counts
from robustbench_ln.sweep.plan import Cell, NoisyPass
from robustbench_ln.threads import torch_threads
from robustbench_ln.workers import Call, Report, run_calls


@dataclass(frozen=True)
class Outcome:
    """How one cell ended.

    Attributes:
        cell_id: its name.
        title: what it measured, for people.
        images: test images counted; 0 for a failure.
        correct: of them.
        failure: why it could not be measured; empty where it was.
    """

    cell_id: str
    title: str
    images: int
    correct: int
    failure: str = ""

    @property
    def line(self) -> str:
        """What a person is told of it."""
        result = self.failure or f"{self.correct / self.images:.2%} of {self.images}"
        return f"{self.title}: {result}"


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
        LnbenchError: a network or data that cannot be read, or a worker that died.
    """
    outcomes: list[Outcome] = []
    calls = (pass_call(store, one, run_id, threads, device) for one in passes)

    def done(call: Call, future: Future[list[Outcome]]) -> None:
        outcomes.extend(future.result())
        on_pass(future.result())

    run_calls(min(workers, max(len(passes), 1)), lambda: next(calls, None), done)
    return outcomes


def pass_call(store: Store, one: NoisyPass, run_id: str, threads: int, device: str) -> Call:
    """Return the call that measures and publishes the cells of one pass and returns their outcomes."""
    return Call(_run_pass, (store.root, one, run_id, threads, device))


def _run_pass(
    report: Report, root: Path, one: NoisyPass, run_id: str, threads: int, device: str
) -> list[Outcome]:
    """Measure and publish the cells of one pass."""
    import torch

    from robustbench_ln.data.dataset import limited
    from robustbench_ln.devices import choose_device, device_label, full_precision, memory_checked
    from robustbench_ln.evaluation.images import NoisyImages, evaluation_order
    from robustbench_ln.evaluation.reader import Reader, read_all
    from robustbench_ln.models.weights import load_network

    started = time.perf_counter()
    settings, store = one.settings, Store(root)
    arrays = one.data.arrays("test")
    indices = limited(len(arrays.labels), settings.limit)
    models = {cell.model.id: cell.model for cell in one.cells}
    chosen = choose_device(device)
    with torch_threads(threads), full_precision(), memory_checked():
        networks = {model_id: load_network(model).to(chosen) for model_id, model in models.items()}
        readers = [
            Reader(
                networks[cell.model.id],
                cell.layout,
                cell.model.card["recipe"]["preprocessing"],
                cell.vote,
                settings.seed,
                arrays.labels,
                indices,
            )
            for cell in one.cells
        ]
        train = one.data.info.splits["train"]
        stream = NoisyImages(
            arrays,
            one.noise,
            one.sigma,
            settings.seed,
            indices,
            one.cells[0].model.card["recipe"]["preprocessing"],
            train_range=np.array([train.minimum, train.maximum]),
        )
        order = evaluation_order(arrays.labels, indices, settings.order, settings.order_seed)
        results = read_all(stream, order, readers)
    seconds = time.perf_counter() - started
    how = {
        "run_id": run_id,
        "finished": provenance.now(),
        "host": provenance.host(),
        "torch": torch.__version__,
        "threads": threads,
        "device": device_label(chosen),
        # The cells of a pass are measured together, so a cell's own time is not known.
        "pass_seconds": round(seconds, 3),
        "pass_cells": len(one.cells),
        "pass_images_per_second": round(len(indices) * len(one.cells) / seconds, 1),
    }
    return [
        _publish(store, cell, result, run_id, how) for cell, result in zip(one.cells, results, strict=True)
    ]


def _publish(
    store: Store, cell: Cell, result: Counts | LnbenchError, run_id: str, how: dict[str, object]
) -> Outcome:
    if isinstance(result, LnbenchError):
        store.publish_failure(cell.id, run_id, {"identity": cell.identity, "reason": str(result), "how": how})
        return Outcome(cell.id, cell.title, 0, 0, str(result))
    store.publish_cell(cell.id, cell.identity, result, how)
    counts = result.record()
    return Outcome(cell.id, cell.title, counts["images"], counts["correct"])
