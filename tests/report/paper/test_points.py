"""Points of curves: means over seeds with their interval, and one cell for each network."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from robustbench_ln.experiments.curves import same_networks
from robustbench_ln.intervals import wilson_interval
from robustbench_ln.report.paper.points import interval_sentence, line_points


def points(lab, name="curves"):
    (entry,) = lab.item(name).evidence
    return line_points(entry)


def test_seeds_are_averaged_with_student_s_interval(lab):
    corrects = {0: (9, 7, 3), 1: (8, 7, 1), 2: (10, 4, 2)}
    for seed, own in corrects.items():
        lab.cells(lab.network(seed=seed), own)
    table = points(lab)
    assert table["networks"].tolist() == [3, 3, 3]
    for place, row in enumerate(table.itertuples()):
        values = [own[place] / 10 for own in corrects.values()]
        low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
        assert row.accuracy == pytest.approx(np.mean(values))
        assert (row.low, row.high) == pytest.approx((max(low, 0), min(high, 1)))
    assert "Means of 3 training seeds" in interval_sentence(table)


def test_a_lone_network_has_wilson_s_interval(lab):
    lab.cells(lab.network(), (9, 7, 3))
    table = points(lab)
    low, high = wilson_interval([9, 7, 3], [10, 10, 10])
    assert table["low"].tolist() == pytest.approx(list(low))
    assert table["high"].tolist() == pytest.approx(list(high))
    assert table["networks"].tolist() == [1, 1, 1]
    assert "One network" in interval_sentence(table)


def test_of_repeats_the_one_with_most_images_counts(lab):
    model = lab.network()
    lab.cells(model, (5,), sigmas=("1",), noise_seed=1)
    lab.cells(model, (9,), sigmas=("1",), noise_seed=0)
    assert points(lab)["accuracy"].tolist() == [0.9]


def test_home_modes_and_small_sets_are_told_apart(lab):
    model = lab.network()
    lab.cells(model, (9, 7, 3))
    lab.cells(model, (8, 8, 8), mode="batch")
    lab.cells(model, (7, 7, 7), mode="batch", batch_size=10)
    lab.cells(lab.network("localnorm"), (9, 9, 9))
    table = points(lab).drop_duplicates(["norm_label", "mode_label"])
    assert list(zip(table["norm_label"], table["mode_label"], table["home"], strict=True)) == [
        ("batchnorm", "frozen", True),
        ("batchnorm", "batch", False),
        ("batchnorm", "batch, sets of 10", False),
        ("localnorm K=5", "batch", True),
    ]


def test_without_cells_there_are_no_points(lab):
    table = points(lab)
    assert table.empty
    assert table["home"].dtype == bool


def test_intervals_of_means_stay_in_the_unit_range(lab):
    for seed, correct in enumerate((9, 10)):
        lab.cells(lab.network(seed=seed), (correct,), sigmas=("0",))
    (row,) = points(lab).itertuples()
    assert row.high == 1.0
    assert row.low == pytest.approx(max(0.95 - stats.t.ppf(0.975, 1) * 0.05, 0), abs=1e-9)


TWELVE = tuple(float(sigma) for sigma in range(12))
NINE = TWELVE[:8] + TWELVE[-1:]


@pytest.mark.parametrize(
    ("second", "shown", "seeds"),
    [
        (TWELVE, TWELVE, {0, 1}),
        (NINE, NINE, {0, 1}),
        (NINE[:-1], TWELVE, {0}),
        ((*NINE[:-1], 0.5), TWELVE, {0}),
        ((0.0,), TWELVE, {0}),
    ],
)
def test_all_points_of_a_line_are_of_the_same_networks(second, shown, seeds):
    line = pd.DataFrame({"train_seed": [0] * 12 + [1] * len(second), "sigma": [*TWELVE, *second]})
    kept = same_networks(line)
    assert {tuple(sorted(own)) for _, own in kept.groupby("train_seed")["sigma"]} == {shown}
    assert set(kept["train_seed"]) == seeds


def test_a_network_that_is_being_measured_joins_a_short_line_with_its_last_sigma(lab):
    lab.cells(lab.network(), (9, 7, 3))
    second = lab.network(seed=1)
    lab.cells(second, (8, 7), sigmas=("0", "1"))
    assert points(lab)["networks"].tolist() == [1, 1, 1]
    lab.cells(second, (1,), sigmas=("2",))
    assert points(lab)["networks"].tolist() == [2, 2, 2]
