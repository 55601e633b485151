"""What the process that reads and writes the store does for a cluster, with a stand-in for Ray."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.data.dataset import Arrays
from robustbench_ln.store.store import Store
from robustbench_ln.sweep import on_ray
from robustbench_ln.sweep.plan import NoisyPass


class NoRay:
    """A cluster of one core that is never given a task."""

    def cluster_resources(self):
        return {"CPU": 1.0}

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 1.0}}]

    def remote(self, **resources):
        return lambda function: function

    def put(self, value):
        return value


class Data:
    place = "here"

    def __init__(self, error=None):
        self.error = error

    def arrays(self, split):
        if self.error is not None:
            raise self.error
        return Arrays(np.zeros((1, 1, 2, 2), np.uint8), np.zeros(1, np.int64))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a pass of one cell whose network cannot be read."""

    @contextmanager
    def cluster(address):
        yield NoRay()

    def unreadable(one):
        raise LnbenchError("The weights cannot be read.")

    monkeypatch.setattr(on_ray, "_cluster", cluster)
    monkeypatch.setattr(on_ray, "_read_weights", unreadable)
    store = Store(tmp_path)
    cell = SimpleNamespace(id="c", identity={}, title="a cell", model=SimpleNamespace(id="m"))

    def run_pass(data):
        one = NoisyPass(data, None, "0", None, [cell])
        return store, on_ray.run_passes_on_ray(store, [one], run_id="r")

    return run_pass


def test_each_cell_of_a_network_that_cannot_be_read_is_a_failure(run):
    store, (outcome,) = run(Data())
    assert outcome.failure == "The weights cannot be read."
    assert list(store.all_failures()) == ["c.r"]


def test_data_that_cannot_be_read_end_the_sweep_and_fail_no_cell(run, tmp_path):
    with pytest.raises(LnbenchError, match="Decoded data"):
        run(Data(LnbenchError("Decoded data cannot be read.")))
    assert Store(tmp_path).all_failures() == {}
