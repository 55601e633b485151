"""The interval of a proportion against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from robustbench_ln.intervals import wilson_interval

COUNTS = [(k, n) for n in (1, 2, 5, 10, 497, 10_000) for k in sorted({0, 1, n // 3, n // 2, n - 1, n})]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("correct", "images"), COUNTS)
def test_the_interval_is_scipy_s_wilson_interval(correct, images, confidence):
    expected = stats.binomtest(correct, images).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(correct, images, confidence)
    assert low == pytest.approx(expected.low, abs=1e-12)
    assert high == pytest.approx(expected.high, abs=1e-12)


def test_the_interval_of_a_table_is_that_of_each_of_its_cells():
    correct, images = (
        np.array(column).reshape(2, -1) for column in zip(*COUNTS[: len(COUNTS) // 2 * 2], strict=True)
    )
    low, high = wilson_interval(correct, images)
    assert low.shape == high.shape == correct.shape
    for place in np.ndindex(correct.shape):
        assert (low[place], high[place]) == wilson_interval(correct[place], images[place])


@given(st.integers(1, 60_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_proportion_and_stays_within_0_and_1(counts):
    correct, images = counts
    low, high = wilson_interval(correct, images)
    assert 0 <= low <= correct / images <= high <= 1
    assert low < high


def test_the_bound_of_none_or_all_correct_is_the_proportion_itself():
    for images in range(1, 400):
        assert wilson_interval(0, images)[0] == 0
        assert wilson_interval(images, images)[1] == 1


def test_no_image_has_no_interval():
    low, high = wilson_interval([0, 1], [0, 2])
    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()
