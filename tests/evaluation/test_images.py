"""The stream of noisy images: order, noise, rescaling and spaces against direct numpy on whole sets."""

import numpy as np
import pytest

from robustbench_ln import add_noise
from robustbench_ln.data.dataset import Arrays
from robustbench_ln.evaluation import images as images_module
from robustbench_ln.evaluation.images import NoisyImages, standardise
from robustbench_ln.noise import NOISES, NoiseSpec
from robustbench_ln.noise.draws import draw

PREPROCESSING = {"mean": (0.49, 0.4, 0.1), "std": (0.25, 2.0, 0.06)}
PLAIN = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
TRAIN_RANGE = np.array([[0, 10, 5], [255, 200, 250]])
COUNT, SHAPE = 23, (3, 6, 4)
BYTES_AN_IMAGE = 4 * 3 * 6 * 4


def split_of(count=COUNT, seed=0):
    generator = np.random.default_rng(seed)
    return Arrays(
        generator.integers(0, 256, (count, *SHAPE), dtype=np.uint8), generator.integers(0, 4, count, np.int64)
    )


def stream_of(arrays, noise, sigma, *, indices=None, seed=5, preprocessing=PREPROCESSING):
    indices = np.arange(len(arrays.labels)) if indices is None else indices
    return NoisyImages(arrays, noise, sigma, seed, indices, preprocessing, TRAIN_RANGE)


def read(stream, order):
    """Return all images of a stream, by their position in the order."""
    parts = list(stream.chunks(order))
    assert np.array_equal(np.concatenate([indices for indices, _ in parts]), order)
    return np.concatenate([noisy for _, noisy in parts])


def column(values):
    return np.asarray(values, dtype=np.float64).reshape(1, -1, 1, 1)


@pytest.mark.parametrize("name", NOISES)
def test_the_stream_is_add_noise_on_pixels_over_255(name):
    arrays, order = split_of(), np.array([4, 0, 22, 9, 4])
    stream = stream_of(arrays, NoiseSpec(name), "0.5")
    assert not stream.standardised
    pixels = arrays.images[order].astype(np.float32) / np.float32(255)
    assert np.array_equal(read(stream, order), add_noise(pixels, name, sigma=0.5, seed=5, indices=order))


@pytest.mark.parametrize("per_chunk", [1, 2, 7, 22, 23, 1000])
@pytest.mark.parametrize(
    "noise",
    [
        NoiseSpec("agn"),
        NoiseSpec("mbn", clip=True),
        NoiseSpec("apn", rescale=True),
        NoiseSpec("agn-additive", rescale=True, space="standardised"),
    ],
    ids=str,
)
def test_the_images_do_not_depend_on_how_they_are_cut_into_chunks(noise, per_chunk, monkeypatch):
    arrays = split_of()
    order = np.random.default_rng(1).permutation(COUNT)
    whole = read(stream_of(arrays, noise, "0.5"), order)

    monkeypatch.setattr(images_module, "_CHUNK_BYTES", per_chunk * BYTES_AN_IMAGE)
    stream = stream_of(arrays, noise, "0.5")

    assert len(next(stream.chunks(order))[0]) == min(per_chunk, COUNT)
    assert np.array_equal(read(stream, order), whole)


def test_a_chunk_holds_at_least_one_image(monkeypatch):
    monkeypatch.setattr(images_module, "_CHUNK_BYTES", 1)
    stream = stream_of(split_of(), NoiseSpec("agn"), "1")
    assert [len(indices) for indices, _ in stream.chunks(np.arange(3))] == [1, 1, 1]


@pytest.mark.parametrize("noise", [NoiseSpec("agn"), NoiseSpec("agn", rescale=True)], ids=str)
def test_an_image_s_noise_does_not_depend_on_the_order(noise):
    arrays = split_of()
    forward = read(stream_of(arrays, noise, "1"), np.arange(COUNT))
    backward = read(stream_of(arrays, noise, "1"), np.arange(COUNT)[::-1])
    assert np.array_equal(backward, forward[::-1])


@pytest.mark.parametrize("sigma", ["0", "0.5", "3"])
def test_noise_in_the_standardised_space_follows_the_model_s_own_normalization(sigma):
    arrays, order = split_of(), np.arange(COUNT)
    stream = stream_of(arrays, NoiseSpec("agn-additive", space="standardised"), sigma)
    assert stream.standardised
    mean, std = (column(PREPROCESSING[key]) for key in ("mean", "std"))
    expected = (arrays.images / 255 - mean) / std + float(sigma) * draw(
        "normal", 5, "agn-additive", order, SHAPE
    )
    np.testing.assert_allclose(read(stream, order), expected, atol=2e-5)


def test_a_mask_in_the_standardised_space_sets_to_the_mean_colour():
    arrays, order = split_of(), np.arange(COUNT)
    noisy = read(stream_of(arrays, NoiseSpec("mbn", space="standardised"), "0.5"), order)
    mean, std = (column(PREPROCESSING[key]) for key in ("mean", "std"))
    dropped = draw("uniform", 5, "mbn", order, SHAPE) < 0.5
    in_pixels = noisy * std + mean
    np.testing.assert_allclose(in_pixels[dropped], np.broadcast_to(mean, in_pixels.shape)[dropped], atol=1e-6)
    np.testing.assert_allclose(in_pixels[~dropped], (arrays.images / 255)[~dropped], atol=1e-6)


@pytest.mark.parametrize("space", ["pixel", "standardised"])
@pytest.mark.parametrize(("name", "sigma"), [("agn", "1"), ("apn", "2"), ("mbn-pixel", "0.3"), ("agn", "0")])
def test_rescaling_maps_the_range_of_the_whole_noisy_set_to_the_training_range(name, sigma, space):
    arrays, indices = split_of(), np.arange(COUNT)
    mean, std = (column(PREPROCESSING[key]) for key in ("mean", "std"))
    pixels, wanted = arrays.images / 255, TRAIN_RANGE / 255
    if space == "standardised":
        pixels, wanted = (pixels - mean) / std, (wanted[:, :, None, None] - mean) / std
    wanted = wanted.reshape(2, 3)
    noisy = add_noise(pixels.astype(np.float32), name, sigma=sigma, seed=5).astype(np.float64)
    expected = np.empty_like(noisy)
    for channel in range(3):
        low, high = noisy[:, channel].min(), noisy[:, channel].max()
        share = (noisy[:, channel] - low) / (high - low)
        expected[:, channel] = wanted[0, channel] + share * (wanted[1, channel] - wanted[0, channel])

    rescaled = read(stream_of(arrays, NoiseSpec(name, rescale=True, space=space), sigma), indices)

    assert rescaled.dtype == np.float32
    np.testing.assert_allclose(rescaled, expected, atol=1e-5)
    np.testing.assert_allclose(rescaled.min((0, 2, 3)), wanted[0], atol=1e-5)
    np.testing.assert_allclose(rescaled.max((0, 2, 3)), wanted[1], atol=1e-5)


def test_rescaling_takes_the_range_of_the_images_in_use_alone():
    arrays = split_of()
    arrays.images[7] = 255  # not in use: must not be seen
    indices = np.array([0, 3, 5, 11])
    noise = NoiseSpec("agn-additive", rescale=True)
    few = Arrays(arrays.images[indices], arrays.labels[indices])
    pixels = few.images.astype(np.float32) / np.float32(255)
    noisy = add_noise(pixels, "agn-additive", sigma=0.1, seed=5, indices=indices)
    rescaled = read(stream_of(arrays, noise, "0.1", indices=indices), indices)
    for channel in range(3):
        low, high = noisy[:, channel].min(), noisy[:, channel].max()
        wanted = TRAIN_RANGE[:, channel] / 255
        expected = wanted[0] + (noisy[:, channel].astype(np.float64) - low) / (high - low) * (
            wanted[1] - wanted[0]
        )
        np.testing.assert_allclose(rescaled[:, channel], expected, atol=1e-5)


def test_a_batch_of_one_is_rescaled_by_the_range_of_all():
    arrays, noise = split_of(), NoiseSpec("agn", rescale=True)
    whole = read(stream_of(arrays, noise, "1"), np.arange(COUNT))
    assert np.array_equal(read(stream_of(arrays, noise, "1"), np.array([8])), whole[8:9])


def test_a_channel_without_spread_is_mapped_to_the_wanted_minimum():
    arrays = Arrays(np.full((4, *SHAPE), 77, dtype=np.uint8), np.zeros(4, dtype=np.int64))
    rescaled = read(stream_of(arrays, NoiseSpec("mbn", rescale=True), "0"), np.arange(4))
    np.testing.assert_allclose(
        rescaled, np.broadcast_to(column(TRAIN_RANGE[0] / 255), rescaled.shape), atol=1e-7
    )


def test_clipping_comes_before_rescaling():
    arrays, order = split_of(), np.arange(COUNT)
    pixels = arrays.images.astype(np.float32) / np.float32(255)
    clipped = np.clip(add_noise(pixels, "agn-additive", sigma=2, seed=5), 0, 1).astype(np.float64)
    low, high = clipped.min((0, 2, 3)), clipped.max((0, 2, 3))
    wanted = TRAIN_RANGE / 255
    expected = column(wanted[0]) + (clipped - column(low)) / column(high - low) * column(
        wanted[1] - wanted[0]
    )
    stream = stream_of(arrays, NoiseSpec("agn-additive", clip=True, rescale=True), "2")
    np.testing.assert_allclose(read(stream, order), expected, atol=1e-5)


def test_standardising_subtracts_the_mean_and_divides_by_the_deviation_of_each_channel():
    x = np.random.default_rng(0).random((4, *SHAPE), dtype=np.float32)
    kept = x.copy()
    for preprocessing in (PREPROCESSING, PLAIN, {"mean": (0.5,) * 3, "std": (1.0,) * 3}):
        expected = (x - column(preprocessing["mean"])) / column(preprocessing["std"])
        np.testing.assert_allclose(standardise(x, preprocessing), expected, atol=1e-5)
    assert np.array_equal(x, kept)
