"""The bootstrap of areas against one written as loops, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest

from robustbench_ln.comparison.area import compare_areas
from robustbench_ln.metrics import area_under_curve


def rights(sigmas, images, seed, better=0.1):
    random = np.random.default_rng(seed)
    hardness = random.random(images)
    falling = np.linspace(0.9, 0.4, sigmas)[:, None]
    a = hardness + random.normal(0, 0.1, (sigmas, images)) < falling
    return a, hardness + random.normal(0, 0.1, (sigmas, images)) < falling + better


@pytest.mark.parametrize("sigma", [[0, 1], [0, 0.5, 2], [3, 0.1, 1, 7]])
@pytest.mark.parametrize("images", [1, 7, 40])
def test_each_resample_draws_images_for_all_sigmas_and_both_networks(sigma, images):
    right_a, right_b = rights(len(sigma), images, seed=images)
    found = compare_areas(sigma, right_a, right_b, seed=5, resamples=300)
    random = np.random.default_rng(5)
    differences = []
    for drawn in random.integers(0, images, (300, images)):
        curves = [[np.mean([own[image] for image in drawn]) for own in right] for right in (right_a, right_b)]
        differences.append(area_under_curve(sigma, curves[1]) - area_under_curve(sigma, curves[0]))
    expected = np.percentile(differences, [2.5, 97.5])
    np.testing.assert_allclose([found.low, found.high], expected, atol=1e-12)
    assert found.a == area_under_curve(sigma, right_a.mean(1))
    assert found.b == area_under_curve(sigma, right_b.mean(1))
    assert found.difference == found.b - found.a


def test_resamples_held_in_parts_are_the_same(monkeypatch):
    right_a, right_b = rights(3, 50, seed=0)
    whole = compare_areas([0, 1, 2], right_a, right_b, seed=1)
    monkeypatch.setattr("robustbench_ln.comparison.area._HELD", 350)
    assert compare_areas([0, 1, 2], right_a, right_b, seed=1) == whole


def test_the_seed_decides_and_equal_networks_have_no_difference():
    right_a, right_b = rights(3, 50, seed=0)
    one, again, other = (compare_areas([0, 1, 2], right_a, right_b, seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert one != other
    same = compare_areas([0, 1, 2], right_a, right_a)
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_the_interval_covers_the_true_difference():
    sigma, images, networks = [0, 1, 2], 300, 400
    large_a, large_b = rights(3, 400_000, seed=99)
    true = area_under_curve(sigma, large_b.mean(1)) - area_under_curve(sigma, large_a.mean(1))
    found = [
        compare_areas(sigma, *rights(3, images, seed=seed), seed=seed, resamples=400)
        for seed in range(networks)
    ]
    covered = np.mean([one.low <= true <= one.high for one in found])
    # 95 %, less 2 for a percentile interval of 300 images, plus or minus 2.7 standard errors of 1.1 %.
    assert 0.90 <= covered <= 0.98
