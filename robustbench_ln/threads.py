"""Processes and threads: how many fit this machine, and torch's number set for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def default_workers(threads: int) -> int:
    """Return how many processes of so many threads the cores of this process hold, at least one."""
    # Not every system tells which cores a process may use.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(cores // threads, 1)


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
