"""Calls in worker processes and in this one: the same outcomes, reports on the way, no process left."""

import multiprocessing
import os
import signal
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from robustbench_ln import workers
from robustbench_ln.errors import LnbenchError
from robustbench_ln.workers import Call, run_calls, worker_number


def square(report, number):
    report(("half way", number))
    return number * number


def fail(report, number):
    raise LnbenchError(f"{number} is wrong", "Try another.")


def die(report):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(report, seconds):
    report("asleep")
    time.sleep(seconds)


def number(report):
    time.sleep(0.5)  # or one worker might make all calls
    return worker_number()


def handed_out(calls):
    rest = iter(calls)
    return lambda: next(rest, None)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_call_ends_once_and_reports_before_its_end(workers):
    said, ended = [], Counter()

    def done(call, future):
        assert ("half way", call.about) in said
        ended[call.about, future.result()] += 1

    run_calls(workers, handed_out([Call(square, (n,), about=n) for n in range(7)]), done, said.append)
    assert ended == Counter((n, n * n) for n in range(7))
    assert sorted(said) == [("half way", n) for n in range(7)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_end_may_bring_more_calls_and_an_error_is_its_call_s_own(workers):
    waiting, ended = [Call(fail, (1,), about="fails"), Call(square, (2,), about="works")], {}

    def done(call, future):
        if isinstance(error := future.exception(), LnbenchError):
            ended[call.about] = (error.message, error.hint)
        else:
            ended[call.about] = future.result()
            if call.about == "works":
                waiting.append(Call(square, (future.result(),), about="follows"))

    run_calls(workers, lambda: waiting.pop(0) if waiting else None, done)
    assert ended == {"fails": ("1 is wrong", "Try another."), "works": 4, "follows": 16}


def test_no_more_calls_run_at_once_than_there_are_workers():
    asked = []

    def next_call():
        asked.append(len(ended))
        return Call(square, (0,)) if len(asked) <= 5 else None

    ended = []
    run_calls(1, next_call, lambda call, future: ended.append(future))
    assert asked == [0, 1, 2, 3, 4, 5]


def test_workers_are_numbered_and_this_process_is_none_of_them():
    numbers = {}
    for workers_ in (1, 3):
        found = numbers[workers_] = set()
        calls = [Call(number, ()) for _ in range(2 * workers_)]
        run_calls(workers_, handed_out(calls), lambda call, future, found=found: found.add(future.result()))
    assert numbers == {1: {None}, 3: {0, 1, 2}}


def test_a_worker_that_dies_is_a_sentence():
    with pytest.raises(LnbenchError, match="worker process died") as raised:
        run_calls(2, handed_out([Call(die, ()), Call(sleep, (60,))]), lambda call, future: None)
    assert "fewer --workers" in raised.value.hint
    assert not workers_left()


@pytest.mark.parametrize("look", [0.2, 3])
def test_the_death_of_the_last_worker_to_start_is_noticed_while_the_others_work(look, monkeypatch):
    # At 3 seconds it is dead before anybody has looked at it.
    monkeypatch.setattr(workers, "_LOOK", look)
    said, rest = [], [Call(die, ()), Call(sleep, (60,))]

    def next_call():
        return rest.pop() if len(rest) == 2 or (rest and said) else None

    started = time.monotonic()
    with pytest.raises(LnbenchError, match="worker process died"):
        run_calls(2, next_call, lambda call, future: None, said.append)
    assert time.monotonic() - started < 50
    assert not workers_left()


def test_a_worker_that_dies_while_calls_are_handed_out_is_a_sentence(monkeypatch):
    def broken(*args, **kwargs):
        raise BrokenProcessPool("A child process terminated abruptly")

    monkeypatch.setattr(ProcessPoolExecutor, "submit", broken)
    with pytest.raises(LnbenchError, match="worker process died"):
        run_calls(2, handed_out([Call(square, (1,))]), lambda call, future: None)


@pytest.mark.parametrize("where", ["on_report", "on_done"])
def test_an_error_of_the_parent_s_own_ends_the_workers(where):
    def stop(*_):
        raise KeyboardInterrupt

    told = {"on_report": (lambda call, future: None, stop), "on_done": (stop, lambda report: None)}[where]
    calls = [Call(sleep, (60,)), Call(sleep, (60 if where == "on_report" else 0,))]
    with pytest.raises(KeyboardInterrupt):
        run_calls(2, handed_out(calls), *told)
    assert not workers_left()


def workers_left():
    deadline = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return multiprocessing.active_children()
