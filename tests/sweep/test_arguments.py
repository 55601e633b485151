"""What `evaluate` takes, returns and refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_ln import (
    LnbenchError,
    LocalNorm2d,
    evaluate,
    load_results,
)
from robustbench_ln.modes import modes_for
from robustbench_ln.noise import NOISES
from tests.sweep.small_networks import (
    CLASSES,
    MEAN,
    SHAPE,
    STD,
    images_and_labels,
    network_of,
)


@pytest.mark.parametrize("wrap_labels", [torch.from_numpy, list, lambda labels: labels.astype(np.uint8)])
@pytest.mark.parametrize(
    "wrap_images",
    [
        torch.from_numpy,
        lambda x: torch.from_numpy(x).contiguous(memory_format=torch.channels_last),
        np.asfortranarray,
    ],
)
def test_tensors_lists_and_arrays_give_the_same_counts(wrap_images, wrap_labels):
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(13)
    plain, wrapped = (
        evaluate(network, *inputs, sigma="0,0.5", batch_size=4)
        for inputs in ((images, labels), (wrap_images(images), wrap_labels(labels)))
    )
    assert np.array_equal(np.stack(plain["confusion"]), np.stack(wrapped["confusion"]))


@pytest.mark.parametrize("wrap", [list, np.array, torch.tensor])
def test_mean_and_deviation_may_be_any_sequence(wrap):
    network, (images, labels) = network_of("batchnorm"), images_and_labels(13)
    expected = evaluate(network, images, labels, sigma="0", mean=MEAN, std=STD)
    table = evaluate(network, images, labels, sigma="0", mean=wrap(MEAN), std=wrap(STD))
    assert np.array_equal(np.stack(table["confusion"]), np.stack(expected["confusion"]))


def test_a_mean_of_another_number_of_channels_is_an_error():
    images, labels = images_and_labels(4)
    with pytest.raises(LnbenchError):
        evaluate(network_of("batchnorm"), images[:, :1], labels, sigma="0", mean=(0.1, 0.2), std=(1.0, 1.0))


def test_there_is_one_row_for_each_mode_and_sigma_with_the_columns_of_stored_results():
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(9)
    table = evaluate(network, images, labels, noise="mbn", sigma="0:1:0.25", batch_size=4, seed=6, clip=True)
    assert sorted(zip(table["mode"], table["sigma"], strict=True)) == sorted(
        (mode, sigma) for mode in modes_for("localnorm") for sigma in (0, 0.25, 0.5, 0.75, 1)
    )
    assert set(table.columns) == {*load_results("no-such-folder").columns, "confusion"}
    assert table["cell"].is_unique
    for name, value in {
        "noise": "mbn",
        "clip": True,
        "noise_seed": 6,
        "groups": 2,
        "norm": "localnorm",
    }.items():
        assert (table[name] == value).all(), name
    for row in table.itertuples():
        assert row.confusion.shape == (CLASSES, CLASSES)
        assert row.confusion.sum() == row.images == 9
        assert np.trace(row.confusion) == row.correct == round(row.accuracy * 9)


def test_modes_may_be_chosen():
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(5)
    table = evaluate(network, images, labels, sigma="0", modes=("voting", "single"), batch_size=4)
    assert sorted(table["mode"]) == ["single", "voting"]


def test_every_noise_can_be_measured():
    network, (images, labels) = network_of("batchnorm"), images_and_labels(5)
    for noise in NOISES:
        assert evaluate(network, images, labels, noise=noise, sigma="0,1")["images"].eq(5).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("norm", "mode"), [("batchnorm", "frozen"), ("localnorm", "voting"), ("none", "eval")]
)
def test_logits_that_are_not_finite_are_an_error(norm, mode, value):
    network, (images, labels) = network_of(norm, 2), images_and_labels(6)
    with torch.no_grad():
        network[-1].bias[1] = value
    with pytest.raises(LnbenchError, match="finite"):
        evaluate(network, images, labels, sigma="0", modes=[mode], batch_size=4)


@pytest.mark.parametrize("label", [CLASSES, 11, 10**12])
def test_labels_beyond_the_network_s_classes_are_an_error_that_names_both(label):
    images, labels = images_and_labels(6)
    labels[2] = label
    with pytest.raises(LnbenchError, match=rf"\b{label}\b.*\b{CLASSES}\b"):
        evaluate(network_of("batchnorm"), images, labels, sigma="0")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, *SHAPE)), [0, 1]),
        (np.zeros((2, *SHAPE), np.float32), [0, 1]),
        (np.zeros((2, *SHAPE), np.int64), [0, 1]),
        (torch.zeros(2, *SHAPE), [0, 1]),
        (np.zeros(SHAPE, np.uint8), [0, 1]),
        (np.zeros((0, *SHAPE), np.uint8), np.zeros(0, np.int64)),
        (np.zeros((2, *SHAPE), np.uint8), [0]),
        (np.zeros((2, *SHAPE), np.uint8), [0, 1, 2]),
        (np.zeros((2, *SHAPE), np.uint8), [[0], [1]]),
        (np.zeros((2, *SHAPE), np.uint8), [0.0, 1.0]),
        (np.zeros((2, *SHAPE), np.uint8), ["a", "b"]),
        (np.zeros((2, *SHAPE), np.uint8), [0, -1]),
    ],
)
def test_images_or_labels_of_another_type_or_shape_are_an_error(images, labels):
    with pytest.raises(LnbenchError):
        evaluate(network_of("batchnorm"), images, labels, sigma="0")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"noise": "angn"}, "'agn'"),
        ({"sigma": "4:0"}, "downwards"),
        ({"noise": "mbn", "sigma": "0:2"}, "mbn"),
        ({"modes": ["frozen"]}, "'frozen'.*'localnorm'"),
        ({"modes": ["batch", "votign"]}, "'voting'"),
        ({"batch_size": 7}, r"\b7\b.*\b4\b"),
        ({"batch_size": 0}, r"\b0\b"),
        ({"vote": "majorty"}, "'majority'"),
        ({"order": "class_sorted"}, "'class-sorted'"),
        ({"order": "sorted"}, "order"),
        ({"order_seed": -1}, "-1"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_meant_is_an_error_that_names_it(options, part):
    images, labels = images_and_labels(6)
    with pytest.raises(LnbenchError, match=part):
        evaluate(network_of("localnorm", 4), images, labels, **{"sigma": "0", "batch_size": 8, **options})


def test_a_network_that_mixes_norms_is_an_error():
    images, labels = images_and_labels(6)
    network = nn.Sequential(LocalNorm2d(2, 1), LocalNorm2d(2, 4), nn.Flatten(), nn.Linear(24, CLASSES))
    with pytest.raises(LnbenchError, match="mixes"):
        evaluate(network, images, labels, sigma="0", batch_size=8)


def test_a_mode_that_is_named_twice_is_measured_once():
    network, (images, labels) = network_of("batchnorm"), images_and_labels(8)
    modes = ["batch", "blend:alpha=0.5", "batch", "blend:alpha=0.50"]
    table = evaluate(network, images, labels, sigma="0", batch_size=4, modes=modes)
    assert sorted(table["mode"]) == ["batch", "blend"]


def test_a_noise_of_the_user_s_is_named_with_its_version(monkeypatch):
    family = replace(NOISES["agn"], name="mine@1", origin="mine.py")
    monkeypatch.setitem(NOISES, family.name, family)
    network, (images, labels) = network_of("batchnorm"), images_and_labels(8)
    table = evaluate(network, images, labels, noise="mine", sigma="0", batch_size=4, modes=["batch"])
    assert list(table["noise"]) == ["mine@1"]
    assert list(table["cell"]) == ["batchnorm-batch-mine@1-0"]
