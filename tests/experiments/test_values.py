"""Values, bounds and their intervals, on tables made by hand, against SciPy."""

import numpy as np
import pytest
from scipy import stats

from robustbench_ln.experiments.checks import (
    Allowed,
    Point,
    decide,
    t_interval,
)
from tests.experiments.measured import CLEAN, IMAGES, VALUE, check, verdict


@pytest.mark.parametrize("values", [[0.7, 0.72], [0.1, 0.5, 0.9], [0.3, 0.31, 0.35, 0.2, 0.9]])
def test_the_interval_over_seeds_is_scipy_s_t_interval(values):
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert t_interval(values) == pytest.approx(expected)


def test_one_seed_has_no_t_interval():
    assert t_interval([0.5]) is None


@pytest.mark.parametrize(
    ("intervals", "holds", "clear"),
    [
        ([(0.5, 0.4, 0.6)], True, True),
        ([(0.5, 0.1, 0.9)], True, False),
        ([(0.5, 0.4, 0.6), (0.5, 0.1, 0.9)], True, False),
        ([(0.1, 0.05, 0.15)], False, True),
        ([(0.1, -0.2, 0.4)], False, False),
        ([(0.1, 0.05, 0.15), (0.1, -0.2, 0.4)], False, True),
        ([(0.1, -1, 1.2)], False, False),
        ([(0.5, None, None)], True, None),
    ],
)
def test_a_decision_is_clear_where_no_interval_contradicts_it(intervals, holds, clear):
    points = [
        Point(place, value, low, high, 1 if low is None else 3, 10)
        for place, (value, low, high) in enumerate(intervals)
    ]
    decision = decide(points, Allowed(0.3, 0.8))
    assert (decision.holds, decision.clear) == (holds, clear)


# Values and bounds


def test_a_value_of_three_seeds_has_their_mean_and_t_interval(small):
    small.curve("localnorm", CLEAN | {1: [0.69, 0.71, 0.73]})
    found = check(VALUE, small)
    (point,) = found.points
    expected = stats.t.interval(0.95, 2, 0.71, stats.sem([0.69, 0.71, 0.73]))
    assert found.holds is True
    assert (point.sigma, point.seeds, point.images) == (1, 3, IMAGES)
    assert (point.value, point.low, point.high) == pytest.approx((0.71, *expected))
    assert found.clear is False
    for part in ("localnorm (batch): 71.00 % at sigma 1", "from 3 seeds", "10,000 test images", "t interval"):
        assert part in found.measured
    assert (found.benchmark, found.preset, found.data, found.noise) == ("small", "paper", "cifar10", "agn")


def test_a_value_of_one_seed_has_wilson_s_interval_and_says_so(small):
    small.curve("localnorm", {0: 0.9, 1: 0.75})
    found = check(VALUE, small)
    (point,) = found.points
    interval = stats.binomtest(7500, IMAGES).proportion_ci(method="wilson")
    assert (point.low, point.high) == pytest.approx((interval.low, interval.high))
    assert found.holds is False and found.clear is None
    assert "from one seed" in found.measured and "Wilson" in found.measured
    assert found.reason == "not 70 % within 2 points at sigma 1"


@pytest.mark.parametrize(
    ("accuracy", "holds"), [(0.72, True), (0.68, True), (0.7201, False), (0.6799, False)]
)
def test_the_ends_of_a_tolerance_belong_to_it(small, accuracy, holds):
    assert check(VALUE, small.curve("localnorm", {0: 0.9, 1: accuracy})).holds is holds


def test_an_interval_of_an_accuracy_stays_within_0_and_1(small):
    small.curve("localnorm", {0: [1.0, 0.99], 1: [1.0, 0.98]})
    assert check(VALUE, small).points[0].high == 1


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ("least: 74", "does not hold"),
        ("least: 60", "holds"),
        ("most: 80", "does not hold"),
        ("most: 90", "holds"),
        ("least: 60, most: 90", "holds"),
    ],
)
def test_a_bound_holds_at_every_measured_sigma(small, limits, outcome):
    small.curve("localnorm", {0: 0.9, 1: 0.8, 2: 0.6})
    found = verdict(f"{{rule: bound, of: {{norm: localnorm, noise: agn}}, {limits}}}", small)
    assert found.outcome == outcome
    assert [point.sigma for point in found.checks[0].points] == [0, 1, 2]


def test_a_bound_names_the_worst_sigma_and_those_where_it_fails(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7, 2: 0.6, 3: 0.8})
    found = check("{rule: bound, of: {norm: localnorm, noise: agn}, least: 74}", small)
    assert "60.00 % at sigma 2, the worst of 4 sigmas" in found.measured
    assert found.reason == "not at least 74 % at sigma 1, 2"


# Sigmas


def test_listed_sigmas_that_were_measured_count_and_others_are_named(small):
    small.curve("localnorm", {0: 0.9, 1: 0.8, 5: 0.1})
    found = check("{rule: bound, of: {norm: localnorm, noise: agn}, sigma: '1,1.5,2', least: 74}", small)
    assert found.holds is True
    assert "not measured: sigma 1.5, 2" in found.measured


def test_a_thin_grid_without_a_listed_sigma_decides_nothing_and_names_the_nearest(small):
    small.curve("localnorm", {0: 0.9, 0.8: 0.8, 2.5: 0.3, 5: 0.1})
    found = verdict("{rule: bound, of: {norm: localnorm, noise: agn}, sigma: '1,2', least: 74}", small)
    assert found.outcome == "no verdict"
    assert found.checks[0].holds is None
    assert found.reason == "none of sigma 1, 2 was measured; the nearest measured: 0.8, 2.5"
