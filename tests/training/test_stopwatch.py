"""The stopwatch adds up what is done while it runs, and nothing else."""

import time

import pytest
import torch

from robustbench_ln.training.stopwatch import Stopwatch


def test_seconds_are_those_within(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    watch = Stopwatch(torch.device("cpu"))
    assert watch.seconds() == 0
    for inside, outside in ((1.0, 10.0), (2.0, 20.0)):
        with watch.measured():
            now += inside
        now += outside
    assert watch.seconds() == pytest.approx(3.0)
