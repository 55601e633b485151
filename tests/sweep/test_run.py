"""Networks are kept from one pass to the next, and for no longer; where a sweep's passes run."""

import gc
import weakref

import pytest
from torch import nn

from robustbench_ln.data.open import open_data
from robustbench_ln.devices import Dtype
from robustbench_ln.errors import LnbenchError
from robustbench_ln.models import weights
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep import executor, measure
from robustbench_ln.sweep.executor import Executor
from robustbench_ln.sweep.plan import SweepSettings, plan_cells
from robustbench_ln.sweep.run import pass_call, run_passes


def model(seed, folder):
    recipe = {
        "benchmark": "digits",
        "network": "mnist-net",
        "norm": "batchnorm",
        "norm_options": {},
        "image_shape": [1, 28, 28],
        "classes": 10,
        "preprocessing": {"mean": [0.0], "std": [1.0]},
        "train": {"batch_size": 10, "epochs": 1},
        "seed": seed,
    }
    return StoredModel(f"digits-batchnorm-s{seed}.0.{seed}", folder / "absent", {"recipe": recipe})


@pytest.fixture
def sweep(tmp_path):
    """A store, and passes at two sigmas over one network and then over another."""
    data = open_data("digits", tmp_path / "data")
    settings = SweepSettings((NoiseSpec("agn"),), ("0", "1"), modes=("frozen",))
    first, second = (plan_cells([(model(seed, tmp_path), data)], settings) for seed in (0, 1))
    return Store(tmp_path / "results"), [*first, *second]


@pytest.fixture
def events(monkeypatch):
    """What is read and measured, with how many networks in memory; as on a GPU."""
    told, alive = [], weakref.WeakSet()

    def read(stored):
        gc.collect()
        told.append(("read", stored.id.partition(".")[0][-2:], len(alive)))
        network = nn.Identity()
        alive.add(network)
        return network

    def measured(one, test, networks, threads, device):
        told.append(("measured", one.sigma, len(alive)))
        results = [LnbenchError("This is a test.") for _ in one.cells]
        return measure.Measured(results, {"device": "a GPU", "pass_seconds": 1.0}, "there")

    monkeypatch.setattr(weights, "load_network", read)
    monkeypatch.setattr(measure, "measure", measured)
    return told, alive


def test_a_gpu_keeps_the_networks_of_the_last_pass_until_the_sweep_ends(sweep, events):
    store, passes = sweep
    told, alive = events
    run_passes(store, passes, run_id="r", device="cuda")
    assert told == [
        ("read", "s0", 0), ("measured", "0", 1), ("measured", "1", 1),
        ("read", "s1", 0), ("measured", "0", 1), ("measured", "1", 1),
    ]  # fmt: skip
    gc.collect()
    assert not alive


def test_a_pass_among_trainings_leaves_a_gpu_s_memory_to_them(sweep, events):
    store, passes = sweep
    told, alive = events
    for one in passes[:2]:
        call = pass_call(store, one, "r", 1, "cuda")
        call.function(None, *call.arguments)
        gc.collect()
        assert not alive
    assert [what for what, *_ in told] == ["read", "measured"] * 2


def test_the_sweep_ends_with_an_error_and_keeps_nothing(sweep, events, monkeypatch):
    store, passes = sweep
    _, alive = events

    def fails(*_):
        raise LnbenchError("Memory is used up.")

    monkeypatch.setattr(measure, "measure", fails)
    with pytest.raises(LnbenchError, match="used up"):
        run_passes(store, passes, run_id="r", device="cuda")
    gc.collect()
    assert not alive


@pytest.mark.parametrize(("asked", "taken"), [(None, 3), (5, 5)])
def test_as_many_processes_as_gpus_unless_a_number_is_asked_for(asked, taken, sweep, monkeypatch):
    store, passes = sweep
    monkeypatch.setattr("robustbench_ln.threads.gpu_count", {"cuda": 3}.get)
    monkeypatch.setattr(executor, "run_passes", lambda *_, workers, **options: workers)
    place = Executor("local", Dtype("float32", "as asked for"), workers=asked, device="cuda")
    assert place.run(store, passes, run_id="r", on_pass=print) == taken
