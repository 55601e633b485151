"""Repeats are averaged, other compositions of batches told apart: against arithmetic by hand."""

import numpy as np
import pytest
from scipy import stats

from robustbench_ln.compositions import headline_size, without_stress
from robustbench_ln.intervals import wilson_interval
from robustbench_ln.metrics import averaged
from robustbench_ln.report.repeats import interval_note
from robustbench_ln.store.frame import read_rows


def rows_of(maker):
    table, problems = read_rows(maker.store)
    assert not problems
    return table


def test_noise_seeds_are_averaged_with_their_interval(maker, build):
    for seed, correct in enumerate((9, 7, 8)):
        maker.curve((correct, 6), sigmas=("0", "1"), noise_seed=seed)
    table = averaged(rows_of(maker))
    assert table["repeats"].tolist() == [3, 3]
    clean = table[table["sigma"] == 0].iloc[0]
    values = np.array([0.9, 0.7, 0.8])
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    wilson = [float(bound) for bound in wilson_interval(8, 10)]
    assert clean["accuracy"] == pytest.approx(0.8)
    assert (clean["low"], clean["high"]) == pytest.approx((min(low, wilson[0]), min(max(high, wilson[1]), 1)))
    assert clean["noise_seed"] == 0
    same = table[table["sigma"] == 1].iloc[0]
    wilson = [float(bound) for bound in wilson_interval(6, 10)]
    assert (same["low"], same["high"]) == pytest.approx(tuple(wilson)), (
        "seeds that agree do not make it certain"
    )
    page = build()
    (row,) = page.table("Accuracy on toy in home modes")
    assert (row["repeats"], row["clean accuracy"]) == ("3", "80.00 %")
    assert len(page.table("All cells")) == 6, "every cell stays in the table"
    assert "of 3 noise and order seeds the wider of the 95 % Wilson and t intervals" in page.text


def test_one_seed_is_said_to_be_one(maker, build):
    maker.curve((9, 6), sigmas=("0", "1"))
    table = averaged(rows_of(maker))
    assert table["repeats"].tolist() == [1, 1]
    low, high = wilson_interval(9, 10)
    assert (table["low"][0], table["high"][0]) == pytest.approx((float(low), float(high)))
    assert interval_note(table) == "95 % Wilson intervals over images, one noise seed."
    assert "one noise seed" in build().text


def test_points_with_other_numbers_of_seeds_stay_one_curve(maker, words):
    maker.curve((9, 8, 5))
    maker.cell(sigma="1", correct=6, noise_seed=4)
    (row,) = words().table("Accuracy on toy in home modes")
    assert row["sigmas"] == "0 to 2 (3)"
    # 0.9, (0.8 + 0.6) / 2 and 0.5: trapezoids (0.9 + 0.7) / 2 and (0.7 + 0.5) / 2, divided by 2.
    assert row["mean accuracy over sigma"] == "70.00 %"


def test_other_orders_and_set_sizes_are_company_not_curves(maker, words):
    usual = {"norm": "localnorm", "options": {"groups": 2}, "mode": "batch", "coupled": True}
    maker.curve((9, 8, 5), **usual)
    for seed, correct in enumerate((4, 6)):
        maker.cell(correct=correct, order="dirichlet:0.1", order_seed=seed, **usual)
    maker.cell(correct=2, order="class-sorted", order_seed=None, **usual)
    maker.cell(correct=7, batch_size=2, **usual)
    rows = rows_of(maker)
    kept = without_stress(rows)
    assert set(kept["order"]) == {"shuffled"}
    assert kept["batch_size"][headline_size(kept)].unique().tolist() == [5]
    page = words()
    (row,) = page.table("Accuracy on toy in home modes")
    assert row["clean accuracy"] == "90.00 %"
    (spread,) = page.table("Home modes on toy with other batches")
    shown = [spread[name] for name in ("sigma", "headline", "lowest", "highest", "compositions")]
    assert shown == ["0", "90.00 %", "20.00 %", "90.00 %", "5"]
    table = page.table("Accuracy under agn by the order")
    told = {(one["sigma"], one["order"]): (one["sets of 2"], one["sets of 5"]) for one in table}
    assert told[("0", "shuffled")] == ("70.00 %", "90.00 %")
    assert told[("0", "dirichlet:0.1")] == ("", "50.00 % (40.00 to 60.00)")
    assert told[("0", "class-sorted")] == ("", "20.00 %")
    assert [one["order"] for one in table if one["sigma"] == "0"] == [
        "shuffled",
        "dirichlet:0.1",
        "class-sorted",
    ]


def test_an_order_that_stands_alone_is_a_curve(maker, words):
    alone = {"norm": "localnorm", "options": {"groups": 2}, "mode": "batch", "coupled": True}
    maker.curve((9, 8, 5), order="class-sorted", order_seed=None, **alone)
    (row,) = words().table("Accuracy on toy in home modes")
    assert row["clean accuracy"] == "90.00 %"
