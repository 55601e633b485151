"""Calls spread over processes, or made one after the other in this one.

This module imports no torch: a parent whose workers compute needs none.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_ln.errors import LnbenchError

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

Report = Callable[[Any], None]
#: Seconds between two looks at what workers report.
_LOOK = 0.2


@dataclass(frozen=True)
class Call:
    """A function of a module and what it is called with; both travel to the worker.

    Attributes:
        function: called with `report` before the arguments: what that is given reaches the parent while the
            call still runs.
        arguments: of the function.
        about: whatever tells the parent what the call was for; it does not travel.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    about: Any = None


def run_calls(
    workers: int,
    next_call: Callable[[], Call | None],
    on_done: Callable[[Call, Future[Any]], None],
    on_report: Report = lambda report: None,
) -> None:
    """Make calls until there are no more.

    Args:
        workers: processes; 1 makes the calls in this one. They end at once when this function is left by an
            exception, and when this process dies.
        next_call: asked whenever a worker is free; None while there is nothing to hand out. It is asked
            again after each call that ended, and the work is over when nothing runs and it says None.
        on_done: told each call that ended, with its result or error.
        on_report: told what calls report.

    Raises:
        LnbenchError: a worker died.
    """
    running: dict[Future[Any], Call] = {}
    with _pool(workers, on_report) as (pool, report, look, check):
        try:
            while True:
                while len(running) < workers and (call := next_call()) is not None:
                    running[pool.submit(call.function, report, *call.arguments)] = call
                if not running:
                    return
                ended, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                # What a call reported comes before its end.
                look()
                for future in ended:
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        raise error
                    on_done(running.pop(future), future)
                check()
        except BrokenProcessPool as error:
            raise LnbenchError(
                "A worker process died, most likely for lack of memory.",
                "What was finished is kept: run the same command again, with fewer --workers.",
            ) from error


class _Here(Executor):
    """Makes each call at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Context(multiprocessing.context.SpawnContext):
    """Starts processes afresh and keeps them: `multiprocessing.active_children` forgets those that died."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[multiprocessing.context.SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> multiprocessing.context.SpawnProcess:  # type: ignore[override]
        process = multiprocessing.context.SpawnProcess(*args, **kwargs)
        self.processes.append(process)
        return process


@contextmanager
def _pool(
    workers: int, on_report: Report
) -> Iterator[tuple[Executor, Report, Callable[[], None], Callable[[], None]]]:
    """An executor and the `report` for its calls; what passes on reports; what raises where a worker died."""
    if workers == 1:
        yield _Here(), on_report, lambda: None, lambda: None
        return
    context = _Context()
    reports: SimpleQueue[Any] = context.SimpleQueue()
    numbers: SimpleQueue[int] = context.SimpleQueue()
    for number in range(workers):
        numbers.put(number)
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(reports, numbers))

    def look() -> None:
        while not reports.empty():
            on_report(reports.get())

    def check() -> None:
        # The executor does not watch a process that it started last until another call begins or ends.
        if any(process.exitcode is not None for process in context.processes):
            raise BrokenProcessPool("A worker process died.")

    try:
        yield pool, _report, look, check
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in context.processes:
            process.terminate()
        raise
    pool.shutdown()


def worker_number() -> int | None:
    """Return which of the workers this process is, counted from 0; None where it is none of them."""
    return _number


def _start_worker(reports: SimpleQueue[Any], numbers: SimpleQueue[int]) -> None:
    """Leave Ctrl-C to the parent, and end with it, also when it was killed."""
    global _reports, _number
    _reports, _number = reports, numbers.get()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


#: Of a worker: where its calls report, and its number.
_reports: SimpleQueue[Any] | None = None
_number: int | None = None


def _report(report: Any) -> None:
    if _reports is not None:
        _reports.put(report)
