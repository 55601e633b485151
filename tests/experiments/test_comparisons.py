"""Orderings and ratios of curves made by hand."""

import numpy as np
import pytest
from scipy import stats

from tests.experiments.measured import CLEAN, ORDER, Measured, check, verdict


@pytest.mark.parametrize(
    ("margin", "above", "holds"),
    [
        (5, 0.65, True),
        (5, 0.6499, False),
        (0, 0.6001, True),
        (0, 0.6, False),  # a tie is not above
        (-5, 0.55, True),
        (-5, 0.5499, False),
    ],
)
def test_an_ordering_holds_from_its_margin_on(small, margin, above, holds):
    small.curve("localnorm", {0: 0.9, 1: above}).curve("batchnorm", {0: 0.9, 1: 0.6})
    assert check(ORDER % f"sigma: '1', margin: {margin}", small).holds is holds


@pytest.mark.parametrize(("above", "holds"), [(0.72, True), (0.68, False)])
def test_losses_since_sigma_0_are_compared_whatever_the_level(small, above, holds):
    # LocalNorm falls from 0.9, BatchNorm from 0.8 to 0.6.
    small.curve("localnorm", {0: 0.9, 1: above}).curve("batchnorm", {0: 0.8, 1: 0.6})
    found = check(ORDER % "sigma: '1', from_clean: true", small)
    assert found.holds is holds
    assert found.points[0].value == pytest.approx((above - 0.9) - (0.6 - 0.8))
    assert check(ORDER % "sigma: '1'", small).holds is True


def test_without_sigma_0_nothing_tells_the_loss(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7}).curve("batchnorm", {0: 0.9, 1: 0.6})
    small.rows = [row for row in small.rows if row["sigma"] or row["norm"] == "localnorm"]
    found = check(ORDER % "sigma: '1', from_clean: true", small)
    assert found.holds is None


def test_an_ordering_is_paired_by_seed_and_fails_at_its_worst_sigma(small):
    ours, theirs = [0.80, 0.70, 0.75], [0.70, 0.61, 0.63]
    small.curve("localnorm", CLEAN | {1: ours, 2: [0.5, 0.5, 0.5]})
    small.curve("batchnorm", CLEAN | {1: theirs, 2: [0.5, 0.52, 0.51]})
    found = check(ORDER % "sigma: '1,2'", small)
    differences = np.subtract(ours, theirs)
    expected = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    first = found.points[0]
    assert (first.value, first.low, first.high) == pytest.approx((differences.mean(), *expected))
    assert found.holds is False
    assert "-1.00 points (50.00 % against 51.00 %) at sigma 2, the worst of 2 sigmas" in found.measured
    assert found.reason == "not above at sigma 2"
    assert check(ORDER % "sigma: '1'", small).clear is True


def test_a_difference_within_the_interval_is_not_clear(small):
    small.curve("localnorm", CLEAN | {1: [0.5, 0.6, 0.7]}).curve("batchnorm", CLEAN | {1: [0.6, 0.5, 0.65]})
    found = check(ORDER % "sigma: '1'", small)
    assert (found.holds, found.clear) == (True, False)
    assert "within the interval, so chance may decide" in found.measured


def test_only_seeds_that_both_curves_have_are_compared(small):
    small.curve("localnorm", CLEAN | {1: [0.8, 0.1, 0.1]}).curve("batchnorm", {0: 0.9, 1: 0.7})
    found = check(ORDER % "sigma: '1'", small)
    (point,) = found.points
    assert found.holds is True
    assert (point.seeds, point.low) == (1, None)
    assert point.value == pytest.approx(0.1)
    assert "from one seed" in found.measured


def test_a_seed_that_lacks_a_sigma_on_one_side_counts_on_neither_there(small):
    small.curve("localnorm", CLEAN | {1: [0.8, 0.1]}).curve("batchnorm", CLEAN | {1: [0.7, None]})
    (point,) = check(ORDER % "sigma: '1'", small).points
    assert (point.value, point.seeds) == (pytest.approx(0.1), 1)


def test_without_a_seed_or_a_sigma_in_common_nothing_is_decided(small):
    small.curve("localnorm", {0: 0.9, 1: 0.8}).curve("batchnorm", {0: [None, 0.9], 1: [None, 0.7]})
    assert check(ORDER % "sigma: '1'", small).reason == "no training seed was measured on all sides"


def test_a_side_that_was_not_measured_decides_nothing(small):
    small.curve("localnorm", {0: 0.9, 1: 0.8})
    found = verdict(ORDER % "sigma: '1'", small)
    assert found.outcome == "no verdict"
    assert found.reason == "batchnorm (frozen) of small was not measured on cifar10 under agn"


def test_benchmarks_can_be_compared(tmp_path):
    plain, noisy = Measured(tmp_path, "plain"), Measured(tmp_path, "noisy")
    plain.curve("batchnorm", {0: 0.9, 1: 0.3})
    noisy.curve("batchnorm", {0: 0.9, 1: 0.5})
    claim = (
        "{rule: ordering, above: {norm: batchnorm, noise: agn, benchmark: noisy}, "
        "below: {norm: batchnorm, noise: agn, benchmark: plain}, sigma: 1, margin: 5}"
    )
    found = check(claim, plain, noisy)
    assert found.holds is True
    assert found.benchmark == "noisy and plain"
    short = Measured(tmp_path, "noisy", "short").curve("batchnorm", {0: 0.9, 1: 0.5})
    found = check(claim, plain, short)
    assert found.holds is None
    assert found.reason.startswith("the networks were trained by different presets: paper, short")


def test_modes_and_small_sets_are_other_curves(small):
    small.curve("batchnorm", {0: 0.9, 1: 0.2})
    small.curve("batchnorm", {0: 0.8, 1: 0.4}, mode="batch")
    small.curve("batchnorm", {0: 0.7, 1: 0.6}, mode="batch", small_sets=True)
    for of, accuracy in (("", 0.2), (", mode: batch", 0.4), (", mode: batch, small_sets: true", 0.6)):
        claim = f"{{rule: bound, of: {{norm: batchnorm, noise: agn{of}}}, sigma: 1, least: 0}}"
        assert check(claim, small).points[0].value == accuracy


@pytest.mark.parametrize(("least", "most", "holds"), [(1.6, 2.5, True), (2, None, False), (1, 1.8, False)])
def test_a_ratio_is_that_of_the_mean_accuracies(small, least, most, holds):
    ours, theirs = [0.4, 0.38, 0.44], [0.2, 0.22, 0.22]
    small.curve("localnorm", CLEAN | {1: ours}).curve("switchnorm", CLEAN | {1: theirs})
    most = "" if most is None else f", most: {most}"
    claim = (
        "{rule: ratio, of: {norm: localnorm, noise: agn}, to: {norm: switchnorm, noise: agn}, "
        f"sigma: 1, least: {least}{most}}}"
    )
    found = check(claim, small)
    (point,) = found.points
    ratio = np.mean(ours) / np.mean(theirs)
    error = stats.sem(np.subtract(ours, np.multiply(ratio, theirs))) / np.mean(theirs)
    assert found.holds is holds
    assert (point.value, point.low, point.high) == pytest.approx(
        (ratio, *stats.t.interval(0.95, 2, ratio, error))
    )
    assert f"{ratio:.3f} (40.67 % against 21.33 %)" in found.measured


def test_there_is_no_ratio_to_an_accuracy_of_0(small):
    small.curve("localnorm", {0: 0.9, 1: 0.4}).curve("batchnorm", {0: 0.9, 1: 0.0})
    sides = "of: {norm: localnorm, noise: agn}, to: {norm: batchnorm, noise: agn}"
    claim = f"{{rule: ratio, {sides}, sigma: 1, least: 2}}"
    assert check(claim, small).holds is None


@pytest.mark.parametrize(("above", "holds"), [(0.50, False), (0.51, True), (0.60, True), (0.61, False)])
def test_an_ordering_may_have_an_upper_end(small, above, holds):
    small.curve("localnorm", {1: above}).curve("batchnorm", {1: 0.5})
    found = check(ORDER % "sigma: '1', most: 10", small)
    assert found.holds is holds
    assert "above, by 10 points at most" in found.measured
