"""The best number of groups on tables made by hand."""

import numpy as np
import pytest
from scipy import stats

from tests.experiments.measured import CLEAN, check, verdict

BEST = "{rule: best, noise: agn, sigma: '0.5,1', groups: [4, 8]}"


def grouped(measured, curves):
    for groups, accuracies in curves.items():
        measured.curve("localnorm", accuracies, options={"groups": groups})
    return measured


@pytest.mark.parametrize(
    ("at_one", "outcome"),
    [
        ({2: 0.5, 4: 0.6, 8: 0.55, 16: 0.4}, "holds"),
        ({2: 0.5, 4: 0.5, 8: 0.6, 16: 0.4}, "holds"),
        ({2: 0.7, 4: 0.6, 8: 0.55, 16: 0.4}, "does not hold"),
        ({2: 0.6, 4: 0.6, 8: 0.55, 16: 0.4}, "does not hold"),  # a tie
    ],
)
def test_the_best_number_of_groups_is_best_at_every_sigma(small, at_one, outcome):
    halves = {2: 0.7, 4: 0.8, 8: 0.79, 16: 0.6}
    grouped(small, {groups: {0: 0.9, 0.5: halves[groups], 1: at_one[groups]} for groups in at_one})
    found = verdict(BEST, small)
    assert found.outcome == outcome
    leads = [max(at[4], at[8]) - max(at[2], at[16]) for at in (halves, at_one)]
    assert [point.value for point in found.checks[0].points] == pytest.approx(leads)


def test_the_lead_of_the_best_is_paired_by_seed(small):
    ours, theirs = [0.6, 0.65, 0.7], [0.5, 0.53, 0.61]
    grouped(small, {2: CLEAN | {1: theirs}, 8: CLEAN | {1: ours}, 16: CLEAN | {1: [0.3, 0.3, 0.3]}})
    (point,) = check(BEST, small).points
    difference = np.subtract(ours, theirs)
    expected = stats.t.interval(0.95, 2, difference.mean(), stats.sem(difference))
    assert (point.value, point.low, point.high) == pytest.approx((difference.mean(), *expected))


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((4, 8), "numbers of groups measured: 2; a best one needs 3"),
        ((1, 2, 16), "none of the claim's number of groups was measured"),
    ],
)
def test_too_few_numbers_of_groups_decide_nothing(small, numbers, reason):
    assert check(BEST, grouped(small, {groups: {0: 0.9, 1: 0.5} for groups in numbers})).reason == reason


def test_a_number_of_groups_that_learned_too_little_is_left_out(small):
    grouped(small, {2: {0: 0.9, 1: 0.4}, 4: {0: 0.9, 1: 0.6}, 8: {0: 0.9, 1: 0.5}, 16: {0: 0.3, 1: 0.9}})
    found = check(BEST, small)
    assert found.holds is True
    assert "left out: localnorm of small has 30.00 %" in found.measured
