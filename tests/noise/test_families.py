"""Each noise's formula against plain numpy from the same draw, and its moments against theory."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from robustbench_ln import add_noise
from robustbench_ln.noise import NOISES
from robustbench_ln.noise.draws import draw
from robustbench_ln.noise.poisson import poisson

FLOAT_STEP = float(np.finfo(np.float32).eps)
SHAPE = (2, 6, 5)


def quantile(rate, uniform):
    return np.maximum(stats.poisson.ppf(uniform.astype(np.float64), rate), 0)


# name -> (random numbers, x, sigma, numbers -> noisy), written from the formulas of the paper and its code.
FORMULAS = {
    "agn": ("normal", lambda x, s, z: x * (1 + s * z)),
    "agn-additive": ("normal", lambda x, s, z: x + s * z),
    "agn-uniform": ("uniform", lambda x, s, u: x * (1 + s * u)),
    "agn-uniform-additive": ("uniform", lambda x, s, u: x + s * u),
    "agn-uniform-centred": ("uniform", lambda x, s, u: x * (1 + s * (u - 0.5))),
    "agn-background": ("uniform", lambda x, s, u: s * u if x == 0 else 1.0),
    "apn": ("uniform", lambda x, s, u: x * (1 + quantile(s, u))),
    "apn-additive": ("uniform", lambda x, s, u: x + quantile(s, u)),
    "apn-additive-255": ("uniform", lambda x, s, u: x + quantile(255 * s, u) / 255),
    "mbn": ("uniform", lambda x, s, u: 0.0 if u < s else x),
    "mbn-pixel": ("uniform-per-pixel", lambda x, s, u: 0.0 if u < s else x),
    "gaussian": ("normal", lambda x, s, z: np.clip(x + s * z, 0, 1)),
    "shot": ("uniform", lambda x, s, u: np.clip(quantile(x / s, u) * s, 0, 1) if s else x),
    "impulse": ("uniform", lambda x, s, u: 0.0 if u < s / 2 else 1.0 if u >= 1 - s / 2 else x),
    "speckle": ("normal", lambda x, s, z: np.clip(x + x * s * z, 0, 1)),
}
LIGHTING = ["darken", "low-contrast"]
SIGMAS = ["0", "0.001", "0.1", "0.5", "1", "2.5", "5"]
SHARES = ["mbn", "mbn-pixel", "impulse"]
CASES = [(name, sigma) for name in FORMULAS for sigma in SIGMAS if name not in SHARES or float(sigma) <= 1]


def images_of(count, seed=0):
    """Pixels of 0..255 over 255, a third of them black."""
    generator = np.random.default_rng(seed)
    grey = generator.integers(0, 256, (count, *SHAPE)) * (generator.random((count, *SHAPE)) > 0.33)
    return grey.astype(np.float32) / np.float32(255)


def test_every_family_has_a_formula_here():
    assert set(NOISES) == {*FORMULAS, *LIGHTING}
    assert all(name == family.name for name, family in NOISES.items())


@pytest.mark.parametrize(("name", "sigma"), CASES)
def test_noise_follows_its_formula_value_by_value(name, sigma):
    x, indices = images_of(4), [3, 0, 11, 500]
    kind, formula = FORMULAS[name]
    numbers = np.broadcast_to(draw(kind, 9, name, indices, SHAPE), x.shape)

    noisy = add_noise(x, name, sigma=sigma, seed=9, indices=indices)

    expected = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        expected[place] = formula(np.float64(x[place]), float(sigma), numbers[place])
    assert noisy.dtype == np.float32
    np.testing.assert_allclose(noisy, expected, rtol=8 * FLOAT_STEP, atol=8 * FLOAT_STEP)


@pytest.mark.parametrize("name", [name for name in FORMULAS if name != "agn-background"])
def test_sigma_0_changes_no_bit(name):
    x = images_of(20)
    noisy = add_noise(x, name, sigma=0)
    assert np.array_equal(noisy, x)
    assert not np.shares_memory(noisy, x)


@given(
    st.sampled_from(list(NOISES)),
    st.just(0.0) | st.floats(1e-5, 1),
    st.lists(st.integers(0, 10_000), min_size=1, max_size=6, unique=True),
    st.integers(0, 2**31),
    st.booleans(),
    st.data(),
)
def test_every_noise_is_finite_and_an_image_s_depends_on_seed_and_index_alone(
    name, share, indices, seed, clip, data
):
    family = NOISES[name]
    sigma = f"{share * min(family.max_sigma or 1e4, 1e4):.9f}"
    x = images_of(len(indices), indices[0])
    kept = x.copy()
    noisy = add_noise(x, name, sigma=sigma, seed=seed, indices=indices, clip=clip)
    assert np.array_equal(x, kept)
    assert (noisy.dtype, noisy.shape) == (np.float32, x.shape)
    assert np.isfinite(noisy).all()
    if clip or family.clipped:
        assert 0 <= noisy.min() <= noisy.max() <= 1
    if not share and family.clean_at_zero:
        assert noisy.tobytes() == x.tobytes()
    order = data.draw(st.permutations(range(len(indices))))
    cut = data.draw(st.integers(0, len(indices)))
    for part in (order[:cut], order[cut:]):
        own = {"seed": seed, "indices": np.array(indices)[part], "clip": clip}
        assert np.array_equal(add_noise(x[part], name, sigma=sigma, **own), noisy[part])


@pytest.mark.parametrize("sigma", ["0", "0.5", "3"])
def test_agn_background_fills_the_background_and_sets_every_stroke_to_1(sigma):
    x = images_of(20)
    noisy = add_noise(x, "agn-background", sigma=sigma)
    assert (noisy[x > 0] == 1).all()
    assert noisy[x == 0].min() >= 0
    assert noisy[x == 0].max() <= float(sigma)
    assert (sigma == "0") == (noisy[x == 0].max() == 0)


# name -> mean, variance and kurtosis of the noisy value of a pixel x at sigma s.
MOMENTS = {
    "agn": lambda x, s: (x, (x * s) ** 2, 3),
    "agn-additive": lambda x, s: (x, s**2, 3),
    "agn-uniform": lambda x, s: (x * (1 + s / 2), (x * s) ** 2 / 12, 1.8),
    "agn-uniform-additive": lambda x, s: (x + s / 2, s**2 / 12, 1.8),
    "agn-uniform-centred": lambda x, s: (x, (x * s) ** 2 / 12, 1.8),
    "apn": lambda x, s: (x * (1 + s), x**2 * s, 3 + 1 / s),
    "apn-additive": lambda x, s: (x + s, s, 3 + 1 / s),
    "apn-additive-255": lambda x, s: (x + s, s / 255, 3 + 1 / (255 * s)),
    "mbn": lambda x, s: (x * (1 - s), x**2 * s * (1 - s), 1 / (s * (1 - s)) - 3),
    "mbn-pixel": lambda x, s: (x * (1 - s), x**2 * s * (1 - s), 1 / (s * (1 - s)) - 3),
}


@pytest.mark.parametrize("sigma", [0.05, 0.4, 0.9])
@pytest.mark.parametrize("pixel", [0.2, 1.0])
@pytest.mark.parametrize("name", MOMENTS)
def test_mean_and_variance_are_those_of_theory(name, pixel, sigma):
    x = np.full((100, 1, 50, 40), pixel, dtype=np.float32)
    noisy = add_noise(x, name, sigma=sigma).astype(np.float64).ravel()
    mean, variance, kurtosis = MOMENTS[name](pixel, sigma)
    # Standard errors of the mean and of the variance of n independent values; 5 of them are 1 in 2 million.
    assert abs(noisy.mean() - mean) < 5 * np.sqrt(variance / noisy.size)
    assert abs(noisy.var() - variance) < 5 * variance * np.sqrt((kurtosis - 1) / noisy.size)


@pytest.mark.parametrize("sigma", [0.05, 0.5, 2.0])
def test_background_noise_has_the_moments_of_a_uniform_number(sigma):
    black = np.zeros((100, 1, 50, 40), dtype=np.float32)
    noisy = add_noise(black, "agn-background", sigma=sigma).astype(np.float64)
    assert abs(noisy.mean() - sigma / 2) < 5 * sigma / np.sqrt(12 * noisy.size)
    assert abs(noisy.var() - sigma**2 / 12) < 5 * sigma**2 / 12 * np.sqrt(0.8 / noisy.size)


@pytest.mark.parametrize("name", FORMULAS)
def test_values_of_an_image_are_independent_of_their_neighbours(name):
    x = np.full((50, 1, 40, 40), 0.5, dtype=np.float32) * (name != "agn-background")
    noisy = add_noise(x, name, sigma=0.5).astype(np.float64)
    for one, other in ((noisy[..., 1:], noisy[..., :-1]), (noisy[..., 1:, :], noisy[..., :-1, :])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(one.size)


LINEAR = [name for name in FORMULAS if name.startswith("agn") and name != "agn-background"]


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize(("small", "large"), [(0.5, 4.0), (0.1, 0.2), (1.0, 3.7)])
def test_one_draw_serves_every_sigma_so_noise_grows_in_proportion(name, small, large):
    x = images_of(5).astype(np.float64)
    less, more = (add_noise(images_of(5), name, sigma=sigma).astype(np.float64) for sigma in (small, large))
    np.testing.assert_allclose((more - x) * small, (less - x) * large, atol=64 * FLOAT_STEP * large)
    assert not np.array_equal(less, x)


@pytest.mark.parametrize("name", ["mbn", "mbn-pixel"])
def test_what_is_dropped_at_a_sigma_stays_dropped_at_every_larger_one(name):
    x = np.ones((10, 3, 20, 20), dtype=np.float32)
    dropped = [add_noise(x, name, sigma=sigma) == 0 for sigma in np.linspace(0, 1, 21).round(2)]
    for smaller, larger in pairwise(dropped):
        assert larger[smaller].all()
        assert larger.sum() > smaller.sum()
    assert not dropped[0].any()
    assert dropped[-1].all()


@pytest.mark.parametrize("name", ["apn", "apn-additive", "apn-additive-255"])
def test_poisson_noise_never_falls_as_sigma_grows(name):
    x = images_of(10)
    noisy = [add_noise(x, name, sigma=sigma) for sigma in (0, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2, 5)]
    for smaller, larger in pairwise(noisy):
        assert (larger >= smaller).all()
        assert (larger > smaller).any()


def test_a_pixel_mask_covers_all_channels_and_a_value_mask_each_channel_alone():
    x = np.ones((20, 3, 20, 20), dtype=np.float32)
    by_pixel, by_value = (add_noise(x, name, sigma=0.5) == 0 for name in ("mbn-pixel", "mbn"))
    assert (by_pixel == by_pixel[:, :1]).all()
    channels = by_value.transpose(1, 0, 2, 3).reshape(3, -1).astype(float)
    assert np.abs(np.corrcoef(channels)[~np.eye(3, dtype=bool)]).max() < 5 / np.sqrt(channels.shape[1])


@pytest.mark.parametrize("name", ["mbn", "mbn-pixel"])
def test_a_value_is_dropped_where_its_number_is_below_sigma(name):
    smallest, largest = np.float32(0), np.float32(1 - 2**-24)  # what a draw can give
    one = np.ones((1, 1, 1, 1), dtype=np.float32)
    for sigma, number, kept in (
        (0, smallest, True),
        (1, largest, False),
        (0.5, np.float32(0.5), True),
        (0.5, np.nextafter(np.float32(0.5), np.float32(0)), False),
    ):
        assert NOISES[name].apply(one, sigma, one * number).item() == kept


@pytest.mark.parametrize("name", ["mbn", "mbn-pixel"])
def test_dropping_keeps_the_other_values_to_the_bit(name):
    x = images_of(20) + np.float32(0.001)
    noisy = add_noise(x, name, sigma=0.3)
    kept = noisy != 0
    assert np.array_equal(noisy[kept], x[kept])
    assert 0 < (~kept).mean() < 1


@pytest.mark.parametrize("name", ["mbn", "mbn-pixel"])
def test_what_is_dropped_is_0_not_minus_0_in_the_standardised_space_too(name):
    x = np.array([-1, 2, -3], np.float32).reshape(1, 1, 1, 3)
    noisy = NOISES[name].apply(x, 0.5, np.array([0.1, 0.2, 0.9], np.float32).reshape(1, 1, 1, 3))
    assert noisy.tobytes() == np.array([0, 0, -3], np.float32).tobytes()


RATES = [1e-9, 1e-4, 0.025, 0.5, 1, 2.5, 10, 100, 255 * 0.025, 255, 255 * 5, 255 * 20, 1e5, 1e6]


@pytest.mark.parametrize("rate", RATES)
def test_poisson_numbers_are_the_inverse_distribution_function(rate):
    edges = np.array([1, 2, 3, 2**24 - 3, 2**24 - 2, 2**24 - 1]) * 2.0**-24
    uniform = np.concatenate([edges, np.random.default_rng(0).random(4000), np.linspace(0.001, 0.999, 999)])
    uniform = (np.floor(uniform * 2**24) / 2**24).astype(np.float32)  # the numbers that a draw can give
    uniform = uniform[uniform > 0]
    assert np.array_equal(poisson(rate, uniform), quantile(rate, uniform))


def test_rate_0_adds_nothing():
    assert not poisson(0, np.linspace(0, 0.999, 50, dtype=np.float32)).any()


@pytest.mark.parametrize("rate", [1e-9, 0.5, 10, 300, 1e4])
def test_a_uniform_number_of_0_gives_a_possible_count(rate):
    count = float(poisson(rate, np.zeros(1, dtype=np.float32))[0])
    assert 0 <= count <= rate
    assert stats.poisson.cdf(count, rate) > 0


@pytest.mark.parametrize("rate", [1e-3, 0.25, 1, 4, 7.5, 510, 2e4, 1e6])
def test_many_poisson_numbers_at_once_are_the_same_numbers(rate):
    random = np.random.default_rng(0)
    # Around every value of the distribution function, the ends, and anywhere, in steps of 2**-24.
    edges = np.floor(stats.poisson.cdf(np.arange(min(2 * rate + 40, 3000)), rate) * 2**24)
    steps = np.concatenate(
        [edges + shift for shift in (-2, -1, 0, 1, 2)]
        + [[0, 1, 2**24 - 1], random.integers(0, 2**24, 150_000)]
    )
    uniform = (steps.clip(0, 2**24 - 1) / 2**24).astype(np.float32)
    assert len(uniform) > 2**16
    in_small_parts = [poisson(rate, part) for part in np.array_split(uniform, len(uniform) // 1000)]
    np.testing.assert_array_equal(poisson(rate, uniform), np.concatenate(in_small_parts))


@pytest.mark.parametrize("rate", [0.3, 4, 1275])
def test_poisson_keeps_shape_and_dtype(rate):
    counts = poisson(rate, draw("uniform", 0, "x", [0, 1], (3, 4, 5)))
    assert counts.shape == (2, 3, 4, 5)
    assert counts.dtype == np.float32


def test_families_leave_their_input_alone():
    x = images_of(3)
    kept = x.copy()
    for name, family in NOISES.items():
        numbers = draw(family.kind, 0, name, [0, 1, 2], SHAPE)
        before = numbers.copy()
        for sigma in (0.0, 0.5):
            family.apply(x, sigma, numbers)
        assert np.array_equal(x, kept)
        assert np.array_equal(numbers, before)


@pytest.mark.parametrize("sigma", [0, 0.001, 0.1, 0.5, 0.999, 1])
def test_darkness_takes_the_same_share_of_every_value(sigma):
    x = images_of(4)
    expected = x.astype(np.float64) * (1 - sigma)
    np.testing.assert_allclose(add_noise(x, "darken", sigma=sigma), expected, rtol=4 * FLOAT_STEP, atol=1e-9)


@pytest.mark.parametrize("sigma", [0, 0.001, 0.1, 0.5, 0.999, 1])
def test_low_contrast_draws_every_value_towards_the_mean_of_its_own_image(sigma):
    x = images_of(4) * np.array([1, 0.5, 0.1, 0], np.float32).reshape(4, 1, 1, 1)
    noisy = add_noise(x, "low-contrast", sigma=sigma)
    for image, result in zip(x.astype(np.float64), noisy, strict=True):
        mean = image.sum() / image.size
        np.testing.assert_allclose(result, mean + (1 - sigma) * (image - mean), atol=4 * FLOAT_STEP)


@pytest.mark.parametrize("name", LIGHTING)
def test_lighting_leaves_an_image_alone_at_sigma_0_to_the_bit_and_nothing_of_it_at_sigma_1(name):
    x = images_of(20)
    same, flat = (add_noise(x, name, sigma=sigma) for sigma in (0, 1))
    assert same.tobytes() == x.tobytes()
    mean = x.astype(np.float64).mean((1, 2, 3)).astype(np.float32) * (name == "low-contrast")
    assert np.array_equal(flat, np.broadcast_to(mean.reshape(-1, 1, 1, 1), x.shape))


@pytest.mark.parametrize("name", LIGHTING)
def test_lighting_is_the_same_for_every_seed_and_place_in_the_data_set(name):
    x = images_of(6)
    expected = add_noise(x, name, sigma=0.3)
    assert np.array_equal(add_noise(x, name, sigma=0.3, seed=7, indices=[5, 5, 1, 0, 900, 2]), expected)
    assert expected.dtype == np.float32
    assert expected.min() >= 0
    assert expected.max() <= 1


@pytest.mark.parametrize("count", [1, 2, 3, 33])
def test_the_mean_of_an_image_does_not_depend_on_its_batch(count):
    x = np.random.default_rng(0).random((33, 3, 224, 224), dtype=np.float32)
    whole = add_noise(x, "low-contrast", sigma=0.7)
    assert np.array_equal(add_noise(x[:count], "low-contrast", sigma=0.7), whole[:count])
