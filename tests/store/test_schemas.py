"""Records of every schema that was ever written stay readable, to the numbers that they had."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robustbench_ln import load_results
from robustbench_ln.report.inputs import gather
from robustbench_ln.store.merge import merge
from robustbench_ln.store.open import open_store
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import SCHEMA_VERSION
from robustbench_ln.store.verify import verify

SCHEMAS = Path(__file__).parent / "schemas"
CELL = "localnorm-voting-agn-1-15db773f3b6c"
MODEL = "mnist-localnorm-s0.5ff1fb927fbe.ead9c3825e68"
#: Written by the version that had the schema: a folder, and the file that it packed the folder into.
VERSION_1 = [SCHEMAS / "v1", SCHEMAS / "v1.npz"]


def test_every_schema_but_the_present_one_has_results_here():
    assert {path.stem for path in SCHEMAS.iterdir()} == {f"v{number}" for number in range(1, SCHEMA_VERSION)}


@pytest.mark.parametrize("path", VERSION_1, ids=["folder", "packed"])
def test_a_cell_of_schema_1_has_the_numbers_that_it_had(path):
    cells = load_results(path)
    assert len(cells) == 1
    row = cells.iloc[0]
    assert (row["cell"], row["model"], row["norm"], row["groups"]) == (CELL, MODEL, "localnorm", 10)
    assert (row["noise"], row["sigma"], row["mode"], row["vote"]) == ("agn", 1.0, "voting", "majority")
    assert (row["images"], row["correct"], row["classes"]) == (10_000, 8_802, 10)
    assert row["accuracy"] == 0.8802
    assert cells[["ece", "nll"]].isna().to_numpy().all()
    confusion = open_store(path).counts(CELL).confusion
    assert confusion.sum(0).tolist() == [912, 757, 1020, 1066, 1016, 1087, 927, 980, 1449, 786]
    assert confusion.sum(1).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_predictions_of_schema_1_are_read():
    predictions = open_store(VERSION_1[0]).predictions(CELL)
    assert predictions.shape == (10_000,)
    assert predictions[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 4, 5, 8]


@pytest.mark.parametrize("path", VERSION_1, ids=["folder", "packed"])
def test_results_of_schema_1_are_whole_merged_and_drawn(path, tmp_path):
    found = verify(path)
    assert found.wrong == []
    assert found.read == {"models": 1, "cells": 1, "runs": 2, "failures": 0}
    into = Store(tmp_path / "into")
    assert merge(into, [open_store(path)]).problems == []
    assert load_results(into.root).drop(columns="cell").equals(load_results(path).drop(columns="cell"))
    gathered = gather(into, tmp_path)
    assert (len(gathered.table), gathered.problems) == (1, [])


def test_a_merge_of_both_finds_them_equal(tmp_path):
    shutil.copytree(VERSION_1[0], tmp_path / "store")
    merged = merge(Store(tmp_path / "store"), [open_store(VERSION_1[1])])
    assert (merged.copied, merged.present, merged.different, merged.problems) == (0, 1, [], [])
