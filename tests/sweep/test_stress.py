"""The stress test plans every company once, and what comes of it is told with its spread."""

from __future__ import annotations

import pandas as pd
import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.compositions import compositions
from robustbench_ln.sweep.stress import plan_stress
from tests.sweep.test_plan import data, settings, stored


def planned(norm, limit=None, **how):
    passes = plan_stress([(stored(norm), data())], settings(limit=limit), **how)
    return [cell for one in passes for cell in one.cells]


def test_coupled_modes_are_planned_in_every_company_and_others_once():
    orders, sizes = ("shuffled", "dirichlet:0.1", "class-sorted"), (1, 4, 16)
    cells = planned("localnorm", orders=orders, set_sizes=sizes, order_seeds=(0, 1))
    by_mode = {
        mode: [one for one in cells if one.layout.mode == mode]
        for mode in ("batch", "voting", "single", "single-voting")
    }
    # Two sigmas; orders that are drawn come with two seeds, sorted images once.
    assert [len(by_mode[mode]) for mode in by_mode] == [2 * 3 * 5, 2 * 3 * 5, 2, 2]
    assert len({cell.id for cell in cells}) == len(cells)
    for cell in by_mode["batch"]:
        coupling = cell.identity["coupling"]
        assert coupling["set_size"] in sizes
        assert coupling["batch_size"] == 5 * coupling["set_size"], "sets of K groups"


def test_networks_of_other_group_numbers_share_set_sizes():
    passes = plan_stress(
        [(stored("localnorm"), data()), (stored("batchnorm"), data())], settings(), set_sizes=(4,)
    )
    sizes = {
        (cell.model.id, cell.identity["coupling"]["set_size"], cell.identity["coupling"]["batch_size"])
        for one in passes
        for cell in one.cells
        if cell.identity["coupling"]
    }
    assert sizes == {("m-localnorm", 4, 20), ("m-batchnorm", 4, 4)}


@pytest.mark.parametrize("size", [0, 10**5])
def test_a_set_without_images_or_of_more_than_there_are_is_told(size):
    with pytest.raises(LnbenchError, match=f"no sets of {size:,} images"):
        planned("batchnorm", set_sizes=(1, size))


def test_sets_that_are_not_named_have_no_more_images_than_there_are():
    cells = planned("batchnorm", limit=20)
    sizes = {cell.identity["coupling"]["set_size"] for cell in cells if cell.identity["coupling"]}
    assert sizes == {1, 4, 16}


def test_what_comes_of_it_is_told_with_its_spread():
    def row(accuracy, mode="batch", size=4, order="shuffled", sigma=0.0, noise="agn", checksum="c"):
        coupled = mode == "batch"
        return {
            "model": "m.a.b", "noise": noise, "clip": False, "rescale": False, "space": "pixel", "data": "d",
            "checksum": checksum, "limit": None, "sigma": sigma, "mode": mode, "blend": None,
            "coupled": coupled, "set_size": size if coupled else None, "order": order if coupled else None,
            "accuracy": accuracy, "vote": None, "dtype": "float32",
        }  # fmt: skip

    cells = pd.DataFrame(
        [
            row(0.9), row(0.8), row(0.3, order="class-sorted"), row(0.95, size=16),
            row(0.5, order="dirichlet:1"), row(0.4, order="dirichlet:0.1"), row(0.7, mode="single"),
        ]
    )  # fmt: skip
    batch, single = compositions(cells)
    assert batch.rows == [
        ["shuffled", "85.00 %\n80.00 to 90.00", "95.00 %"],
        ["dirichlet:1", "50.00 %", ""],
        ["dirichlet:0.1", "40.00 %", ""],
        ["class-sorted", "30.00 %", ""],
    ]
    assert batch.columns == ["order", "sets of 4", "sets of 16"]
    assert batch.spread.startswith("30.00 to 95.00 %")
    assert (single.rows, single.coupled) == ([["any", "70.00 %"]], False)
    assert "no other test image" in single.spread
    points = {(one["order"], one["set_size"]): one for one in batch.document()["points"]}
    assert points["shuffled", 4]["seeds"] == 2
    assert points["shuffled", 4]["accuracy"] == pytest.approx(0.85)


def test_other_noise_and_other_data_are_told_apart():
    base = {
        "model": "m.a.b", "mode": "batch", "blend": None, "coupled": True, "set_size": 4, "order": "shuffled",
        "noise": "agn", "clip": False, "rescale": False, "space": "pixel", "data": "d", "checksum": "c",
        "limit": None, "sigma": 0.0, "accuracy": 0.5, "vote": None, "dtype": "float32",
    }  # fmt: skip
    changes = [{}, {"clip": True}, {"checksum": "e"}, {"limit": 9}, {"noise": "mbn"}]
    rows = [base | change for change in changes]
    found = compositions(pd.DataFrame(rows))
    assert [one.points["seeds"].tolist() for one in found] == [[1]] * 5
    assert {one.noise for one in found} == {"agn", "agn clipped", "mbn"}


def test_other_votes_and_precisions_are_no_further_seeds():
    usual = {
        "model": "m.a.b", "mode": "voting", "blend": None, "coupled": True, "set_size": 4,
        "order": "shuffled", "noise": "agn", "clip": False, "rescale": False, "space": "pixel",
        "data": "d", "checksum": "c", "limit": None, "sigma": 0.0, "accuracy": 0.5,
        "vote": "majority", "dtype": "float32",
    }  # fmt: skip
    cells = pd.DataFrame([usual, usual | {"vote": "mean"}, usual | {"dtype": "bfloat16"}])
    found = {one.mode: one.points["seeds"].tolist() for one in compositions(cells)}
    assert found == {"voting": [1], "voting mean": [1], "voting bfloat16": [1]}
    (alone,) = compositions(cells[cells["vote"] == "mean"])
    assert alone.mode == "voting", "nothing has to be told apart"
