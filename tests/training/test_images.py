"""Batches of training images: normalization, noisy copies, and what stays as it was."""

import numpy as np
import pytest
import torch

from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.data.open import open_data
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.training.images import TrainingImages
from robustbench_ln.training.recipe import plan_recipes

TRAIN = {"epochs": 1, "batch_size": 20, "learning_rate": 0.1}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return open_data("digits", tmp_path_factory.mktemp("data"))


def images_of(digits, limit=None, preprocessing=None, **train):
    benchmark = Benchmark(
        title="Toy",
        data="digits",
        network="mnist-net",
        norms={"batchnorm": {}},
        train=TRAIN | train,
        preprocessing=preprocessing,
    )
    (recipe,) = plan_recipes("toy", benchmark, digits, limit=limit)
    return TrainingImages(recipe, digits, CPU)


def test_a_batch_is_what_the_network_wants_of_the_rows_asked_for(digits):
    images = images_of(digits, preprocessing={"mean": [0.25], "std": [0.5]})
    rows = torch.tensor([5, 0, 1299, 5])
    pixels, labels = images.batch(rows)
    arrays = digits.arrays("train")
    expected = (arrays.images[rows.numpy()].astype(np.float64) / 255 - 0.25) / 0.5
    np.testing.assert_allclose(pixels.numpy(), expected, atol=1e-6)
    assert labels.tolist() == arrays.labels[rows.numpy()].tolist()
    assert len(images) == 1300


def test_a_limit_is_of_the_images_and_of_their_copies(digits):
    assert len(images_of(digits, limit=100)) == 100
    assert len(images_of(digits, limit=100, noisy={"noise": "agn", "sigma": 1, "share": 0.3})) == 130
    assert len(images_of(digits, limit=100, noisy={"noise": "agn", "sigma": 1, "share": 1})) == 200


def test_noisy_copies_are_images_of_the_set_with_the_noise_that_was_asked_for(digits):
    noisy = {"noise": "agn-additive", "sigma": 0.5, "share": 0.1}
    images = images_of(digits, noisy=noisy)
    rows = torch.arange(1300, len(images))
    pixels, labels = images.batch(rows)
    again, _ = images.batch(rows)
    assert torch.equal(pixels, again), "a copy has the same noise each time it is seen"
    clean, expected_labels = images_of(digits).batch(torch.arange(1300))
    # each copy is nearest to the image that it copies: noise of deviation .5 on 784 pixels
    nearest = torch.cdist(pixels.flatten(1), clean.flatten(1)).argmin(1)
    assert len(nearest.unique()) > 125, "copies are of different images"
    assert (labels == expected_labels[nearest]).all()
    difference = (pixels - clean[nearest]).numpy()
    assert difference.std() == pytest.approx(0.5, abs=0.01)
    assert abs(difference.mean()) < 0.01


def test_mixed_rows_keep_their_places(digits):
    images = images_of(digits, noisy={"noise": "agn-additive", "sigma": 1, "share": 0.1})
    rows = torch.tensor([3, 1305, 7, 1310])
    mixed, labels = images.batch(rows)
    for place, row in enumerate(rows):
        alone, label = images.batch(row[None])
        assert torch.equal(mixed[place], alone[0])
        assert labels[place] == label[0]


def test_noise_of_training_copies_is_not_that_of_test_images_at_the_same_place(digits):
    images = images_of(digits, noisy={"noise": "agn-additive", "sigma": 1, "share": 1})
    pixels, _ = images.batch(torch.arange(1300, 1320))
    clean = digits.arrays("train").images[:20].astype(np.float32) / 255
    tested = NoiseSpec("agn-additive").corrupt(clean, "1", 0, np.arange(20)) - clean
    trained = pixels.numpy() - clean
    assert abs(np.corrcoef(tested.ravel(), trained.ravel())[0, 1]) < 0.05


def test_augmentation_changes_images_and_follows_the_seed(digits):
    images = images_of(digits, augment={"flip": True, "shift": 0.1})
    rows = torch.arange(20)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(images.batch(rows)[0])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
