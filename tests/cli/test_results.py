"""`lnbench results`: from a folder to one file, and back; in this process, since nothing is measured."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys

import numpy as np
import pytest
from lnbench_cli import main as cli

from robustbench_ln import load_results
from robustbench_ln.identity import content_hash
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import Counts


@pytest.fixture(autouse=True)
def handlers_come_back():
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command in a folder of its own; return its exit code, stdout, and stderr on one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LNBENCH_RESULTS", raising=False)

    def run_command(*arguments):
        monkeypatch.setattr(sys, "argv", ["lnbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, re.sub(r"\s+", " ", said.err)

    return run_command


@pytest.fixture
def results(tmp_path):
    """A store with three cells of one model."""
    store = Store(tmp_path / "results")
    for sigma in ("0", "1", "2"):
        identity = {
            "model": {"id": "m.a.b", "benchmark": "b", "network": "n", "norm": "none", "norm_options": {}}
            | {"seed": 0, "preprocessing": {}},
            "data": {"name": "d", "split": "test", "checksum": "c", "limit": None},
            "noise": {"name": "agn", "sigma": sigma, "clip": False, "rescale": False, "space": "pixel"},
            "mode": {"name": "eval", "vote": None},
            "coupling": None,
            "seed": 0,
            "protocol": 1,
            "dtype": "float32",
        }
        counts = Counts(np.diag([5, 5]), np.repeat([0, 1], 5))
        store.publish_cell(f"none-eval-agn-{sigma}-{content_hash(identity)}", identity, counts, {"host": "h"})
    return store.root


def test_results_are_packed_and_merged(run, results):
    code, out, err = run("results", "pack")
    path = results / "results.npz"
    assert (code, out) == (0, "")
    assert err.strip() == f"Packed 3 cells in {path.stat().st_size:,} bytes: results/results.npz"
    assert load_results(path).equals(load_results(results))
    code, out, err = run("results", "merge", "into", "results/results.npz", "results", "--json")
    expected = {"schema": 1, "copied": 3, "present": 3, "different": [], "models": 0, "problems": []}
    assert (code, json.loads(out), err) == (0, expected, "")
    assert load_results("into").equals(load_results(results))
    code, out, err = run("results", "merge", "into", "results")
    assert err.strip() == "Copied 0 cells and 0 networks; already there: 3 cells."


def test_json_tells_where_the_file_is(run, results, tmp_path):
    code, out, err = run("results", "pack", "--select", "m", "--out", "some/p.npz", "--json")
    size = (tmp_path / "some" / "p.npz").stat().st_size
    expected = {"path": "some/p.npz", "cells": 3, "models": 0, "bytes": size, "problems": []}
    assert (code, json.loads(out), err) == (0, {"schema": 1, **expected}, "")


def test_commands_that_write_refuse_a_packed_file_before_any_work(run, results):
    assert run("results", "pack", "--out", "p.npz", "-q") == (0, "", "")
    for command in (["train", "--results", "p.npz"], ["corrupt-eval", "--results", "p.npz"],
                    ["results", "merge", "p.npz", "results"]):  # fmt: skip
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        assert "'p.npz' is a file: packed results are read-only." in err


def test_a_broken_cell_is_named_and_the_exit_code_tells(run, results):
    broken = min((results / "cells").iterdir())
    (broken / "record.json").write_text("{")
    code, out, err = run("results", "pack", "--json")
    assert (code, err) == (3, "")
    (problem,) = json.loads(out)["problems"]
    assert broken.name in problem
    for command in (["results", "pack", "--quiet"], ["results", "merge", "into", "results"]):
        code, out, err = run(*command)
        assert (code, out) == (3, "")
        assert broken.name in err


def test_cells_with_other_counts_are_counted(run, results, tmp_path):
    shutil.copytree(results, tmp_path / "other")
    cell = min((tmp_path / "other" / "cells").iterdir())
    identity = json.loads((cell / "record.json").read_text())["identity"]
    shutil.rmtree(cell)
    Store(tmp_path / "other").publish_cell(cell.name, identity, Counts(np.array([[9, 1], [0, 0]]), None), {})
    code, out, err = run("results", "merge", "results", "other")
    assert (code, out) == (0, "")
    assert f"Cells already there with other counts, which are kept: 1 ({cell.name})." in err


def test_verify_says_what_is_wrong_and_gc_what_it_removes(run, results):
    whole = "Read 0 models, 3 cells, 0 runs, 0 failures: nothing is wrong; remarks: 1."
    code, out, err = run("results", "verify")
    assert (code, err.strip()) == (0, whole)
    assert out == "remark: models/m.a.b: It is not there, but named by 3 cells.\n"
    left = results / f"cells/.half.{'0' * 32}"
    left.write_bytes(b"12345")
    broken = min((results / "cells").glob("[!.]*"))
    (broken / "arrays.npz").unlink()
    code, out, err = run("results", "verify", "--quiet")
    assert (code, err) == (3, "")
    assert out.startswith(f"wrong: cells/{broken.name}: 'cells/{broken.name}/arrays.npz' cannot be read")
    assert "Remove it; the next lnbench corrupt-eval measures the cell again." in out
    code, out, err = run("results", "verify", "--json")
    document = json.loads(out)
    assert (code, err) == (3, "")
    assert document["read"] == {"models": 0, "cells": 3, "runs": 0, "failures": 0}
    assert [one["where"] for one in document["wrong"]] == [f"cells/{broken.name}"]
    assert [one["where"] for one in document["remarks"]] == ["models/m.a.b", f"cells/{left.name}"]

    code, out, err = run("results", "gc", "--older-than", "0", "--dry-run")
    assert (code, out) == (0, f"results/cells/{left.name}\n")
    assert err.strip() == "Would remove 1 leftover, 5 bytes; kept 0."
    code, out, err = run("results", "gc", "--json")
    kept = {"removed": [], "kept": [f"results/cells/{left.name}"], "bytes": 0, "dry_run": False}
    assert (code, json.loads(out), err) == (0, {"schema": 1, **kept}, "")
    code, out, err = run("results", "gc", "--older-than", "0", "--trainings")
    assert (code, err.strip()) == (0, "Removed 1 leftover, 5 bytes; kept 0.")
    assert not left.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["verify", "--results", "nowhere"], "There are no results at 'nowhere'."),
        (["gc", "--results", "nowhere"], "There is no results folder 'nowhere'."),
        (["pack", "--select", "resnet*", "--out", "none.npz"], "No model in 'results' matches 'resnet*'."),
        (["pack", "--results", "nowhere"], "There is nothing to pack: 'nowhere' holds no measured cell"),
        (["ls", "--results", "nowhere"], "There are no results at 'nowhere'."),
        (["export", "--results", "nowhere"], "There are no results at 'nowhere'."),
        (["export", "--sigma", "0,9"], "Sigma 9 was not measured in 'results'."),
        (["pack", "--results", "nowhere.npz"], "There is no file 'nowhere.npz'."),
        (["merge", "into", "nowhere"], "There are no results in 'nowhere'."),
    ],
)
def test_a_mistake_is_a_sentence_and_writes_nothing(arguments, sentence, run, results, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run("results", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("named", [".", "..", "folder", "device"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("results export", "--out"),
        ("results pack", "--out"),
        ("report", "--out"),
        ("compare one two", "--csv"),
    ],
)
def test_a_file_that_is_something_else_is_a_sentence(command, option, named, run, results, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/null")
    before = sorted(tmp_path.rglob("*"))
    code, _, err = run(*command.split(), "--results", str(results), option, named)
    assert code == 2
    assert re.match(r"Error: '\S+' is a (folder|device)", err)
    assert err.rstrip().endswith(f"{option} FILE.")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_in_a_place_that_cannot_be_written_is_a_sentence(run, results):
    code, _, err = run("results", "export", "--results", str(results), "--out", "/proc/table.csv")
    assert (code, err.startswith("Error: Cannot write to '/proc'")) == (2, True)
