"""Logits that are not finite: their cell fails with its reason, and the others are measured."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from robustbench_ln.data.open import open_data
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.report.coverage import failure_rows
from robustbench_ln.report.inputs import gather
from robustbench_ln.store.store import Store
from robustbench_ln.store.verify import verify
from robustbench_ln.sweep.plan import SweepSettings, missing, plan_cells
from robustbench_ln.sweep.run import run_passes
from tests.sweep.small_networks import stored_network


@pytest.fixture
def swept(tmp_path):
    """Return what sweeps a network whose logits overflow under strong noise: its store and its outcomes."""
    data = open_data("digits", tmp_path / "data")

    def overflow(network):
        # The largest float32 is 3.4e38.
        *_, last = (module for module in network.modules() if isinstance(module, torch.nn.Linear))
        last.weight.mul_(1e36)

    store = Store(tmp_path / "results")
    model = stored_network(store, "batchnorm", overflow)
    settings = SweepSettings((NoiseSpec("agn"),), ("0", "1000000"), modes=("frozen", "batch"), limit=30)
    passes = plan_cells([(model, data)], settings)
    sweep = partial(run_passes, store)
    return store, sweep, passes


def test_a_cell_that_overflows_fails_with_its_reason_and_the_others_are_measured(swept, tmp_path):
    store, sweep, passes = swept
    outcomes = sweep(passes, run_id="run-1")
    failed = [one for one in outcomes if one.failure]
    # The statistics of the batch take the size of the noise out again.
    assert [one.title for one in failed] == ["digits-batchnorm-s0 frozen, agn 1000000"]
    assert "not finite" in failed[0].line
    assert len(store.cell_ids()) == 3
    (record,) = store.failure_records().values()
    assert record["reason"] == failed[0].failure
    assert record["identity"]["noise"]["sigma"] == "1000000"
    assert verify(store.root).wrong == []

    gathered = gather(store, tmp_path / "data")
    assert len(gathered.table) == 3
    assert gathered.table["accuracy"].notna().all()
    assert failure_rows(gathered) == [[failed[0].cell_id, failed[0].failure, "run-1"]]

    # It is missing still: the next sweep tries it again, and it alone.
    (left,) = missing(passes, store.cell_ids())
    assert [cell.id for cell in left.cells] == [failed[0].cell_id]
    (again,) = sweep([left], run_id="run-2")
    assert again.failure == failed[0].failure
    assert len(store.failure_records()) == 2
