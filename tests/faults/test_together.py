"""Several processes that sweep one plan into one store measure every cell once, to the same bytes as one."""

from __future__ import annotations

import json
import shutil

import pytest

from robustbench_ln.store.store import Store
from tests.cli.processes import start
from tests.faults.conftest import SWEEP
from tests.faults.store_bytes import cells_of, check_whole


@pytest.mark.parametrize(
    "processes", [2, pytest.param(8, marks=[pytest.mark.faults, pytest.mark.timeout(1800)])]
)
def test_processes_that_sweep_together_leave_what_one_leaves(
    processes, trained, swept, environment, tmp_path
):
    shutil.copytree(trained.folder / "results", tmp_path / "results")
    together = [start(environment, tmp_path, *SWEEP) for _ in range(processes)]
    for process in together:
        _, told = process.communicate()
        assert process.returncode == 0, told
        assert "Measured 44 cells, 0 failed" in told
    assert cells_of(tmp_path) == swept.content
    # No copy of a cell that another process published first is left.
    assert check_whole(tmp_path / "results") == 0
    store = Store(tmp_path / "results")
    runs = {name for name, run in store.run_records().items() if run["command"].startswith("lnbench corrupt")}
    assert len(runs) == processes
    made_by = [
        json.loads((store.root / "cells" / cell / "how.json").read_text()) for cell in store.cell_ids()
    ]
    assert {how["run_id"] for how in made_by} <= runs
