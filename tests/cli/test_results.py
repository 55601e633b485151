"""`lnbench results`: from a sweep to one file, and back into a folder."""

from __future__ import annotations

import json
import shutil

import pytest

from robustbench_ln import load_results


@pytest.fixture(scope="module")
def swept(trained, lnbench, tmp_path_factory):
    """A folder whose `results` hold a few cells."""
    folder = tmp_path_factory.mktemp("swept")
    shutil.copytree(trained / "results", folder / "results")
    done = lnbench("corrupt-eval", "--sigma", "0,1", "--limit", "40", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_sweep_is_packed_reported_and_merged(swept, lnbench):
    done = lnbench("results", "pack", cwd=swept)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    path = swept / "results" / "results.npz"
    assert f"Packed 18 cells in {path.stat().st_size:,} bytes: results/results.npz" in done.stderr
    assert load_results(path).equals(load_results(swept / "results"))

    done = lnbench("report", "--results", "results/results.npz", "--json", cwd=swept)
    assert json.loads(done.stdout)["path"] == "results/results.html"
    (swept / "results" / "results.html").unlink()

    done = lnbench("results", "merge", "into", "results/results.npz", "results", "--json", cwd=swept)
    assert json.loads(done.stdout) == {
        "schema": 1,
        "copied": 18,
        "present": 18,
        "different": [],
        "models": 3,
        "problems": [],
    }
    # The weights came with the folder, so more can be measured.
    done = lnbench(
        "corrupt-eval", "--results", "into", "--sigma", "0:2:1", "--limit", "40", "--json", cwd=swept
    )
    assert json.loads(done.stdout)["measured"] == 9


def test_commands_that_write_refuse_a_packed_file_before_any_work(swept, lnbench):
    assert lnbench("results", "pack", "--out", "p.npz", "-q", cwd=swept).stderr == ""
    for command in ("train", "corrupt-eval"):
        done = lnbench(command, "--results", "p.npz", cwd=swept)
        assert done.returncode == 2
        assert "'p.npz' is a file: packed results are read-only." in done.stderr
    done = lnbench("results", "merge", "p.npz", "results", cwd=swept)
    assert done.returncode == 2
    assert "read-only" in done.stderr


def test_a_broken_cell_is_named_and_the_exit_code_tells(swept, lnbench, tmp_path):
    shutil.copytree(swept / "results", tmp_path / "results")
    broken = min((tmp_path / "results" / "cells").iterdir())
    (broken / "record.json").write_text("{")
    done = lnbench("results", "pack", "--select", "digits*", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == ""
    (problem,) = json.loads(done.stdout)["problems"]
    assert broken.name in problem
    done = lnbench("results", "merge", "into", "results", cwd=tmp_path)
    assert done.returncode == 3
    assert broken.name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_selection_that_matches_nothing_is_a_sentence(swept, lnbench):
    done = lnbench("results", "pack", "--select", "resnet*", "--out", "none.npz", cwd=swept)
    assert done.returncode == 2
    assert "'resnet*'" in done.stderr
    assert not (swept / "none.npz").exists()
