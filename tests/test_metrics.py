"""What is derived from counts, against SciPy, scikit-learn and cases worked out by hand."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn_metrics

from robustbench_ln.calibration import NOTHING
from robustbench_ln.metrics import (
    CURVE,
    add_metrics,
    area_under_curve,
    entropy_share,
    of_clean_images,
    sigma_at_half,
    summarize_curves,
    top_share,
)

NONE = NOTHING.numbers()

count_lists = st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(any)


@given(count_lists)
def test_the_entropy_share_is_scipy_s_entropy_to_the_base_of_the_number_of_classes(counts):
    assert entropy_share(counts) == pytest.approx(stats.entropy(counts, base=len(counts)), abs=1e-12)


@given(count_lists)
def test_the_top_share_is_the_largest_share(counts):
    assert top_share(counts) == pytest.approx(float(max(Fraction(count, sum(counts)) for count in counts)))


def test_uniform_predictions_and_collapse_are_the_ends_of_both_shares():
    assert entropy_share([5] * 10) == pytest.approx(1)
    assert top_share([5] * 10) == pytest.approx(0.1)
    assert entropy_share([0, 7, 0]) == 0
    assert top_share([0, 7, 0]) == 1


@pytest.mark.parametrize("counts", [[0, 0, 0], [], [0]])
def test_nothing_predicted_has_no_shares(counts):
    assert math.isnan(entropy_share(counts))
    if counts:
        assert math.isnan(top_share(counts))


def test_one_class_has_no_entropy_share():
    assert math.isnan(entropy_share([4]))


curves = st.lists(
    st.tuples(st.integers(0, 400).map(lambda n: n / 100), st.floats(0, 1)),
    min_size=2,
    max_size=12,
    unique_by=lambda point: point[0],
)


@given(curves)
def test_the_area_is_scikit_learn_s_over_the_range_of_sigma_in_any_order(points):
    sigma, accuracy = zip(*points, strict=True)
    by_sigma = sorted(points)
    expected = sklearn_metrics.auc(*zip(*by_sigma, strict=True)) / (by_sigma[-1][0] - by_sigma[0][0])
    assert area_under_curve(sigma, accuracy) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("sigma", "accuracy", "expected"),
    [
        ([0, 4], [1, 0], 0.5),
        ([0, 1, 4], [1, 1, 0], (1 + 1.5) / 4),
        ([2, 3], [0.3, 0.3], 0.3),
        ([0, 0.5, 1], [0.9, 0.6, 0.3], 0.6),
    ],
)
def test_the_area_of_these_curves_is_known(sigma, accuracy, expected):
    assert area_under_curve(sigma, accuracy) == pytest.approx(expected)


@pytest.mark.parametrize("points", [([], []), ([1], [0.5])])
def test_fewer_than_two_sigmas_have_no_area(points):
    assert math.isnan(area_under_curve(*points))


@pytest.mark.parametrize(
    ("sigma", "accuracy", "expected"),
    [
        ([0, 1, 2], [1, 0.5, 0.2], 1),  # exactly half at a point
        ([0, 1, 2], [0.8, 0.6, 0.2], 1.5),  # between points
        ([0, 4], [0.9, 0], 2),
        ([0, 1, 2, 3], [0.8, 0.2, 0.7, 0.1], 2 / 3),  # the first crossing, though it recovers
        ([2, 0, 1], [0.2, 0.8, 0.6], 1.5),  # in any order
        ([0, 1, 2], [0.9, 0.8, 0.7], math.inf),  # never
        ([0], [0.9], math.inf),
        ([0, 1], [0.0, 0.0], 0),
        ([0.5, 1], [0.9, 0.1], math.nan),  # sigma 0 not measured
        ([], [], math.nan),
    ],
)
def test_sigma_at_half_of_these_curves_is_known(sigma, accuracy, expected):
    assert sigma_at_half(sigma, accuracy) == pytest.approx(expected, nan_ok=True)


@given(curves)
def test_sigma_at_half_lies_where_the_interpolated_curve_first_meets_half(points):
    points = sorted([(0.0, 0.9), *[(sigma + 0.01, accuracy) for sigma, accuracy in points]])
    sigma, accuracy = (np.array(column) for column in zip(*points, strict=True))
    half = sigma_at_half(sigma, accuracy)
    grid = np.linspace(0, sigma[-1], 2001)
    values = np.interp(grid, sigma, accuracy)
    if math.isinf(half):
        assert accuracy.min() > 0.45
    else:
        assert np.interp(half, sigma, accuracy) == pytest.approx(0.45, abs=1e-9)
        assert (values[grid < half - 1e-9] > 0.45 - 1e-9).all()


def cells_of(rows):
    frame = pd.DataFrame([dict.fromkeys(CURVE) | row for row in rows])
    return add_metrics(frame)


def test_metrics_of_a_table_follow_from_its_counts():
    table = cells_of(
        [
            {"sigma": 0.0, "images": 10, "correct": 9, "predicted": [9, 1], "calibration": NONE},
            {"sigma": 1.0, "images": 10, "correct": 5, "predicted": [10, 0], "calibration": NONE},
        ]
    )
    assert "predicted" not in table
    assert table["accuracy"].tolist() == [0.9, 0.5]
    assert table["top_share"].tolist() == [0.9, 1.0]
    assert table["entropy_share"].tolist() == pytest.approx([stats.entropy([9, 1], base=2), 0])
    for row in table.itertuples():
        interval = stats.binomtest(row.correct, 10).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))


def test_a_table_without_cells_keeps_its_columns():
    empty = pd.DataFrame(columns=[*CURVE, "sigma", "images", "correct", "predicted", "calibration"])
    table = add_metrics(empty)
    assert len(table) == 0
    assert {"accuracy", "low", "high", "top_share", "entropy_share"} <= set(table.columns)
    assert len(summarize_curves(table)) == 0


def test_each_curve_is_summarized_in_one_row_whatever_it_leaves_out():
    counts = {"images": 10, "predicted": [5, 5], "calibration": NONE}
    table = cells_of(
        [
            {"mode": "batch", "groups": 5.0, "sigma": 1.0, "correct": 2, **counts},
            {"mode": "batch", "groups": 5.0, "sigma": 0.0, "correct": 8, **counts},
            {"mode": "frozen", "groups": np.nan, "sigma": 0.0, "correct": 6, **counts},
            {"mode": "frozen", "groups": np.nan, "sigma": 2.0, "correct": 6, **counts},
            {"mode": "single", "groups": 5.0, "sigma": 1.0, "correct": 1, **counts},
        ]
    )
    summary = summarize_curves(table).set_index("mode")
    assert summary["sigmas"].to_dict() == {"batch": 2, "frozen": 2, "single": 1}
    for column, expected in (
        ("clean", [0.8, 0.6, math.nan]),
        ("area", [0.5, 0.6, math.nan]),
        ("half_sigma", [2 / 3, math.inf, math.nan]),
    ):
        assert summary.loc[["batch", "frozen", "single"], column].tolist() == pytest.approx(
            expected, nan_ok=True
        )
    interval = stats.binomtest(8, 10).proportion_ci(method="wilson")
    bounds = summary.loc["batch", ["clean_low", "clean_high"]].tolist()
    assert bounds == pytest.approx([interval.low, interval.high])


def test_clean_are_the_images_of_the_data_set_alone():
    cells = pd.DataFrame(
        [
            ("agn", 0.0, False, True),
            ("mine@1", 0.0, False, True),
            ("agn", 1.0, False, False),
            ("agn", 0.0, True, False),
            ("agn-background", 0.0, False, False),
            ("corrupted-fog", 0.0, False, False),
        ],
        columns=["noise", "sigma", "rescale", "clean"],
    )
    assert of_clean_images(cells).tolist() == cells["clean"].tolist()


def test_rescaled_images_at_sigma_0_are_not_clean_but_the_curve_has_a_half():
    counts = {"images": 10, "predicted": [5, 5], "calibration": NONE, "rescale": True}
    table = cells_of([{"sigma": 0.0, "correct": 8, **counts}, {"sigma": 1.0, "correct": 2, **counts}])
    (row,) = summarize_curves(table).itertuples()
    assert math.isnan(row.clean)
    assert row.half_sigma == pytest.approx(2 / 3)


@pytest.mark.parametrize("column", CURVE)
def test_cells_that_differ_in_more_than_sigma_are_different_curves(column):
    counts = {"images": 4, "predicted": [2, 2], "correct": 2, "calibration": NONE}
    table = cells_of([{column: 1, "sigma": 0.0, **counts}, {column: 2, "sigma": 1.0, **counts}])
    assert len(summarize_curves(table)) == 2
