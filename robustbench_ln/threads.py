"""Processes and threads: how many fit this machine, and torch's number set for a while."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from robustbench_ln.devices import gpu_count


def available_cores() -> int:
    """Return how many cores this process may use."""
    # Not every system tells.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def default_workers(threads: int, device: str = "cpu") -> int:
    """Return how many processes to take: one per GPU, else as many as the cores of this process hold.

    Args:
        threads: of torch in each process.
        device: see `robustbench_ln.devices.choose_device`.

    Raises:
        UnknownNameError: an unknown device.
        LnbenchError: no GPU can be used.
    """
    return gpu_count(device) or max(available_cores() // threads, 1)


def machine_load() -> float:
    """Return how many threads of the whole machine ran or waited, a mean that the last minute dominates.

    NaN where the system does not tell.
    """
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return math.nan


@contextmanager
def torch_threads(threads: int | None) -> Iterator[None]:
    """Compute with this many threads within the context; None leaves torch's own choice."""
    import torch

    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
