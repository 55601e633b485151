"""`evaluate` counts every image once, whatever the chunks, and as a plain loop does."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from robustbench_ln import (
    LnbenchError,
    evaluate,
)
from robustbench_ln.data.dataset import Arrays, limited
from robustbench_ln.evaluation import images as images_module
from robustbench_ln.evaluation.reader import evaluate_clean
from robustbench_ln.models.registry import build_network
from robustbench_ln.modes import modes_for
from tests.sweep.small_networks import (
    BATCHES,
    CLASSES,
    FITTING,
    MEAN,
    STD,
    images_and_labels,
    network_of,
    recorded,
)


def answering_by_pixel(norm, groups):
    """A network whose logits name the class that is written in the first pixel, whatever its norm does."""
    network = network_of(norm, groups)
    network.register_forward_hook(
        lambda module, inputs, output: (
            output * 0 + torch.nn.functional.one_hot((inputs[0][:, 0, 0, 0] * 255).round().long(), CLASSES)
        )
    )
    return network


@pytest.mark.parametrize("order", ["shuffled", "class-sorted"])
@pytest.mark.parametrize(("count", "batch_size", "groups"), [*BATCHES, (37, 20, 5), (5, 40, 4), (1, 1, 1)])
def test_every_image_is_counted_once_under_its_own_label(count, batch_size, groups, order):
    for norm in ("localnorm", "batchnorm", "switchnorm", "none"):
        images, labels = images_and_labels(count, seed=1)
        images[:, 0, 0, 0] = labels
        network = answering_by_pixel(norm, groups)
        table = evaluate(network, images, labels, sigma="0", batch_size=batch_size, order=order)
        assert set(table["mode"]) == set(modes_for(norm))
        for confusion in table["confusion"]:
            assert np.array_equal(confusion, np.diag(np.bincount(labels, minlength=CLASSES)))
        assert (table["accuracy"] == 1).all()


@pytest.mark.parametrize(("norm", "mode"), FITTING)
@pytest.mark.parametrize("per_chunk", [1, 3, 7, 16])
def test_counts_do_not_depend_on_the_size_of_chunks(norm, mode, per_chunk, monkeypatch):
    network, (images, labels) = network_of(norm, 4), images_and_labels(29)

    def measured():
        return evaluate(network, images, labels, sigma="0,0.5", modes=[mode], batch_size=8)

    calls = recorded(network)
    whole, rows = measured(), [rows.tobytes() for rows, _ in calls]
    calls.clear()
    monkeypatch.setattr(images_module, "_CHUNK_BYTES", per_chunk * 4 * 2 * 4 * 3)
    again = measured()

    assert [rows.tobytes() for rows, _ in calls] == rows, "batches were cut elsewhere"
    assert np.array_equal(np.stack(again["confusion"]), np.stack(whole["confusion"]))
    assert again.drop(columns="confusion").equals(whole.drop(columns="confusion"))


@pytest.mark.parametrize(("norm", "mode"), [pair for pair in FITTING if pair[1] not in ("batch", "voting")])
def test_uncoupled_modes_do_not_depend_on_batch_size_or_order(norm, mode):
    network, (images, labels) = network_of(norm, 4), images_and_labels(23)
    tables = [
        evaluate(network, images, labels, sigma="0.5", modes=[mode], batch_size=size, **options)
        for size, options in (
            (8, {}),
            (4, {"order_seed": 5}),
            (100, {"order": "class-sorted"}),
            (1, {}),
            (7, {}),
        )
    ]
    assert {table["confusion"].iloc[0].tobytes() for table in tables} == {
        tables[0]["confusion"].iloc[0].tobytes()
    }
    assert not tables[0]["coupled"].any()


@pytest.mark.parametrize(
    ("norm", "mode"), [("batchnorm", "batch"), ("localnorm", "batch"), ("localnorm", "voting")]
)
def test_coupled_modes_depend_on_the_order_and_say_so(norm, mode):
    network, (images, labels) = network_of(norm, 4), images_and_labels(200)
    tables = [
        evaluate(network, images, labels, sigma="2", modes=[mode], batch_size=8, **options)
        for options in ({}, {"order_seed": 1}, {"order": "class-sorted"})
    ]
    assert len({table["confusion"].iloc[0].tobytes() for table in tables}) == 3
    first, second, by_class = (table.iloc[0] for table in tables)
    assert first["coupled"]
    assert (first["batch_size"], first["set_size"]) == (8, 8 if norm == "batchnorm" else 2)
    assert (first["order"], first["order_seed"], second["order_seed"]) == ("shuffled", 0, 1)
    assert by_class["order"] == "class-sorted"


def test_local_norm_with_as_many_groups_as_rows_records_the_order_its_counts_depend_on():
    # With one row a group no image enters another's statistics, but the position decides the group.
    network, (images, labels) = network_of("localnorm", 4), images_and_labels(100)
    tables = [
        evaluate(network, images, labels, sigma="0", modes=["batch"], batch_size=4, order_seed=seed)
        for seed in (0, 1)
    ]
    confusions = {table["confusion"].iloc[0].tobytes() for table in tables}
    assert len(confusions) == 1 or [table["order_seed"].iloc[0] for table in tables] == [0, 1]


def test_the_seed_draws_the_groups_of_mode_single_alike_at_every_sigma():
    network, (images, labels) = network_of("localnorm", 4), images_and_labels(30)
    calls = recorded(network)
    for seed in (0, 1):
        evaluate(network, images, labels, noise="mbn", sigma="0", modes=["single"], batch_size=30, seed=seed)
    assert np.array_equal(calls[0][0], calls[1][0]), "sigma 0: the same images"
    assert not np.allclose(calls[0][1], calls[1][1]), "through other groups"
    calls.clear()
    # agn-background at sigma 0 and above leaves images without black pixels alike: only groups could differ.
    images = np.maximum(images, 1)
    evaluate(network, images, labels, noise="agn-background", sigma="0,1", modes=["single"], batch_size=30)
    assert np.array_equal(calls[0][1], calls[1][1])


@pytest.mark.parametrize("limit", [1, 2, 7, 30, 1000])
def test_a_limit_takes_a_fixed_random_choice_of_the_images(limit):
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(30)
    chosen = limited(30, limit)
    assert len(set(chosen.tolist())) == len(chosen) == min(limit, 30)
    assert chosen.tolist() == sorted(chosen.tolist())
    calls = recorded(network)
    table = evaluate(network, images, labels, sigma="0", modes=["single"], batch_size=4, limit=limit)
    seen = {rows.tobytes() for call in calls for rows in call[0]}
    assert seen == {(images[index].astype(np.float32) / np.float32(255)).tobytes() for index in chosen}
    assert table["images"].tolist() == [min(limit, 30)]
    assert np.array_equal(table["confusion"].iloc[0].sum(1), np.bincount(labels[chosen], minlength=CLASSES))


def test_a_larger_limit_keeps_the_images_of_a_smaller_one():
    chosen = [set(limited(100, limit).tolist()) for limit in (5, 20, 99, 100)]
    assert chosen[0] < chosen[1] < chosen[2] < chosen[3] == set(range(100))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_without_an_image_is_an_error(limit):
    images, labels = images_and_labels(10)
    with pytest.raises(LnbenchError):
        evaluate(network_of("batchnorm"), images, labels, sigma="0", limit=limit)


@pytest.mark.parametrize(
    "norm", ["batchnorm", "switchnorm", "layernorm", "groupnorm", "instancenorm", "none"]
)
def test_clean_counts_without_batch_statistics_are_those_of_a_plain_loop(norm):
    torch.manual_seed(4)
    network = build_network("mnist-net", image_shape=(1, 16, 16), num_classes=10, norm=norm).train()
    generator = np.random.default_rng(4)
    images = generator.integers(0, 256, (31, 1, 16, 16), dtype=np.uint8)
    labels = generator.integers(0, 10, 31)
    with torch.no_grad():
        network(torch.from_numpy(images / 255).float())  # moves the running statistics off their start

    network.eval()
    with torch.no_grad():
        predicted = [int(network(torch.from_numpy(image[None] / 255).float()).argmax()) for image in images]
    expected = confusion_matrix(labels, predicted, labels=range(10))

    home = modes_for(norm)[0]
    table = evaluate(network, images, labels, sigma="0", modes=[home], batch_size=8)
    assert np.array_equal(table["confusion"].iloc[0], expected)
    assert table["accuracy"].iloc[0] == np.mean(np.array(predicted) == labels)
    preprocessing = {"mean": (0.0,), "std": (1.0,)}
    clean = evaluate_clean(network, Arrays(images, labels), preprocessing, 8)
    assert clean == table["accuracy"].iloc[0]


def test_clean_accuracy_of_local_norm_is_that_of_its_batch_mode():
    network, (images, labels) = network_of("localnorm", 4), images_and_labels(30)
    table = evaluate(network, images, labels, sigma="0", modes=["batch"], batch_size=8, mean=MEAN, std=STD)
    clean = evaluate_clean(network, Arrays(images, labels), {"mean": MEAN, "std": STD}, 8)
    assert clean == table["accuracy"].iloc[0]
