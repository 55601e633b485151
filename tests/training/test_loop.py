from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from robustbench_ln import LnbenchError
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.data.open import open_data
from robustbench_ln.models.weights import load_network
from robustbench_ln.store.store import Store
from robustbench_ln.store.weights import weights_hash
from robustbench_ln.training.loop import train
from robustbench_ln.training.recipe import Recipe, plan_recipes
from robustbench_ln.training.run import look_up, train_missing
from robustbench_ln.training.state import only_one_training


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return open_data("digits", tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipes(digits) -> dict[str, Recipe]:
    declared = load_declared(find_config(None)).benchmark("digits")
    planned = plan_recipes("digits", declared, digits, epochs=3, limit=160)
    return {recipe.norm: recipe for recipe in planned}


class Killed(BaseException):
    pass


@pytest.mark.parametrize("norm", ["batchnorm", "switchnorm", "localnorm"])
def test_a_training_cut_off_after_any_epoch_ends_with_the_same_bits(norm, recipes, digits, tmp_path):
    whole = train(recipes[norm], digits, Store(tmp_path / "whole"), run_id="r", threads=1)
    store = Store(tmp_path / "cut")
    for last in (1, 2):

        def stop(epoch, last=last):
            if epoch.epoch == last:
                raise Killed

        with pytest.raises(Killed):
            train(recipes[norm], digits, store, run_id="r", threads=1, on_epoch=stop)
        assert store.models() == []
    seen: list[int] = []
    resumed = train(
        recipes[norm], digits, store, run_id="r", threads=1, on_epoch=lambda epoch: seen.append(epoch.epoch)
    )
    assert seen == [1, 2, 3]
    assert resumed.id == whole.id
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    columns = ["epoch", "learning_rate", "loss", "train_accuracy", "test_accuracy"]
    histories = [pd.read_csv(model.folder / "history.csv")[columns] for model in (whole, resumed)]
    pd.testing.assert_frame_equal(*histories)
    assert not store.training_folder(recipes[norm].id).exists()


def test_the_card_tells_what_was_trained(recipes, digits, tmp_path):
    recipe = recipes["localnorm"]
    model = train(recipe, digits, Store(tmp_path), run_id="the-run", threads=1)
    label, recipe_id, weights = model.id.split(".")
    assert (label, recipe_id) == ("digits-localnorm-s0", recipe.id)
    state = load_file(model.weights)
    assert weights == model.card["weights"] == weights_hash(state)
    assert model.card["parameters"] == sum(tensor.numel() for tensor in state.values())
    assert model.card["how"]["run_id"] == "the-run"
    assert model.card["how"]["data"] == "digits"
    assert model.card["recipe"]["train"]["epochs"] == 3
    assert 0.1 < model.card["test_accuracy"] <= 1


def test_the_stored_test_accuracy_is_that_of_the_loaded_network(recipes, digits, tmp_path):
    model = train(recipes["batchnorm"], digits, Store(tmp_path), run_id="r", threads=1)
    network, test = load_network(model), digits.arrays("test")
    with torch.no_grad():
        logits = network(torch.from_numpy(np.array(test.images)).float() / 255)
    accuracy = (logits.argmax(1).numpy() == test.labels).mean()
    assert model.card["test_accuracy"] == pytest.approx(accuracy, abs=1e-12)


def test_the_learning_rate_falls_by_its_decay(recipes, digits, tmp_path):
    model = train(recipes["localnorm"], digits, Store(tmp_path), run_id="r", threads=1)
    rates = pd.read_csv(model.folder / "history.csv")["learning_rate"].tolist()
    first, decay = recipes["localnorm"].train.learning_rate, recipes["localnorm"].train.decay
    assert rates == pytest.approx([first, first * decay, first * decay**2])


def test_training_touches_no_global_state(recipes, digits, tmp_path):
    torch.manual_seed(5)
    threads, torch_state, numpy_state = torch.get_num_threads(), torch.get_rng_state(), numpy_global_state()
    train(recipes["batchnorm"], digits, Store(tmp_path), run_id="r", threads=threads + 1)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (numpy_global_state() == numpy_state).all()
    assert torch.get_num_threads() == threads


def numpy_global_state() -> np.ndarray:
    return np.array(np.random.get_state()[1])  # noqa: NPY002 - the global state is what is looked at


def test_seeds_give_different_networks(recipes, digits, tmp_path):
    store = Store(tmp_path)
    models = [
        train(replace(recipes["localnorm"], seed=seed), digits, store, run_id="r", threads=1)
        for seed in (0, 1)
    ]
    assert models[0].card["weights"] != models[1].card["weights"]
    assert models[0].card["recipe_id"] != models[1].card["recipe_id"]


def test_a_trained_recipe_is_not_trained_again(recipes, digits, tmp_path):
    store, recipe = Store(tmp_path), recipes["localnorm"]
    (first,) = train_missing(look_up([recipe], store), digits, store, run_id="a", threads=1)
    (found,) = look_up([recipe], store)
    assert found.model == first

    def never(recipe, epoch):
        raise AssertionError("trained again")

    assert train_missing([found], digits, store, run_id="b", on_epoch=never) == [first]


def test_two_processes_do_not_train_the_same_network(recipes, digits, tmp_path):
    store, recipe = Store(tmp_path), recipes["localnorm"]
    with only_one_training(store.training_folder(recipe.id), recipe.label):
        with pytest.raises(LnbenchError, match="'digits-localnorm-s0' is being trained by another process"):
            train(recipe, digits, store, run_id="b", threads=1)
        train(recipes["batchnorm"], digits, store, run_id="b", threads=1)
    trained = train(recipe, digits, store, run_id="b", threads=1)

    def never(epoch):
        raise AssertionError("trained again")

    # Another process had found it missing before this one had trained it.
    assert train(recipe, digits, store, run_id="c", threads=1, on_epoch=never) == trained
    assert not list((tmp_path / "models").glob(".training-*"))


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError("can't allocate memory")],
)
def test_memory_that_is_used_up_is_a_sentence(error, recipes, digits, tmp_path):
    def fail(epoch):
        raise error

    with pytest.raises(LnbenchError, match=r"Memory is used up.*fewer --workers"):
        train(recipes["localnorm"], digits, Store(tmp_path), run_id="r", threads=1, on_epoch=fail)


def test_a_loss_that_is_not_finite_is_an_error_and_publishes_nothing(recipes, digits, tmp_path):
    recipe = recipes["localnorm"]
    wild = replace(recipe, train=recipe.train.model_copy(update={"learning_rate": 1e30}))
    with pytest.raises(LnbenchError, match="diverged"):
        train(wild, digits, Store(tmp_path), run_id="r", threads=1)
    assert Store(tmp_path).models() == []


def test_a_training_that_diverges_does_not_stop_the_others(recipes, digits, tmp_path):
    store, recipe = Store(tmp_path), recipes["localnorm"]
    wild = replace(recipe, train=recipe.train.model_copy(update={"learning_rate": 1e30}))
    failed, trained = train_missing(look_up([wild, recipe], store), digits, store, run_id="r", threads=1)
    assert "diverged" in str(failed)
    assert [model.id for model in store.models()] == [trained.id]
    with pytest.raises(LnbenchError, match="diverged"):
        train_missing(look_up([wild], store), digits, store, run_id="r", threads=1)


def test_a_training_does_not_go_on_with_another_number_of_threads(recipes, digits, tmp_path):
    store, recipe = Store(tmp_path), recipes["localnorm"]

    def stop(epoch):
        raise Killed

    with pytest.raises(Killed):
        train(recipe, digits, store, run_id="r", threads=1, on_epoch=stop)
    with pytest.raises(LnbenchError, match="--threads 1"):
        train(recipe, digits, store, run_id="r", threads=2)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04"])
def test_a_broken_saved_state_is_named_and_kept(content, recipes, digits, tmp_path):
    store, recipe = Store(tmp_path), recipes["localnorm"]
    path = store.training_folder(recipe.id) / "state.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(LnbenchError, match=r"state\.pt"):
        train(recipe, digits, store, run_id="r", threads=1)
    assert path.read_bytes() == content


def test_a_saved_state_with_code_in_it_is_refused_and_does_not_run(recipes, digits, tmp_path):
    store, recipe = Store(tmp_path), recipes["localnorm"]
    path = store.training_folder(recipe.id) / "state.pt"
    path.parent.mkdir(parents=True)
    torch.save({"network": Payload(tmp_path / "ran")}, path)
    with pytest.raises(LnbenchError, match=r"state\.pt"):
        train(recipe, digits, store, run_id="r", threads=1)
    assert not (tmp_path / "ran").exists()


class Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


def test_the_hash_of_weights_sees_names_types_shapes_and_values():
    base = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    same = {"b": torch.ones(4), "a": torch.zeros(3, 2).t().contiguous()}
    assert weights_hash(base) == weights_hash(same)
    others = [
        {"a": torch.zeros(2, 3), "c": torch.ones(4)},
        {"a": torch.zeros(3, 2), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3), "b": torch.ones(4, dtype=torch.float64)},
        {"a": torch.zeros(2, 3), "b": torch.tensor([1, 1, 1, 1 + 1e-7])},
        {"a": torch.full((2, 3), -0.0), "b": torch.ones(4)},
    ]
    assert len({weights_hash(base), *(weights_hash(other) for other in others)}) == 6
