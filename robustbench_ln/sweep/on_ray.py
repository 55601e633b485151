"""Run passes on a Ray cluster: its nodes measure, this process alone reads and writes the store.

A task is a pass of one network. Weights and test images go into Ray's object store once, from which each
node fetches them once, so no file system has to be shared. A task whose worker dies is run again.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.data.dataset import Arrays
from robustbench_ln.errors import LnbenchError, first_line
from robustbench_ln.models.weights import build_stored
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.measure import Measured, measure
from robustbench_ln.sweep.plan import NoisyPass
from robustbench_ln.sweep.run import Outcome, publish, publish_failures
from robustbench_ln.sweep.shard import by_model
from robustbench_ln.user_code import environment

#: Seconds for the head of a cluster to answer.
_PATIENCE = 10
#: How often a task is begun again after its worker died.
_RETRIES = 5


def run_passes_on_ray(
    store: Store,
    passes: Sequence[NoisyPass],
    *,
    run_id: str,
    address: str | None = None,
    threads: int = 1,
    device: str = "cpu",
    on_pass: Callable[[Sequence[Outcome]], None] = lambda outcomes: None,
) -> list[Outcome]:
    """Measure the cells of all passes on a cluster and publish each here.

    The bytes of a cell are those of `robustbench_ln.sweep.run.run_passes` at the same number of threads, on
    machines of the same kind.

    Args:
        store: where cells go.
        passes: from `robustbench_ln.sweep.plan.plan_cells`, without those that are finished.
        run_id: names the invocation in each cell's `how.json`.
        address: of the cluster, as `ray.init` takes it; None for the one that the environment variable
            RAY_ADDRESS names, else a new one on this machine.
        threads: of torch, in each task, for which it reserves as many CPUs.
        device: "cpu" or "cuda", for which each task reserves a GPU; "auto" takes GPUs where the cluster has
            some.
        on_pass: told the finished and failed cells of each task.

    Returns:
        The outcomes, in the order in which they came.

    Raises:
        LnbenchError: Ray is not installed, there is no such cluster or nothing in it that a task fits on,
            data cannot be read, a node could not measure, or a task's worker died again and again. Of a
            network that cannot be read each cell is a failure.
    """
    outcomes: list[Outcome] = []
    with _cluster(address) as ray:
        total = ray.cluster_resources()
        gpus = _gpus(device, total)
        _check_fits(ray, threads, gpus)
        remote = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=_RETRIES)(_measure_task)
        images: dict[str, tuple[Any, Any]] = {}
        weights: dict[str, Any] = {}

        def images_of(one: NoisyPass) -> tuple[Any, Any]:
            place = one.data.place
            if place not in images:
                arrays = one.data.arrays("test")
                images[place] = (ray.put(np.asarray(arrays.images)), ray.put(arrays.labels))
            return images[place]

        def weights_of(one: NoisyPass) -> Any:
            (model,) = one.models.values()
            if model.id not in weights:
                weights[model.id] = ray.put(_read_weights(one))
            return weights[model.id]

        waiting = deque(by_model(passes))
        # Twice what runs at once keeps every worker busy; a plan of a million cells is not handed over whole.
        ahead = max(2 * int(total.get("CPU", 1)) // threads, 2)
        running: dict[Any, NoisyPass] = {}
        while waiting or running:
            while waiting and len(running) < ahead:
                one = waiting.popleft()
                pixels, labels = images_of(one)
                try:
                    read = weights_of(one)
                except LnbenchError as error:
                    failed = publish_failures(store, one.cells, error, run_id)
                    outcomes.extend(failed)
                    on_pass(failed)
                else:
                    running[remote.remote(one, pixels, labels, read, threads, device)] = one
            if not running:
                break
            (done,), _ = ray.wait(list(running), num_returns=1)
            measured = _result(ray, done)
            published = publish(store, running.pop(done), measured, run_id)
            outcomes.extend(published)
            on_pass(published)
    return outcomes


def _measure_task(
    one: NoisyPass,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    weights: npt.NDArray[np.uint8],
    threads: int,
    device: str,
) -> Measured | LnbenchError:
    """Measure a pass of one network on a node, from what came with the task alone."""
    (model,) = one.models.values()
    try:
        networks = {model.id: build_stored(model.card, weights.tobytes())}
        return measure(one, Arrays(images, labels), networks, threads, device)
    except LnbenchError as error:
        return error


def _read_weights(one: NoisyPass) -> npt.NDArray[np.uint8]:
    """Return the content of the weights' file, made sure to be that of the network."""
    from robustbench_ln.models.weights import load_network

    (model,) = one.models.values()
    load_network(model)
    return np.fromfile(model.weights, dtype=np.uint8)


def _result(ray: Any, reference: Any) -> Measured:
    """Return what a task measured.

    Raises:
        LnbenchError: it could not measure, or its worker died too often.
    """
    try:
        measured: Measured | LnbenchError = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise LnbenchError(
            "A node of the Ray cluster could not measure: "
            f"{type(error.cause).__name__}: {first_line(error.cause)}.",
            "Install the same lnbench, with torch, on every node.",
        ) from error
    except ray.exceptions.RayError as error:
        raise LnbenchError(
            f"The Ray cluster lost a task {_RETRIES + 1} times: {first_line(error)}.",
            "What was finished is kept: run the same command again.",
        ) from error
    if isinstance(measured, LnbenchError):
        raise measured
    return measured


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Connect to a cluster within the context, and give the module `ray`."""
    try:
        import ray
    except ImportError as error:
        raise LnbenchError(
            "Ray is not installed.", "Run: pip install 'robustbench_ln[ray]', on every node."
        ) from error
    # Without a name Ray would join whatever cluster was started on this machine last.
    named = address or os.environ.get("RAY_ADDRESS") or "local"
    try:
        _check_answers(named)
        ray.init(
            named,
            include_dashboard=False if named == "local" else None,
            logging_level=logging.ERROR,
            log_to_driver=False,
            # The user's own code, which a worker has to find again.
            runtime_env={"env_vars": environment()} if environment() else None,
        )
    except (OSError, OverflowError, ValueError, RuntimeError) as error:
        raise LnbenchError(
            f"There is no Ray cluster at '{named}': {first_line(error)}.",
            "Start one with ray start --head, and name the address that it prints.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Make sure that something listens at HOST:PORT; Ray itself would try for minutes.

    Raises:
        OSError: nothing does.
    """
    found = re.fullmatch(r"(?:ray://)?\[?([^/\]]+)\]?:([0-9]{1,5})", address)
    if found:
        socket.create_connection((found[1], int(found[2])), timeout=_PATIENCE).close()


def _gpus(device: str, total: dict[str, float]) -> int:
    """Return how many GPUs a task reserves."""
    return int(device == "cuda" or (device == "auto" and total.get("GPU", 0) >= 1))


def _check_fits(ray: Any, threads: int, gpus: int) -> None:
    """Make sure that a node can run a task; Ray would wait for one for ever."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= threads and node.get("GPU", 0) >= gpus for node in nodes):
        what = f"{threads} CPUs and a GPU" if gpus else f"{threads} CPUs"
        raise LnbenchError(f"No node of the Ray cluster has {what}.", "Use fewer --threads, or --device cpu.")
