"""`lnbench compare`: what it prints and writes, its exit codes, and mistakes; nothing is measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from robustbench_ln import load_results
from robustbench_ln.store.pack import pack
from tests.comparison.measured import Measured, first


@pytest.fixture
def measured(tmp_path):
    """Networks A and B at two sigmas: B gains 3 images of 60 at the first and loses 12 at the other."""
    made = Measured(tmp_path)
    for sigma, b in (("0", 43), ("1", 28)):
        made.cell(first(40), sigma=sigma)
        made.cell(first(b), "localnorm", "batch", sigma, batch_size=10)
    return made


@pytest.fixture
def compare(lnbench_here, measured, tmp_path):
    def run(*arguments, a="toy-batchnorm*", b="toy-localnorm*"):
        done = lnbench_here("compare", a, b, "--data-dir", str(measured.data_dir), *arguments, cwd=tmp_path)
        return done.returncode, done.stdout, " ".join(done.stderr.split())

    return run


def test_a_row_a_cell_then_the_area_then_remarks(compare):
    code, out, err = compare()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == ["A: toy-batchnorm-s0 frozen (home)", "B: toy-localnorm-s0 batch (home)"]
    rows = [line.split() for line in lines if line.startswith("agn")]
    assert [row[:5] for row in rows] == [
        ["agn", "0", "60", "66.67", "71.67"],
        ["agn", "1", "60", "66.67", "46.67"],
    ]
    assert rows[0][5] == "+5.00"
    assert rows[0][-2:] == ["no", "(B)"]
    assert rows[1][9:11] == ["12,", "0"]
    # 2 / 2^12 for 12 against 0, times 2 tests.
    assert rows[1][11] == "0.0010"
    (area,) = [
        line for line in lines if line.startswith("Area under the curve, agn, sigma 0 to 1 (2 points)")
    ]
    assert "A 66.67 %, B 59.17 %, B - A -7.50" in area
    assert area.endswith("images not independent.")
    assert "take them as independent" in out
    assert "With one training seed (n = 1)" in out
    assert "batches of 10 in sets of 10" in out


def test_several_seeds_have_a_table_of_their_own(compare, measured):
    for sigma in ("0", "1"):
        measured.cell(first(30), sigma=sigma, seed=1)
        measured.cell(first(36), "localnorm", "batch", sigma, batch_size=10, seed=1)
    code, out, _ = compare()
    assert code == 0
    assert "Over training seeds, 95 % t intervals" in out
    (line,) = [line for line in out.splitlines() if line.startswith("agn") and "area, 0 to 1" in line]
    assert line.split()[-1] == "2"
    assert [line.split()[0] for line in out.splitlines() if " agn" in line and "no (B)" in line] == list(
        "0011"
    )


def test_json_is_one_document_and_csv_has_all_rows(compare, tmp_path):
    code, out, err = compare("--json", "--csv", "some/rows.csv", "--fail-drop", "50")
    document = json.loads(out)
    assert (code, err, document["schema"]) == (0, "", 1)
    table = pd.read_csv(tmp_path / "some" / "rows.csv", dtype={"sigma": str})
    assert len(table) == 2
    for row, told in zip(document["cells"], table.to_dict("records"), strict=True):
        assert set(row) == set(told)
        assert {key: value for key, value in row.items() if value is not None} == {
            key: value for key, value in told.items() if not pd.isna(value)
        }
    (area,) = document["areas"]
    assert area["sigmas"] == ["0", "1"]
    assert area["low"] < area["difference"] < area["high"]
    assert [one["seeds"] for one in document["over_seeds"]] == [1, 1, 1]
    assert document["fail_drop"] == {"points": 50, "cells": []}
    assert compare("--json", "--csv", "some/rows.csv", "--fail-drop", "50")[1] == out
    assert json.loads(compare("--json", "--seed", "1")[1])["seed"] == 1


def test_a_drop_ends_with_4_and_less_with_0(compare):
    # B lies 12 of 60 images, 20 points, below A at sigma 1.
    code, out, _ = compare("--fail-drop", "19.9")
    assert code == 4
    assert "more than 19.9 points below A, with its interval below 0, in 1 of 2 cells (agn 1)." in out
    code, out, _ = compare("--fail-drop", "20")
    assert (code, "in 0 of 2 cells." in out) == (0, True)
    assert compare("--fail-drop", "19.9", "--sigma", "0")[0] == 0
    code, out, _ = compare("--fail-drop", "0.5", "--json")
    dropped = json.loads(out)["fail_drop"]["cells"]
    assert (code, len(dropped), dropped[0][0].startswith("batchnorm-frozen-agn-1")) == (4, 1, True)


def test_a_threshold_never_passes_for_want_of_cells(compare, measured):
    for sigma in ("2", "3"):
        measured.cell(first(40), sigma=sigma)
    measured.store.publish_failure("localnorm-batch-agn-2-c", "run", {"reason": "not finite"})
    code, out, err = compare()
    assert (code, err, "measured only for A" in out) == (0, "", True)
    code, out, err = compare("--fail-drop", "50")
    assert (code, "in 0 of 2 cells." in out, "measured only for A" in out) == (3, True, False)
    assert "Left out, measured only for A (toy-batchnorm-s0 frozen (home)): toy, all images, agn" in err
    assert "sigma 2, 3." in err
    code, out, _ = compare("--fail-drop", "50", "--json")
    assert (code, len(json.loads(out)["problems"])) == (3, 1)
    assert compare("--fail-drop", "1")[0] == 4, "a drop that is there goes first"
    # What B has and A has not is nothing to fall behind of.
    for sigma in ("2", "3", "4"):
        measured.cell(first(40), "localnorm", "batch", sigma, batch_size=10)
    code, out, err = compare("--fail-drop", "50")
    assert (code, err, "measured only for B" in out) == (0, "", True)


@pytest.mark.parametrize(("norm", "sides"), [("batchnorm", "AB"), ("localnorm", "BA")])
def test_a_threshold_never_passes_for_want_of_a_training_seed(norm, sides, compare, measured):
    measured.cell(first(40), norm, seed=1)
    code, out, err = compare()
    assert (code, err, "of training seed 1" in out) == (0, "", True)
    code, out, err = compare("--fail-drop", "50")
    assert (code, "in 0 of 2 cells." in out) == (3, True)
    assert f"{sides[1]} has no network of training seed 1." in err


def test_help_tells_what_4_means(lnbench_here, tmp_path):
    said = " ".join(lnbench_here("--help", cwd=tmp_path).stdout.split())
    assert "4 a requested threshold was not met" in said


def test_a_drop_that_may_be_chance_ends_with_0(compare, measured):
    measured.cell(first(40), sigma="2")
    measured.cell(np.roll(first(38), 30), "localnorm", "batch", "2", batch_size=10)
    code, out, _ = compare("--fail-drop", "0.5", "--sigma", "2")
    assert (code, "in 0 of 1 cells." in out) == (0, True)


def test_what_was_asked_for_and_is_not_there_ends_with_3(compare):
    code, out, err = compare("--noise", "agn", "--noise", "mbn", "--fail-drop", "50")
    assert (code, "in 0 of 2 cells." in out) == (3, True)
    assert "Not measured for both A and B: mbn." in err
    assert compare("--noise", "agn", "--sigma", "0,7", "--json")[0] == 3
    assert compare("--noise", "agn", "--sigma", "0,7,1", "--fail-drop", "1")[0] == 4


def test_a_broken_cell_is_named_and_the_exit_code_tells(compare, measured):
    cell = measured.cell(first(40), "localnorm", "batch", "2", batch_size=10)
    measured.cell(first(40), sigma="2")
    (measured.store.root / "cells" / cell / "arrays.npz").write_bytes(b"no archive")
    code, out, err = compare()
    assert code == 3
    assert f"{cell}/arrays.npz' cannot be read" in err
    assert len([line for line in out.splitlines() if line.startswith("agn")]) == 2
    code, out, err = compare("--json")
    assert (code, err, len(json.loads(out)["problems"])) == (3, "", 1)
    assert compare("--fail-drop", "1")[0] == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"a": "resnet*"}, "No model in 'results' matches 'resnet*'."),
        ({"a": "toy-localnorm-s0:batch"}, "A and B are the same network in the same mode"),
        ({"options": ["--sigma", "5"]}, "saw the same noisy images."),
        ({"options": ["--noise", "agm"]}, "Unknown noise 'agm'. Did you mean 'agn'?"),
        ({"options": ["--mode", "bach"]}, "Unknown mode 'bach'. Did you mean 'batch'?"),
        ({"options": ["--data", "mnits"]}, "Unknown data set 'mnits'. Did you mean 'mnist'?"),
        ({"options": ["--set-size", "7"]}, "No cell of B's toy-localnorm-s0 batch (home) is measured"),
        ({"options": ["--results", "nowhere"]}, "There is no measured cell in 'nowhere'."),
        *[
            ({"options": ["--fail-drop", one]}, "Invalid value for '--fail-drop'")
            for one in ("-1", "inf", "nan")
        ],
    ],
)
def test_a_mistake_is_a_sentence(arguments, sentence, compare):
    code, out, err = compare(*arguments.get("options", []), a=arguments.get("a", "toy-batchnorm*"))
    assert (code, out) == (2, "")
    assert sentence in err


def test_a_csv_file_that_cannot_be_written_is_told_before_any_work(compare, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = compare("--csv", "file/rows.csv")
    assert (code, out) == (2, "")
    assert "Cannot write to 'file'" in err


def test_packed_results_lack_predictions_and_say_what_to_do(compare, measured):
    pack(measured.store, measured.store.root / "p.npz", [])
    code, out, err = compare("--results", "results/p.npz")
    assert (code, out) == (2, "")
    assert "has no predictions: packed results leave them out." in err
    assert "Read the results folder that it was packed from" in err


def test_cells_of_a_sweep_have_the_accuracies_of_their_records(trained, lnbench_here, tmp_path):
    shutil.copytree(trained / "results" / "models", tmp_path / "results" / "models")
    sweep = [
        "--model",
        "digits-[bl]*",
        "--mode",
        "frozen",
        "--mode",
        "batch",
        "--sigma",
        "0,1",
        "--limit",
        "70",
    ]
    done = lnbench_here("corrupt-eval", *sweep, "--workers", "1", "-q", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # Where the data are not decoded yet.
    fresh = ("--data", "digits", "--data-dir", "fresh")
    done = lnbench_here("compare", "digits-batchnorm*", "digits-localnorm*", "--json", *fresh, cwd=tmp_path)
    found = json.loads(done.stdout)["cells"]
    cells = load_results(tmp_path / "results").set_index("cell")
    assert [row["sigma"] for row in found] == ["0", "1"]
    for row in found:
        for name in "ab":
            assert row[f"accuracy_{name}"] == cells.loc[row[f"cell_{name}"], "accuracy"]


def test_no_network_is_touched_and_a_narrow_terminal_cuts_no_number_off(measured):
    code = (
        "import sys\n"
        "from lnbench_cli.main import app\n"
        f"where = ['--results', {str(measured.store.root)!r}, '--data-dir', {str(measured.data_dir)!r}]\n"
        "try: app(['compare', 'toy-batchnorm*', 'toy-localnorm*', *where])\n"
        "except SystemExit as ended: assert not ended.code\n"
        "print(sorted({'torch', 'matplotlib', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "50"},
    )
    assert done.stdout.splitlines()[-1] == "[]"
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("agn    1")]
    assert row[2:6] == ["60", "66.67", "46.67", "-20.00"]
    assert "\u2026" not in done.stdout
