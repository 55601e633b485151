"""`add_noise`, the public door to all noises, and the options that all of them share."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from robustbench_ln import LnbenchError, add_noise
from robustbench_ln.noise import NOISES, NoiseSpec, find_noise, sigma_value
from robustbench_ln.noise.corrupt import rescale_channels

RANDOM = [name for name, family in NOISES.items() if family.kind != "none"]


def images_of(count=6, channels=3, seed=0):
    generator = np.random.default_rng(seed)
    return (generator.integers(0, 256, (count, channels, 7, 5)) / 255).astype(np.float32)


@pytest.mark.parametrize("name", NOISES)
def test_an_image_s_noise_does_not_depend_on_the_batch_it_comes_in(name):
    x = images_of(10)
    whole = add_noise(x, name, sigma=0.5, seed=3)
    for indices in ([4], [9, 0], [2, 2], list(range(9, -1, -1)), [0, 3, 6, 9]):
        part = add_noise(x[indices], name, sigma=0.5, seed=3, indices=indices)
        assert np.array_equal(part, whole[indices])


@pytest.mark.parametrize("name", RANDOM)
def test_the_index_keys_the_noise_and_the_position_does_not(name):
    x = np.repeat(images_of(1), 3, axis=0)
    same = add_noise(x, name, sigma=0.5, indices=[7, 7, 8])
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


@pytest.mark.parametrize("name", RANDOM)
def test_another_seed_gives_other_noise_and_the_same_seed_the_same(name):
    first, again, other = (add_noise(images_of(), name, sigma=0.5, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noises_of_one_kind_do_not_share_their_numbers():
    x = np.full((1, 1, 100, 100), 0.5, dtype=np.float32)
    uniform = [
        add_noise(x, name, sigma=0.5).ravel()
        for name in ("agn-uniform", "agn-uniform-additive", "mbn", "apn")
    ]
    table = np.corrcoef(uniform)
    assert np.abs(table[~np.eye(4, dtype=bool)]).max() < 5 / 100


@pytest.mark.parametrize("name", NOISES)
def test_tensors_and_arrays_get_the_same_bits(name):
    x = images_of()
    noisy = add_noise(torch.from_numpy(x), name, sigma="0.5", seed=2, indices=[5, 1, 2, 9, 0, 7])
    assert isinstance(noisy, torch.Tensor)
    assert noisy.dtype == torch.float32
    assert not noisy.requires_grad
    expected = add_noise(x, name, sigma=0.5, seed=2, indices=np.array([5, 1, 2, 9, 0, 7]))
    assert isinstance(expected, np.ndarray)
    assert np.array_equal(noisy.numpy(), expected)


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize(
    "other",
    [
        lambda x: torch.from_numpy(x).requires_grad_(),
        lambda x: torch.from_numpy(x).contiguous(memory_format=torch.channels_last),
        lambda x: torch.from_numpy(np.repeat(x, 2, axis=3))[..., ::2],
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=0)[::2],
    ],
    ids=["requires-grad", "channels-last", "strided tensor", "fortran", "strided array"],
)
def test_the_layout_in_memory_does_not_matter(name, other):
    x = images_of()
    assert np.array_equal(np.asarray(add_noise(other(x), name, sigma=0.5)), add_noise(x, name, sigma=0.5))


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy])
def test_the_images_given_are_not_changed_and_not_handed_back(name, clip, wrap):
    x = images_of()
    kept = x.copy()
    x.flags.writeable = wrap is torch.from_numpy
    for sigma in (0, 1):
        noisy = add_noise(wrap(x), name, sigma=sigma, clip=clip)
        assert np.array_equal(x, kept)
        assert not np.shares_memory(np.asarray(noisy), x)


@pytest.mark.parametrize("name", NOISES)
def test_clipping_is_a_clip_of_the_unclipped_result(name):
    x = images_of()
    noisy, clipped = (add_noise(x, name, sigma=1, clip=clip) for clip in (False, True))
    assert np.array_equal(clipped, np.minimum(np.maximum(noisy, 0), 1))
    if name.startswith(("agn", "apn")) and name != "agn-background":
        assert noisy.max() > 1, "without clip nothing is clipped"
    if name in ("agn", "agn-additive"):
        assert noisy.min() < 0


@pytest.mark.parametrize("sigma", [0.1, "0.1", "1e-1", np.float64(0.1), np.float32(0.1), " 0.10 "])
def test_a_sigma_may_be_a_number_or_its_name(sigma):
    x = images_of()
    assert np.array_equal(add_noise(x, "agn", sigma=sigma), add_noise(x, "agn", sigma="0.1"))


def test_a_whole_sigma_may_be_an_integer():
    x = images_of()
    assert np.array_equal(add_noise(x, "agn", sigma=2), add_noise(x, "agn", sigma=2.0))


def test_noise_leaves_the_global_generators_alone():
    state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    for name in NOISES:
        add_noise(images_of(), name, sigma=0.5)
    after = np.random.get_state()  # noqa: NPY002
    assert (after[1] == state[1]).all()
    assert after[2:] == state[2:]
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize("name", NOISES)
def test_no_images_give_no_images(name):
    assert add_noise(images_of()[:0], name, sigma=0.5).shape == (0, 3, 7, 5)


def test_an_unknown_noise_is_an_error_with_the_nearest_name():
    with pytest.raises(LnbenchError, match="'agn'"):
        add_noise(images_of(), "agm", sigma=1)


@pytest.mark.parametrize(
    ("name", "sigma", "largest"),
    [
        ("mbn", 1.01, "1"),
        ("mbn-pixel", "2", "1"),
        ("darken", "1.5", "1"),
        ("low-contrast", 2, "1"),
        ("apn", 1e7, r"1e\+06"),
        ("apn-additive-255", "10001", "10000"),
    ],
)
def test_a_sigma_beyond_a_noise_s_largest_is_an_error_that_names_it(name, sigma, largest):
    with pytest.raises(LnbenchError, match=rf"{name}.*{largest}"):
        add_noise(images_of(), name, sigma=sigma)


@pytest.mark.parametrize("name", ["mbn", "mbn-pixel"])
def test_the_largest_sigma_itself_is_allowed(name):
    assert sigma_value(find_noise(name), "1") == 1
    assert not add_noise(images_of(), name, sigma=1).any()


@pytest.mark.parametrize("sigma", [-1, "-0.5", float("nan"), float("inf"), "", "a", None, True, "1e400"])
def test_a_sigma_that_is_not_0_or_more_is_an_error(sigma):
    with pytest.raises(LnbenchError):
        add_noise(images_of(), "agn", sigma=sigma)


@pytest.mark.parametrize("sigma", ["0:4", "0,1"])
def test_a_grid_in_place_of_one_sigma_is_an_error(sigma):
    with pytest.raises(LnbenchError):
        add_noise(images_of(), "agn", sigma=sigma)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 1, 4, 4)),
        np.zeros((2, 1, 4, 4), dtype=np.uint8),
        np.zeros((2, 1, 4, 4), dtype=np.float16),
        np.zeros((1, 4, 4), dtype=np.float32),
        np.zeros((), dtype=np.float32),
        np.zeros((1, 2, 1, 4, 4), dtype=np.float32),
        torch.zeros(2, 1, 4, 4, dtype=torch.float64),
        torch.zeros(2, 1, 4, 4, dtype=torch.bfloat16),
        torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
        torch.zeros(4, 4),
        [[[[0.5]]]],
        None,
    ],
    ids=lambda images: (
        f"{type(images).__name__} {getattr(images, 'dtype', '')} {getattr(images, 'ndim', '')}"
    ),
)
def test_images_of_another_type_or_shape_are_an_error(images):
    with pytest.raises(LnbenchError):
        add_noise(images, "agn", sigma=1)


@pytest.mark.parametrize("indices", [[0], [0, 1, 2], [[0, 1]], []])
def test_another_number_of_indices_is_an_error_that_names_both(indices):
    with pytest.raises(LnbenchError, match=r"\b2\b"):
        add_noise(images_of(2), "agn", sigma=1, indices=indices)


@pytest.mark.parametrize("indices", [[0.2, 0.7], ["a", "b"], [None, 1]])
def test_indices_that_are_no_integers_are_an_error(indices):
    # Truncated, 0.2 and 0.7 would give two images the same noise without a word.
    with pytest.raises(LnbenchError):
        add_noise(images_of(2), "agn", sigma=1, indices=indices)


@pytest.mark.parametrize("space", ["pixels", "", "standardized"])
def test_an_unknown_space_is_an_error(space):
    with pytest.raises(LnbenchError, match="space"):
        NoiseSpec("agn", space=space)


def test_clipping_in_the_standardised_space_is_an_error():
    with pytest.raises(LnbenchError, match="clip"):
        NoiseSpec("agn", clip=True, space="standardised")


def test_every_option_is_part_of_a_noise_s_identity():
    plain = NoiseSpec("agn").identity()
    assert plain == {"name": "agn", "clip": False, "rescale": False, "space": "pixel"}
    for changed in (
        NoiseSpec("apn"),
        NoiseSpec("agn", clip=True),
        NoiseSpec("agn", rescale=True),
        NoiseSpec("agn", space="standardised"),
    ):
        assert changed.identity() != plain


def test_a_noise_s_options_stand_in_its_text():
    assert NoiseSpec("agn").text == "agn"
    assert (
        NoiseSpec("mbn-pixel", rescale=True, space="standardised").text == "mbn-pixel rescaled standardised"
    )
    assert NoiseSpec("apn", clip=True).text == "apn clipped"


@pytest.mark.parametrize("spread", [1e-30, 1e-6, 0.25, 1e6])
def test_rescaling_stretches_the_smallest_spread(spread):
    images = np.array([0, 0.5, 1, 0.25], dtype=np.float32).reshape(1, 1, 2, 2) * np.float32(spread)
    mapped = rescale_channels(
        images, np.array([[0], [spread]], np.float32), np.array([[-1], [3]], np.float32)
    )
    np.testing.assert_allclose(mapped.ravel(), [-1, 1, 3, 0], rtol=1e-5, atol=1e-6)


@given(
    arrays.arrays(np.float32, (3, 2, 2, 2), elements=st.floats(-8, 8, width=16)),
    st.lists(st.integers(-4, 4), min_size=4, max_size=4),
)
def test_rescaling_maps_the_observed_range_of_each_channel_to_the_wanted_one(images, ends):
    wanted = np.sort(np.array(ends, dtype=np.float32).reshape(2, 2), axis=0)
    observed = np.stack([images.min((0, 2, 3)), images.max((0, 2, 3))])
    mapped = rescale_channels(images, observed, wanted)
    assert mapped.dtype == np.float32
    for channel in range(2):
        low, high = float(observed[0, channel]), float(observed[1, channel])
        new_low, new_high = float(wanted[0, channel]), float(wanted[1, channel])
        for place in np.ndindex(3, 2, 2):
            value = float(images[place[0], channel, place[1], place[2]])
            share = (value - low) / (high - low) if high > low else 0.0
            expected = new_low + share * (new_high - new_low)
            assert abs(mapped[place[0], channel, place[1], place[2]] - expected) < 1e-5
