"""Gaussian, shot, impulse and speckle noise against the published definitions, in plain numpy."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from robustbench_ln import LnbenchError, add_noise
from robustbench_ln.noise import NOISES, NoiseSpec
from robustbench_ln.noise.poisson import poisson_counts

STANDARD = ["gaussian", "shot", "impulse", "speckle"]


def published(name, x, sigma, random):
    """The published definitions without their truncation to bytes, with numpy's own generators."""
    if name == "gaussian":
        return np.clip(x + random.normal(size=x.shape, scale=sigma), 0, 1)
    if name == "speckle":
        return np.clip(x + x * random.normal(size=x.shape, scale=sigma), 0, 1)
    if name == "shot":
        c = 1 / sigma
        return np.clip(random.poisson(x * c) / c, 0, 1)
    flipped, salted = random.random(x.shape) < sigma, random.random(x.shape) < 0.5
    return np.where(flipped, salted.astype(float), x)


@pytest.mark.parametrize("sigma", [0.002, 0.04, 0.1, 0.38, 0.6])
@pytest.mark.parametrize("grey", [0, 3, 128, 250, 255])
@pytest.mark.parametrize("name", STANDARD)
def test_mean_and_variance_are_those_of_the_published_definition(name, grey, sigma):
    x = np.full((10, 3, 60, 40), grey, np.float32) / np.float32(255)
    ours = add_noise(x, name, sigma=sigma, seed=1).astype(np.float64).ravel()
    theirs = published(name, x.astype(np.float64), sigma, np.random.default_rng(2)).ravel()
    # Two samples of n: standard errors of both means and both variances, from the sample's own moments.
    centred = theirs - theirs.mean()
    error = np.sqrt(2 * centred.var() / len(x.ravel()))
    spread = np.sqrt(2 * max((centred**4).mean() - centred.var() ** 2, 0) / len(x.ravel()))
    assert abs(ours.mean() - theirs.mean()) <= 5 * error + 1e-7
    assert abs(ours.var() - theirs.var()) <= 5 * spread + 1e-7


def clipped_moments(distribution):
    """Mean and variance of a distribution clipped to [0, 1], by quadrature over its own density."""
    low, high = distribution.cdf(0), distribution.sf(1)
    grid = np.linspace(0, 1, 20_001)
    density = distribution.pdf(grid)
    first, second = (np.trapezoid(grid**power * density, grid) + high for power in (1, 2))
    assert abs(np.trapezoid(density, grid) + low + high - 1) < 1e-6
    return first, second - first**2


def theory(name, x, sigma):
    if name in ("gaussian", "speckle"):
        return clipped_moments(stats.norm(x, sigma if name == "gaussian" else x * sigma))
    if name == "shot":
        numbers = np.arange(stats.poisson.ppf(1 - 1e-12, x / sigma) + 1)
        values, shares = np.minimum(numbers * sigma, 1), stats.poisson.pmf(numbers, x / sigma)
        mean = (values * shares).sum()
        return mean, ((values - mean) ** 2 * shares).sum()
    mean = (1 - sigma) * x + sigma / 2
    return mean, (1 - sigma) * x**2 + sigma / 2 - mean**2


@pytest.mark.parametrize("sigma", [0.04, 0.2, 0.5])
@pytest.mark.parametrize("grey", [25, 128, 230])
@pytest.mark.parametrize("name", STANDARD)
def test_mean_and_variance_are_those_of_theory_with_clipping(name, grey, sigma):
    x = np.full((20, 1, 80, 50), grey, np.float32) / np.float32(255)
    noisy = add_noise(x, name, sigma=sigma).astype(np.float64)
    mean, variance = theory(name, grey / 255, sigma)
    kurtosis = ((noisy - mean) ** 4).mean() / variance**2
    assert abs(noisy.mean() - mean) < 5 * np.sqrt(variance / noisy.size)
    assert abs(noisy.var() - variance) < 5 * variance * np.sqrt((kurtosis - 1) / noisy.size)


@pytest.mark.parametrize("sigma", [0.01, 0.27, 0.5, 1])
def test_impulses_are_salt_and_pepper_in_equal_shares_and_leave_other_values_to_the_bit(sigma):
    x = np.full((30, 3, 40, 50), 0.3, np.float32)
    noisy = add_noise(x, "impulse", sigma=sigma)
    allowed = 5 * np.sqrt(sigma / 2 * (1 - sigma / 2) / x.size)
    for colour in (0, 1):
        assert abs((noisy == colour).mean() - sigma / 2) < allowed
    assert set(np.unique(noisy)) == ({0, np.float32(0.3), 1} if sigma < 1 else {0, 1})
    channels = (noisy == 0.0).transpose(1, 0, 2, 3).reshape(3, -1).astype(float)
    assert np.abs(np.corrcoef(channels)[~np.eye(3, dtype=bool)]).max() < 5 / np.sqrt(channels.shape[1])


def test_an_impulse_stays_with_its_colour_at_every_larger_sigma():
    x = np.full((10, 3, 20, 20), 0.5, np.float32)
    noisy = [add_noise(x, "impulse", sigma=sigma) for sigma in np.linspace(0, 1, 21).round(2)]
    for smaller, larger in pairwise(noisy):
        hit = smaller != 0.5
        assert np.array_equal(larger[hit], smaller[hit])
        assert (larger != 0.5).sum() > hit.sum()


def test_the_photons_of_a_value_never_grow_with_sigma_and_approach_the_value_as_it_falls():
    x = np.random.default_rng(0).integers(0, 256, (25, 3, 30, 30)).astype(np.float32) / np.float32(255)
    sigmas = [1e-5, 1e-4, 0.002, 0.01, 0.1, 0.5, 1, 5]
    noisy = [add_noise(x, "shot", sigma=sigma).astype(np.float64) for sigma in sigmas]
    dark = (x <= 0.2) & (noisy[-1] < 1) & (noisy[-2] < 1) & (noisy[-3] < 1)
    photons = [np.rint(one / sigma)[dark] for one, sigma in zip(noisy, sigmas, strict=True)]
    for fewer_photons, more_photons in pairwise(photons[::-1]):
        assert (more_photons >= fewer_photons).all()
    np.testing.assert_allclose(noisy[0], x, atol=6 * np.sqrt(1e-5))


@pytest.mark.parametrize("name", ["gaussian", "speckle"])
def test_a_value_moves_one_way_as_sigma_grows(name):
    x = (np.random.default_rng(0).integers(0, 256, (5, 3, 20, 20)) / 255).astype(np.float32)
    far = [np.abs(add_noise(x, name, sigma=sigma) - x) for sigma in (0, 0.04, 0.1, 0.5, 2)]
    for nearer, farther in pairwise(far):
        assert (farther >= nearer).all()


@pytest.mark.parametrize("photons", [0.25, 3, 60, 500, 1e4])
def test_many_values_at_once_have_the_photons_of_few(photons):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, 70_000).astype(np.float32) / np.float32(255)
    steps = random.integers(0, 2**24, x.size)
    steps[:600] = np.repeat([0, 1, 2**24 - 1], 200)
    uniform = (steps / 2**24).astype(np.float32)
    whole = poisson_counts(x, photons, uniform)
    few = slice(0, 4000)
    np.testing.assert_array_equal(whole[few], poisson_counts(x[few], photons, uniform[few]))
    above = uniform > 0
    expected = stats.poisson.ppf(uniform.astype(np.float64), x.astype(np.float64) * photons)
    np.testing.assert_array_equal(whole[above], np.maximum(expected, 0)[above])


def test_values_between_the_greys_have_photons_too():
    x = np.random.default_rng(0).random((1, 1, 300, 300), dtype=np.float32)
    noisy = add_noise(x, "shot", sigma=0.01).astype(np.float64)
    np.testing.assert_allclose(noisy * 100, np.rint(noisy * 100), atol=1e-4)
    middle = (x > 0.2) & (x < 0.5)
    spread = ((noisy - x)[middle] ** 2 / (x[middle] * 0.01)).mean()
    assert abs(spread - 1) < 5 * np.sqrt(2.1 / middle.sum())


@pytest.mark.parametrize("name", STANDARD)
def test_a_clip_belongs_to_the_definition_and_makes_no_second_name(name):
    assert NoiseSpec(name) == NoiseSpec(name, clip=True)
    assert NoiseSpec(name).identity()["clip"] is True
    with pytest.raises(LnbenchError, match=f"cannot be clipped.*definition of '{name}'"):
        NoiseSpec(name, space="standardised")


@pytest.mark.parametrize(("name", "unclipped"), [("gaussian", "agn-additive"), ("speckle", "agn")])
def test_two_of_them_are_a_noise_of_the_paper_with_a_clip(name, unclipped):
    x = (np.random.default_rng(0).integers(0, 256, (4, 3, 9, 9)) / 255).astype(np.float32)
    numbers = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)
    theirs = NOISES[unclipped].apply(x, 0.2, numbers)
    assert np.array_equal(NOISES[name].apply(x, 0.2, numbers), theirs)
    assert (theirs > 1).any()


@pytest.mark.parametrize(("name", "sigma"), [("shot", "0.000001"), ("shot", "1e7"), ("impulse", "1.01")])
def test_a_sigma_out_of_range_is_an_error_that_names_the_noise(name, sigma):
    with pytest.raises(LnbenchError, match=f"noise '{name}'"):
        add_noise(np.zeros((1, 1, 2, 2), np.float32), name, sigma=sigma)
