"""Which device a process takes, with GPUs that are only pretended."""

from pathlib import Path

import pytest
import torch

from robustbench_ln import devices, workers
from robustbench_ln.devices import choose_device, gpu_count
from robustbench_ln.errors import LnbenchError


@pytest.fixture
def current(monkeypatch):
    """The GPUs that were made the current one, of two that are there."""
    made = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    return made


@pytest.mark.parametrize(("number", "chosen"), [(None, []), (0, [0]), (1, [1]), (2, [0]), (5, [1])])
def test_workers_take_the_gpus_in_turn(number, chosen, current, monkeypatch):
    monkeypatch.setattr(workers, "_number", number)
    assert choose_device("cpu").type == "cpu"
    assert current == []
    assert choose_device("auto") == torch.device("cuda")
    assert current == chosen


def test_gpus_are_counted_where_a_driver_is(current, monkeypatch):
    monkeypatch.setattr(devices, "_DRIVERS", (Path("/nowhere"), Path("/dev/null")))
    assert [gpu_count(name) for name in ("cpu", "auto", "cuda")] == [0, 2, 2]
    monkeypatch.setattr(devices, "_DRIVERS", (Path("/nowhere"),))
    assert [gpu_count(name) for name in ("auto", "cuda")] == [0, 2]
    assert current == []


def test_no_gpu_is_none_or_an_error_where_one_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_DRIVERS", (Path("/dev/null"),))
    assert gpu_count("auto") == 0
    with pytest.raises(LnbenchError, match="no GPU"):
        gpu_count("cuda")
