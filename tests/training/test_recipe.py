"""A recipe's id differs when, and only when, something that decides what the network learns differs."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.data.dataset import DataInfo, DataSet, SplitInfo
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.training.recipe import plan_recipes


def data_of(checksum="a" * 32, images=200, shape=(1, 28, 28), classes=10, **about):
    splits = {
        "train": SplitInfo(images, checksum, (0,), (255,)),
        "test": SplitInfo(50, "b" * 32, (0,), (255,)),
    }
    info = DataInfo(
        about.get("name", "toy"),
        shape,
        tuple(str(label) for label in range(classes)),
        splits,
        about.get("note", ""),
    )
    return DataSet(info, Path("decoded"), about.get("spec", "toy"), None)


def benchmark_of(norms=None, **changed):
    train = {"epochs": 3, "batch_size": 20, "learning_rate": 0.001, "decay": 0.9}
    train |= {key: changed.pop(key) for key in list(changed) if key in train}
    body = {"title": "Toy", "data": "digits", "network": "mnist-net", "train": train}
    return Benchmark.model_validate(
        body | {"norms": {"localnorm": {"groups": 5}} if norms is None else norms} | changed
    )


def only(benchmark=None, data=None, name="toy", **options):
    (recipe,) = plan_recipes(name, benchmark or benchmark_of(), data or data_of(), **options)
    return recipe


REFERENCE_ID = only().id

SAME = {
    "again": {},
    "another name of the benchmark": {"name": "other"},
    "another title": {"benchmark": benchmark_of(title="Other")},
    "options spelled out": {"benchmark": benchmark_of({"localnorm": {"groups": 5, "eps": 1e-5}})},
    "options in another order": {"benchmark": benchmark_of({"localnorm": {"eps": 0.00001, "groups": 5}})},
    "options from the command line": {"norms": [("localnorm", {"groups": 5})]},
    "epochs of the benchmark asked for": {"epochs": 3},
    "seed of the benchmark asked for": {"seeds": (0,)},
    "a limit of all images": {"limit": 200},
    "a limit beyond all images": {"limit": 10**6},
    "data under another spelling": {"data": data_of(spec="folder:elsewhere")},
    "other test images": {
        "data": replace(
            data_of(),
            info=replace(data_of().info, splits=data_of().info.splits | {"test": SplitInfo(9, "c", (), ())}),
        )
    },
}
DIFFERENT = {
    "another norm": {"benchmark": benchmark_of({"batchnorm": {}})},
    "another number of groups": {"norms": [("localnorm", {"groups": 4})]},
    "another eps": {"norms": [("localnorm", {"eps": 1e-3})]},
    "other images": {"data": data_of(checksum="c" * 32)},
    "other images of the same number and shape": {"data": data_of(checksum="a" * 31 + "b")},
    "a limit": {"limit": 199},
    "another shape": {"data": data_of(shape=(1, 32, 28))},
    "more channels": {"data": data_of(shape=(3, 28, 28))},
    "more classes": {"data": data_of(classes=11)},
    "another seed": {"seeds": (1,)},
    "more epochs": {"epochs": 4},
    "another batch": {"benchmark": benchmark_of(batch_size=40)},
    "another rate": {"benchmark": benchmark_of(learning_rate=0.002)},
    "another decay": {"benchmark": benchmark_of(decay=0.8)},
}


@pytest.mark.parametrize("what", SAME)
def test_the_id_stays_where_nothing_that_matters_changes(what):
    assert only(**SAME[what]).id == REFERENCE_ID


@pytest.mark.parametrize("what", DIFFERENT)
def test_the_id_changes_with_what_matters(what):
    assert only(**DIFFERENT[what]).id != REFERENCE_ID


@pytest.mark.parametrize(
    ("norm", "options", "known"),
    [
        ("localnorm", {"groups": 5}, "bf79973a8777"),
        ("batchnorm", {}, "f399da96ea9d"),
        ("switchnorm", {}, "d773fd7aecef"),
    ],
)
def test_ids_in_stores_that_exist_stay(norm, options, known):
    assert only(benchmark_of({norm: options})).id == known


def test_no_two_of_the_changes_give_the_same_id():
    ids = [only(**options).id for options in DIFFERENT.values()]
    assert len(set(ids)) == len(ids)


def test_every_field_but_the_label_is_part_of_the_id():
    recipe = only()
    others = {
        "network": "other",
        "norm": "batchnorm",
        "norm_options": {"groups": 4, "eps": 1e-5},
        "data": {**recipe.data, "split": "test"},
        "image_shape": (1, 28, 29),
        "classes": 9,
        "preprocessing": {"mean": (0.5,), "std": (1.0,)},
        "train": recipe.train.model_copy(update={"epochs": 9}),
        "seed": 7,
        "start": "torchvision:resnet18",
        "statistics_over": 64,
    }
    assert set(others) | {"benchmark"} == set(recipe.__dataclass_fields__)
    assert replace(recipe, benchmark="other").id == recipe.id
    for name, value in others.items():
        assert replace(recipe, **{name: value}).id != recipe.id, name


@pytest.mark.parametrize("norm", NORMS)
def test_default_options_spelled_out_give_the_same_id(norm):
    given = {"groups": 5} if NORMS[norm].has_groups else {}
    defaults = {name: value for name, value in NORMS[norm].options.items() if value is not None}
    assert (
        only(benchmark_of({norm: given})).id
        == only(benchmark_of({norm: {**defaults, **given}})).id
        == only(benchmark_of({norm: {}}), norms=[(norm, {**defaults, **given})]).id
    )


@pytest.mark.parametrize(
    ("norm", "options"), [("batchnorm", {"momentum": 1}), ("localnorm", {"groups": 5.0})]
)
def test_a_whole_number_and_its_fraction_are_one_option(norm, options):
    # 5 and 5.0, 1 and 1.0 are the same option to the layer, or 5.0 is none.
    other = {name: float(value) if type(value) is int else int(value) for name, value in options.items()}
    try:
        recipes = [only(benchmark_of({norm: given})) for given in (options, other)]
    except LnbenchError:
        return
    assert recipes[0].id == recipes[1].id


def test_options_given_go_over_those_of_the_benchmark():
    benchmark = benchmark_of({"localnorm": {"groups": 5, "eps": 1e-3}})
    assert only(benchmark, norms=[("localnorm", {"groups": 2})]).norm_options == {"groups": 2, "eps": 1e-3}


def test_there_is_one_recipe_for_each_norm_and_seed():
    norms = {"batchnorm": {}, "switchnorm": {}, "localnorm": {"groups": 5}}
    recipes = plan_recipes("toy", benchmark_of(norms, seeds=[0, 3]), data_of())
    assert [(recipe.norm, recipe.seed) for recipe in recipes] == [
        (norm, seed) for norm in norms for seed in (0, 3)
    ]
    assert len({recipe.id for recipe in recipes}) == 6
    assert [recipe.label for recipe in recipes[:2]] == ["toy-batchnorm-s0", "toy-batchnorm-s3"]


def test_a_norm_spelled_in_two_ways_is_one_recipe():
    assert only(norms=[("localnorm", {}), ("localnorm", {"groups": 5}), ("localnorm", {"eps": 1e-5})])


def test_norms_that_the_benchmark_does_not_declare_can_be_asked_for():
    assert only(norms=[("groupnorm", {})]).norm_options == {"channel_groups": 8, "eps": 1e-5}


def test_a_card_is_json_and_comes_back_the_same():
    card = only().card()
    text = json.dumps(card, allow_nan=False)
    assert json.loads(text)["train"] == {"epochs": 3, "batch_size": 20, "learning_rate": 0.001, "decay": 0.9}
    assert json.loads(text)["preprocessing"] == {"mean": [0.0], "std": [1.0]}
    assert json.loads(json.dumps(json.loads(text))) == json.loads(text)


def test_an_id_is_twelve_hexadecimal_digits():
    assert re.fullmatch("[0-9a-f]{12}", REFERENCE_ID)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"norms": [("localnorm", {"groups": 3})]}, r"\b20\b.*\b3\b"),
        ({"norms": [("localnorm", {"groups": 0})]}, r"\b0\b.*\b20\b"),
        ({"norms": [("localnorm", {"groups": -5})]}, r"-5.*\b20\b"),
        ({"benchmark": benchmark_of({"batchnorm": {}}), "norms": [("localnorm", {})]}, "groups"),
        ({"norms": [("ghostbatchnorm", {"groups": 3})]}, r"\b20\b.*\b3\b"),
        ({"norms": [("ghostbatchnorm", {})]}, "groups"),
        ({"norms": [("locallnorm", {})]}, "'localnorm'"),
        ({"norms": [("localnorm", {"grups": 5})]}, "'groups'"),
        ({"limit": 19}, r"\b19\b.*\b20\b"),
        ({"data": data_of(images=7)}, r"\b7\b.*\b20\b"),
        ({"limit": 0}, r"\b0\b"),
        ({"limit": -5}, "-5"),
        ({"epochs": 0}, r"\b0\b"),
        ({"epochs": -1}, "-1"),
    ],
    ids=str,
)
def test_a_training_that_cannot_be_is_an_error_that_names_the_numbers(options, part):
    with pytest.raises(LnbenchError, match=part):
        only(**options)
