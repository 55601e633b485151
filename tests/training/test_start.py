"""A training that starts from another network: all but the last layer is taken over, or it is refused."""

import pytest
import torch

from robustbench_ln import LnbenchError, convert_norm
from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.data.open import open_data
from robustbench_ln.models.registry import build_network
from robustbench_ln.models.sources import load_source
from robustbench_ln.models.weights import load_network
from robustbench_ln.store.store import Store
from robustbench_ln.training.loop import train
from robustbench_ln.training.recipe import plan_recipes, starting_from
from robustbench_ln.training.start import take_over

SOURCE = "torchvision:mobilenet_v2:none"
TRAIN = {"epochs": 1, "batch_size": 20, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return open_data("digits", tmp_path_factory.mktemp("data"))


def recipe_of(digits, **changed):
    body = {"title": "t", "data": "digits", "network": "mnist-net", "norms": {"localnorm": {"groups": 2}}}
    (recipe,) = plan_recipes("toy", Benchmark(**(body | {"train": TRAIN} | changed)), digits, limit=100)
    return recipe


def test_a_source_is_converted_and_taken_over_but_for_the_last_layer(digits, tmp_path):
    recipe = recipe_of(digits, network="torchvision:mobilenet_v2", start=SOURCE)
    # the paper's cars have as many channels as ImageNet; digits have one
    recipe = type(recipe)(**{**recipe.__dict__, "image_shape": (3, 32, 32)})
    network = build_network(
        recipe.network,
        image_shape=(3, 32, 32),
        num_classes=10,
        norm="localnorm",
        norm_options=recipe.norm_options,
    )
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    take_over(network, recipe, Store(tmp_path))
    source = convert_norm(load_source(SOURCE).network, "localnorm", groups=2).state_dict()
    for name, tensor in network.state_dict().items():
        expected = fresh[name] if name.startswith("classifier.1.") else source[name]
        assert torch.equal(tensor, expected), name


def test_another_network_is_refused(digits, tmp_path):
    recipe = recipe_of(digits, start=SOURCE)
    network = build_network(
        "mnist-net",
        image_shape=(1, 28, 28),
        num_classes=10,
        norm="localnorm",
        norm_options=recipe.norm_options,
    )
    with pytest.raises(LnbenchError, match="does not fit network 'mnist-net'"):
        take_over(network, recipe, Store(tmp_path))


def test_a_training_goes_on_from_a_stored_network(digits, tmp_path):
    store = Store(tmp_path)
    first = train(recipe_of(digits), digits, store, run_id="r", threads=1)
    benchmark = Benchmark(
        title="t",
        data="digits",
        network="mnist-net",
        norms={"batchnorm": {}},
        train=TRAIN | {"learning_rate": 1e-9},
    )
    started = starting_from(benchmark, store.find_model(first.id))
    (recipe,) = plan_recipes("on", started, digits, limit=100)
    assert (recipe.norm, recipe.start, recipe.id != first.card["recipe_id"]) == ("localnorm", first.id, True)
    second = train(recipe, digits, store, run_id="r", threads=1)
    before, after = load_network(first).state_dict(), load_network(second).state_dict()
    # a learning rate of nearly nothing leaves the weights where they were
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, atol=1e-6, rtol=0)


def test_another_norm_than_the_start_s_is_refused_with_what_to_do(digits, tmp_path):
    store = Store(tmp_path)
    first = train(recipe_of(digits), digits, store, run_id="r", threads=1)
    benchmark = Benchmark(title="t", data="digits", network="mnist-net", norms={"batchnorm": {}}, train=TRAIN)
    with pytest.raises(LnbenchError, match=f"lnbench convert '{first.id}' --norm batchnorm"):
        starting_from(benchmark, first, ["batchnorm"])
    # Layers that differ in eps leave it out of the options; a recipe would give all of them one.
    del first.card["recipe"]["norm_options"]["eps"]
    with pytest.raises(LnbenchError, match="differ in eps"):
        starting_from(benchmark, first)


def test_a_start_that_is_not_there_is_named(digits, tmp_path):
    with pytest.raises(LnbenchError, match="nothing-like-it"):
        train(recipe_of(digits, start="nothing-like-it"), digits, Store(tmp_path), run_id="r")
