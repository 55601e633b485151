"""`lnbench list`, `show`, `results ls` and `results export`: what there is, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import shutil

import pytest

from robustbench_ln import load_results
from robustbench_ln.modes import MODES
from robustbench_ln.noise import NOISES
from robustbench_ln.norms.registry import NORMS


@pytest.fixture(scope="module")
def measured(trained, lnbench, tmp_path_factory):
    """A folder whose results hold three networks, measured in every mode at two sigmas."""
    folder = tmp_path_factory.mktemp("measured")
    shutil.copytree(trained / "results", folder / "results")
    done = lnbench("corrupt-eval", "--sigma", "0,1", "--limit", "100", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def rows(run, kind, *more, cwd):
    done = run("list", kind, *more, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[kind]


@pytest.mark.parametrize(("kind", "known"), [("norms", NORMS), ("noises", NOISES), ("modes", MODES)])
def test_whatever_a_registry_holds_is_listed(kind, known, lnbench_here, tmp_path):
    assert {row["name"] for row in rows(lnbench_here, kind, cwd=tmp_path)} == set(known)
    shown = lnbench_here("list", kind, cwd=tmp_path).stdout
    assert all(name in shown for name in known)


def test_models_are_listed_with_their_clean_accuracy_in_the_home_mode(measured, lnbench_here):
    found = rows(lnbench_here, "models", cwd=measured)
    cells = load_results(measured / "results")
    assert len(found) == 3
    for row in found:
        mode = NORMS[row["norm"]].home_mode
        one = cells[(cells["model"] == row["name"]) & (cells["mode"] == mode) & (cells["sigma"] == 0)]
        assert row["clean_accuracy"] == one["accuracy"].item()
        assert row["cells"] == (cells["model"] == row["name"]).sum()
        assert row["weights"] is True
    shown = lnbench_here("list", "models", "--select", "*localnorm*", cwd=measured)
    assert "digits-localnorm" in shown.stdout
    assert "digits-batchnorm" not in shown.stdout


def test_what_cannot_be_listed_is_a_sentence(measured, lnbench_here):
    for line, said in (
        (["list", "norm"], "Did you mean 'norms'?"),
        (["list", "norms", "--select", "batchnrm"], "Did you mean 'batchnorm'?"),
        (["list", "norms", "--select", "z*"], "No name among the norms matches 'z*'"),
        (["list", "norms", "--preset", "quick"], "--preset applies only to lnbench list experiments"),
        (["list", "--select", "fg7"], "Did you mean 'fig7'?"),
    ):
        done = lnbench_here(*line, cwd=measured)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in " ".join(done.stderr.split())


def test_of_experiments_the_chosen_ones_are_listed(measured, tmp_path, lnbench_here):
    for folder in (measured, tmp_path):
        shown = lnbench_here("list", "--select", "fig8*", cwd=folder).stdout
        assert [line.split()[0] for line in shown.splitlines()[1:]] == [f"fig8{part}" for part in "abcdef"]


def test_a_network_is_shown_by_the_beginning_of_its_name(measured, lnbench_here):
    done = lnbench_here("show", "digits-localnorm", "--json", cwd=measured)
    document = json.loads(done.stdout)
    assert document["kind"] == "model"
    content = document["content"]
    assert content["recipe"]["norm_options"]["groups"] == 5
    assert [row["epoch"] for row in content["history"]] == ["1"]
    assert content["run"]["command"].startswith("lnbench train --epochs 1")
    shown = lnbench_here("show", "digits-localnorm", cwd=measured).stdout
    assert "recipe.norm_options.groups" in shown


def test_a_cell_is_shown_with_its_counts_interval_and_command(measured, lnbench_here):
    cells = load_results(measured / "results")
    for _, cell in cells.iloc[::5].iterrows():
        document = json.loads(lnbench_here("show", cell["cell"], "--json", cwd=measured).stdout)
        content = document["content"]
        assert (document["kind"], document["name"]) == ("cell", cell["cell"])
        assert content["counts"]["correct"] == cell["correct"]
        assert content["accuracy"] == cell["accuracy"]
        assert content["interval"] == [cell["low"], cell["high"]]
        assert content["run"]["command"] == "lnbench corrupt-eval --sigma 0,1 --limit 100"
        assert content["where"] == f"results/cells/{cell['cell']}"


def test_what_cannot_be_shown_is_a_sentence(measured, tmp_path, lnbench_here):
    done = lnbench_here("show", "digits", cwd=measured)
    assert done.returncode == 2
    assert "3 cells and models" in done.stderr
    done = lnbench_here("show", "digits-lokalnorm", cwd=measured)
    assert "Did you mean 'digits-localnorm-s0'?" in " ".join(done.stderr.split())
    for name in ("", "*", "x"):
        assert lnbench_here("show", name, cwd=tmp_path).returncode == 2


def test_a_damaged_cell_is_named_and_the_others_are_listed(measured, tmp_path, lnbench_here):
    shutil.copytree(measured / "results", tmp_path / "results")
    broken = min((tmp_path / "results/cells").iterdir())
    (broken / "record.json").write_text("{")
    assert broken.name in " ".join(lnbench_here("show", broken.name, cwd=tmp_path).stderr.split())
    done = lnbench_here("results", "ls", cwd=tmp_path)
    assert done.returncode == 0
    assert broken.name in " ".join(done.stderr.split())
    assert len(rows(lnbench_here, "models", cwd=tmp_path)) == 3


def test_contents_count_every_cell_once(measured, lnbench_here):
    cells = load_results(measured / "results")
    document = json.loads(lnbench_here("results", "ls", "--json", cwd=measured).stdout)
    assert sum(row["cells"] for row in document["contents"]) == document["cells"] == len(cells)
    assert {row["mode"] for row in document["contents"]} == set(cells["mode"])
    one = json.loads(
        lnbench_here("results", "ls", "--mode", "batch", "--select", "*local*", "--json", cwd=measured).stdout
    )
    (row,) = one["contents"]
    chosen = cells[(cells["norm"] == "localnorm") & (cells["mode"] == "batch")].sort_values("sigma")
    assert row["clean"] == chosen["accuracy"].iloc[0]
    assert row["lowest"] == chosen["accuracy"].min()
    assert (row["sigmas"], row["largest"]) == (2, 1.0)
    packed = lnbench_here("results", "pack", "--out", "one.npz", cwd=measured)
    assert packed.returncode == 0
    again = json.loads(lnbench_here("results", "ls", "--results", "one.npz", "--json", cwd=measured).stdout)
    assert again["contents"] == document["contents"]


def test_exported_cells_are_those_of_load_results(measured, lnbench_here):
    cells = load_results(measured / "results")
    text = lnbench_here("results", "export", cwd=measured).stdout
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["cell"] for row in read] == list(cells["cell"])
    assert [float(row["accuracy"]) for row in read] == list(cells["accuracy"])
    told = json.loads(lnbench_here("results", "export", "--format", "json", cwd=measured).stdout)
    assert [row["correct"] for row in told["rows"]] == list(cells["correct"])
    done = lnbench_here("results", "export", "--sigma", "1", "--out", "one.csv", cwd=measured)
    assert (done.returncode, done.stdout) == (0, "")
    kept = list(csv.DictReader(io.StringIO((measured / "one.csv").read_text())))
    assert {row["sigma"] for row in kept} == {"1.0"}


def test_curves_for_a_paper_have_a_column_a_sigma(measured, lnbench_here):
    cells = load_results(measured / "results")
    line = ["results", "export", "--table", "curves", "--mode", "batch", "--format"]
    markdown = lnbench_here(*line, "markdown", cwd=measured).stdout.splitlines()
    assert markdown[0] == "| norm | groups | noise | mode | seeds | 0 | 1 |"
    first = cells[(cells["norm"] == "batchnorm") & (cells["mode"] == "batch") & (cells["sigma"] == 0)].iloc[0]
    half = 50 * (first["high"] - first["low"])
    assert f"| {100 * first['accuracy']:.2f} ± {half:.2f} |" in markdown[2]
    latex = lnbench_here(*line, "latex", cwd=measured).stdout
    assert latex.count(r"\\") == len(markdown) - 1
    assert all(rule in latex for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


def test_what_cannot_be_exported_is_a_sentence(measured, lnbench_here):
    for line, said in (
        (["--format", "cvs"], "Did you mean 'csv'?"),
        (["--table", "curve"], "Did you mean 'curves'?"),
        (["--format", "parquet"], "--out FILE"),
        (["--select", "nothing"], "matches 'nothing'"),
        (["--noise", "ang"], "Did you mean 'agn'?"),
        (["--sigma", "4:0"], "Write 0:4 instead"),
    ):
        done = lnbench_here("results", "export", *line, cwd=measured)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in " ".join(done.stderr.split()), done.stderr
