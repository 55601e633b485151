"""What the machine has and how busy it is."""

import math
import os

from robustbench_ln import threads
from robustbench_ln.threads import available_cores, default_workers, machine_load


def test_a_system_that_does_not_tell_its_load_or_cores(monkeypatch):
    for name in ("getloadavg", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    assert math.isnan(machine_load())
    assert available_cores() == os.cpu_count()


def test_workers_fill_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert [default_workers(number) for number in (1, 3, 8, 9)] == [8, 2, 1, 1]
    assert machine_load() >= 0


def test_gpus_have_one_worker_each(monkeypatch):
    monkeypatch.setattr(threads, "gpu_count", {"auto": 3, "cpu": 0}.get)
    monkeypatch.setattr(threads, "available_cores", lambda: 8)
    assert [default_workers(2, device) for device in ("auto", "cpu")] == [3, 4]
