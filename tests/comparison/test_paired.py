"""Paired statistics against published examples, SciPy, numbers by hand, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from robustbench_ln.comparison.paired import difference_interval, holm, mcnemar

counts = st.integers(0, 400)
table = st.tuples(counts, counts, counts, counts).filter(lambda one: sum(one) > 0)


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        # Fagerland, Lydersen & Laake 2017, Statistical Analysis of Contingency Tables, chapter 8, their
        # "Newcombe square-and-add" interval: complete response before and after (Cavo et al. 2012).
        ((59, 16, 6, 80), (-0.1186, -0.0046)),
        # Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33, the same interval: airways before and
        # after a transplantation (Bentur et al. 2009).
        ((1, 7, 1, 12), (-0.507, -0.026)),
    ],
)
def test_the_interval_is_that_of_published_examples(counted, expected):
    places = max(len(str(abs(bound)).partition(".")[2]) for bound in expected)
    low, high = difference_interval(*counted)
    assert (round(float(low), places), round(float(high), places)) == expected


@given(table)
def test_the_interval_holds_the_difference_and_turns_over_with_the_names(counted):
    both, only_a, only_b, neither = counted
    low, high = difference_interval(*counted)
    difference = (only_b - only_a) / sum(counted)
    assert -1 <= low <= difference + 1e-12
    assert difference - 1e-12 <= high <= 1
    other = difference_interval(both, only_b, only_a, neither)
    np.testing.assert_allclose(other, (-high, -low), atol=1e-12)
    # With wrong for right the difference is the same with the other sign.
    np.testing.assert_allclose(difference_interval(neither, only_b, only_a, both), (-high, -low), atol=1e-12)


def test_an_empty_margin_has_no_correlation():
    # Both are always right: the Wilson interval of 50 of 50 is 1 / (1 + z^2 / 50) to 1.
    z = stats.norm.ppf(0.975)
    half = np.hypot(0, 1 - 1 / (1 + z**2 / 50))
    np.testing.assert_allclose(difference_interval(50, 0, 0, 0), (-half, half), rtol=1e-12)
    assert np.isnan(difference_interval(0, 0, 0, 0)).all()


@pytest.mark.parametrize("images", [50, 400, 5000])
@pytest.mark.parametrize(
    ("accuracy_a", "accuracy_b", "agreement"), [(0.9, 0.9, 0.5), (0.97, 0.95, 0.2), (0.6, 0.3, 0.1)]
)
def test_the_interval_covers_the_true_difference(images, accuracy_a, accuracy_b, agreement):
    # `agreement` is how far P(both right) lies from independence towards its maximum.
    independent, most = accuracy_a * accuracy_b, min(accuracy_a, accuracy_b)
    both = independent + agreement * (most - independent)
    cells = [both, accuracy_a - both, accuracy_b - both, 1 - accuracy_a - accuracy_b + both]
    drawn = np.random.default_rng(0).multinomial(images, cells, size=20_000).T
    low, high = difference_interval(*drawn)
    covered = np.mean((low <= accuracy_b - accuracy_a) & (accuracy_b - accuracy_a <= high))
    # Of 50 images hardly any are told apart at 97 %: the interval is wide there.
    assert 0.94 < covered < (0.995 if images == 50 else 0.97)


def test_mcnemar_by_hand():
    # 1 against 7: 2 (C(8, 0) + C(8, 1)) / 2^8.
    assert mcnemar(1, 7) == pytest.approx(2 * 9 / 256, rel=1e-12)
    assert mcnemar(7, 1) == mcnemar(1, 7)
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 3) == 1


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_scipy_s_binomial_test(only_a, only_b):
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    # Below 1e-290 scipy's own number goes to 0.
    assert mcnemar(only_a, only_b) == pytest.approx(expected, rel=1e-9, abs=1e-290)


def test_mcnemar_seldom_rejects_what_is_true():
    drawn = np.random.default_rng(1).binomial(40, 0.5, 20_000)
    assert np.mean(mcnemar(drawn, 40 - drawn) < 0.05) < 0.05


def test_holm_by_hand():
    # 0.01 x 4; 0.02 x 3; 0.03 x 2 = 0.06; 0.04 x 1 may not be less than the one before.
    np.testing.assert_allclose(holm([0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.001, 0.5))
def test_holm_rejects_what_its_steps_reject(values, level):
    # Step down: reject the smallest p as long as it is at most level / tests left.
    rejected = np.zeros(len(values), bool)
    for left, place in enumerate(np.argsort(values, kind="stable")):
        if values[place] * (len(values) - left) > level:
            break
        rejected[place] = True
    np.testing.assert_array_equal(holm(values) <= level, rejected)
