"""bf16 changes a real network's accuracy by less than the images' own uncertainty."""

import pytest
import torch

from robustbench_ln import LnbenchError, evaluate
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.data.open import open_data
from robustbench_ln.devices import choose_dtype
from robustbench_ln.models.weights import load_network
from robustbench_ln.modes import modes_for
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.plan import SweepSettings
from robustbench_ln.training.loop import train
from robustbench_ln.training.recipe import plan_recipes


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return open_data("digits", tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("norm", ["batchnorm", "switchnorm", "localnorm"])
def test_bf16_stays_within_the_interval_of_fp32(norm, digits, tmp_path):
    declared = load_declared(find_config(None)).benchmark("digits")
    (recipe,) = plan_recipes("digits", declared, digits, norms=[(norm, {})], epochs=3)
    network = load_network(train(recipe, digits, Store(tmp_path), run_id="r", threads=1, device="cpu"))
    test = digits.arrays("test")

    def measured(dtype):
        rows = evaluate(
            network,
            test.images,
            test.labels,
            sigma="0,1",
            # Half precision is slow where it is emulated.
            modes=[mode for mode in modes_for(norm) if "voting" not in mode],
            limit=250,
            batch_size=declared.train.batch_size,
            dtype=dtype,
        )
        return rows.set_index(["mode", "sigma"])

    single, half = measured("fp32"), measured("bf16")
    assert set(single["dtype"]) == {"float32"}
    assert set(half["dtype"]) == {"bfloat16"}
    assert single.loc[("batch", 0.0), "accuracy"] > 0.8
    assert (half["accuracy"] >= single["low"]).all()
    assert (half["accuracy"] <= single["high"]).all()
    # The logits do differ, or nothing was computed in bf16.
    inputs = torch.tensor(test.images[: declared.train.batch_size]).float() / 255
    with torch.inference_mode():
        exact = network(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(inputs)
    assert 1e-4 < (exact - rounded.float()).abs().max() < 1


def test_auto_says_why():
    found = choose_dtype("auto", "cpu")
    assert found.name in ("float32", "bfloat16")
    assert ("does not multiply" in found.reason) == (found.name == "float32")


@pytest.mark.parametrize("name", ["fp16", "float32", ""])
def test_an_unknown_precision_is_named(name):
    with pytest.raises(LnbenchError, match="dtype"):
        choose_dtype(name, "cpu")
    with pytest.raises(LnbenchError, match="dtype"):
        SweepSettings((NoiseSpec("agn"),), ("0",), dtype="fp32")
