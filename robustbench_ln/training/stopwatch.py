"""Seconds of a part of each training step, without making a GPU wait for the processor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Stopwatch:
    """Adds up the seconds that a device spends on what is asked of it within `measured`.

    A GPU does what it is asked for later: a clock of the processor would tell how long asking takes or, where
    asking waits, how long everything before takes.

    Args:
        device: where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[tuple[Any, Any]] = []
        self._seconds = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count what is asked for within the context."""
        if self._cuda:
            event: Any = torch.cuda.Event
            begin, end = (event(enable_timing=True) for _ in range(2))
            begin.record()
            yield
            end.record()
            self._marks.append((begin, end))
            return
        before = time.perf_counter()
        yield
        self._seconds += time.perf_counter() - before

    def seconds(self) -> float:
        """Return the seconds so far; waits for a GPU."""
        if self._cuda:
            torch.cuda.synchronize()
        milliseconds = [float(begin.elapsed_time(end)) for begin, end in self._marks]
        return self._seconds + sum(milliseconds) / 1000
