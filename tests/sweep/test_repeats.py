"""Repeats of a sweep: every cell once, and another cell only where the number can differ."""

from __future__ import annotations

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.sweep.several import Sweep, plan_sweeps, repeated
from robustbench_ln.sweep.targets import trained_from
from tests.sweep.test_plan import data, ids, settings, stored


@pytest.mark.parametrize("norm", ["localnorm", "batchnorm", "groupnorm"])
def test_seeds_repeat_what_they_can_change(norm):
    sweeps = repeated([Sweep([(stored(norm), data())], settings())], (0, 1, 2), (0, 5))
    seeds = [(one.settings.seed, one.settings.order_seed) for one in sweeps]
    assert seeds == [(n, o) for n in range(3) for o in (0, 5)]
    planned = [cell for one in plan_sweeps(sweeps) for cell in one.cells]
    names = [cell.id for cell in planned]
    assert len(set(names)) == len(names), "a cell stands in the plan twice"
    by_mode: dict[str, int] = {}
    for cell in planned:
        by_mode[cell.layout.mode] = by_mode.get(cell.layout.mode, 0) + 1
    sigmas, noise_seeds, order_seeds = 2, 3, 2
    for mode, count in by_mode.items():
        orders = order_seeds if mode in ("batch", "voting") else 1
        assert count == sigmas * noise_seeds * orders, mode


def test_one_repeat_is_the_plan_itself():
    planned = plan_sweeps(repeated([Sweep([(stored(), data())], settings())], (0,), (0,)))
    assert [cell.id for one in planned for cell in one.cells] == list(ids().values())


def test_an_order_s_concentration_is_written_one_way():
    assert ids(order="dirichlet:0.10") == ids(order="dirichlet:0.1")
    assert ids(order="dirichlet:0.1") != ids(order="dirichlet:0.2")
    assert ids(order="class-sorted", order_seed=1) == ids(order="class-sorted", order_seed=2)
    with pytest.raises(LnbenchError, match="above 0"):
        settings(order="dirichlet:0")


def test_blends_are_cells_of_their_own():
    model = [stored("batchnorm")]
    cells = {
        mode: next(iter(ids(model, modes=(mode,)).values()))
        for mode in ("blend:alpha=0.5", "blend:alpha=0.6", "blend:prior=16", "batch", "frozen")
    }
    assert len(set(cells.values())) == 5
    with pytest.raises(LnbenchError, match="fits none"):
        ids([stored("localnorm")], modes=("blend:alpha=0.5",))


def test_networks_are_chosen_by_their_training_seed():
    model = stored()
    assert trained_from([model], None) == [model]
    assert trained_from([model], (0,)) == [model]
    with pytest.raises(LnbenchError, match="training seed 3"):
        trained_from([model], (0, 3))
