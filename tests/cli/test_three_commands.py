"""The three commands of the README, without an option, in an empty folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln import load_results

#: Trained once, in whichever worker of the tests takes it.
pytestmark = pytest.mark.xdist_group("three commands")
COMMANDS = (("train",), ("corrupt-eval", "--noise", "agn", "--sigma", "0:4"), ("report",))
HOME_MODE = {"batchnorm": "frozen", "switchnorm": "frozen", "localnorm": "batch"}


@pytest.fixture(scope="module")
def finished(lnbench, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer")
    for command in COMMANDS:
        done = lnbench(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    return folder


def test_every_network_has_learned_the_digits_in_its_home_mode(finished):
    cells = load_results(finished / "results")
    clean = cells[cells["sigma"] == 0]
    for norm, mode in HOME_MODE.items():
        (accuracy,) = clean[(clean["norm"] == norm) & (clean["mode"] == mode)]["accuracy"]
        assert accuracy >= 0.96, f"{norm}: {accuracy}"


def test_every_mode_is_measured_at_nine_sigmas(finished):
    cells = load_results(finished / "results")
    assert cells.groupby(["norm", "mode"]).size().to_dict() == {
        ("batchnorm", "batch"): 9,
        ("batchnorm", "frozen"): 9,
        ("batchnorm", "single"): 9,
        ("localnorm", "batch"): 9,
        ("localnorm", "single"): 9,
        ("localnorm", "single-voting"): 9,
        ("localnorm", "voting"): 9,
        ("switchnorm", "batch"): 9,
        ("switchnorm", "frozen"): 9,
    }


def test_every_confusion_matrix_sums_to_the_number_of_test_images(finished):
    paths = sorted((finished / "results" / "cells").glob("*/arrays.npz"))
    assert len(paths) == 81
    true_counts = set()
    for path in paths:
        with np.load(path) as arrays:
            record = json.loads((path.parent / "record.json").read_text())
            assert arrays["confusion"].sum() == record["counts"]["images"] == 497
            assert np.trace(arrays["confusion"]) == record["counts"]["correct"]
            assert len(arrays["predictions"]) == 497
            true_counts.add(tuple(arrays["confusion"].sum(1)))
    assert len(true_counts) == 1


def test_the_page_is_written(finished):
    assert (finished / "results" / "report.html").read_text().lower().startswith("<!doctype html>")


def test_a_second_time_nothing_is_computed_written_or_imported(finished, environment):
    def files() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in sorted(finished.rglob("*"))}

    before = files()
    for command in COMMANDS:
        script = (
            "import sys; from lnbench_cli.main import main\n"
            f"sys.argv = ['lnbench', *{command!r}]\n"
            "try: main()\n"
            "except SystemExit as end: code = end.code\n"
            "else: code = 0\n"
            "print(code, sorted({'torch', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=finished,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() in ("0 []", "None []"), (command, done.stdout, done.stderr)
    assert files() == before


def test_json_is_one_document_on_stdout(finished, lnbench):
    for command in COMMANDS:
        done = lnbench(*command, "--json", cwd=finished)
        assert done.returncode == 0
        assert json.loads(done.stdout)["schema"] == 1
        assert done.stderr == ""
