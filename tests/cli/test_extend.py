"""Norms and noises of the user's own: the how-to's code runs as written, and what is broken is a sentence."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from robustbench_ln import load_results

#: What it is measured against is made once, by one of the processes that run tests.
pytestmark = pytest.mark.xdist_group("extend")

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "extend.md").read_text(encoding="utf-8")
LINES = re.findall(r"^    (lnbench [^#\n]*)", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def mine():
    """The page's file."""
    (code,) = re.findall(r"```python\n(# mine\.py\n.*?)```", PAGE, re.DOTALL)
    return code


def counts(folder):
    table = load_results(folder / "results")
    return sorted(zip(table["cell"], table["correct"], strict=True))


@pytest.fixture(scope="module")
def measured(lnbench, mine, tmp_path_factory):
    """A folder in which the page's commands were run as they stand there."""
    folder = tmp_path_factory.mktemp("extend")
    (folder / "mine.py").write_text(mine, encoding="utf-8")
    (variable,) = re.findall(r"export (LNBENCH_PLUGINS)=(\S+)", PAGE)
    assert len(LINES) == 3
    for line in LINES:
        done = lnbench(*shlex.split(line)[1:], cwd=folder, env=dict([variable]))
        assert done.returncode == 0, done.stderr
    return folder


def test_the_how_to_s_code_and_commands_run_as_written(measured):
    table = load_results(measured / "results")
    assert sorted(table["sigma"]) == [0, 0.5]
    assert re.fullmatch(r"rmsnorm@[0-9a-f]{8}", table["norm"].iloc[0])
    assert re.fullmatch(r"stripes@[0-9a-f]{8}", table["noise"].iloc[0])
    assert set(table["mode"]) == {"eval"}
    page = (measured / "results" / "report.html").read_text(encoding="utf-8")
    assert table["noise"].iloc[0] in page
    record = min((measured / "results" / "runs").glob("*.json"))
    assert json.loads(record.read_text(encoding="utf-8"))["plugins"] == ["mine.py"]


def test_workers_and_batches_change_no_count(lnbench, measured, tmp_path):
    import shutil

    shutil.copytree(measured / "results" / "models", tmp_path / "results" / "models")
    env = {"LNBENCH_PLUGINS": str(measured / "mine.py")}
    again = ["corrupt-eval", "--noise", "stripes", "--sigma", "0,0.5", "--batch-size", "7", "--workers", "2"]
    done = lnbench(*again, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert counts(tmp_path) == counts(measured)


def test_another_version_has_other_names_and_is_never_taken_for_the_old_one(
    lnbench, measured, mine, tmp_path
):
    import shutil

    shutil.copytree(measured / "results", tmp_path / "results")
    (tmp_path / "mine.py").write_text(mine.replace("eps=1e-5", "eps=1e-3"), encoding="utf-8")
    env = {"LNBENCH_PLUGINS": "mine.py"}
    trained = lnbench(*shlex.split(LINES[0])[1:], cwd=tmp_path, env=env)
    assert trained.returncode == 0, trained.stderr
    # Without a name the old network is left out with a sentence; its cells stay as they are.
    done = lnbench("corrupt-eval", "--noise", "stripes", "--sigma", "0,0.5", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"Left out model 'digits-rmsnorm@.*needs norm 'rmsnorm@\w{8}', but '.*mine\.py' has", done.stderr
    )
    table = load_results(tmp_path / "results")
    assert table["noise"].nunique() == table["norm"].nunique() == 2
    assert set(counts(measured)) < set(counts(tmp_path))


BROKEN = {
    "raises": ("1 / 0\n", "ZeroDivisionError: division by zero (line 1 of broken.py)"),
    "does not parse": ("def (:\n", "SyntaxError"),
    "leaves": ("import sys\nsys.exit(0)\n", "SystemExit"),
    "has a built-in name": (
        "from robustbench_ln import register_noise\n@register_noise('agn')\ndef f(x, s, u): return x\n",
        "broken.py' has the name of the built-in noise 'agn'",
    ),
    "is not there": (None, "does not exist"),
}


@pytest.mark.parametrize(("code", "part"), BROKEN.values(), ids=BROKEN)
def test_broken_code_is_a_sentence_and_stops_only_what_asks_for_it(
    lnbench_here, trained, tmp_path, monkeypatch, code, part
):
    if code is not None:
        (tmp_path / "broken.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("LNBENCH_PLUGINS", str(tmp_path / "broken.py"))
    store = ["--results", str(trained / "results"), "--dry-run"]
    fine = lnbench_here("corrupt-eval", "--noise", "agn", "--sigma", "0", *store, cwd=tmp_path)
    assert fine.returncode == 0, fine.stderr
    asked = lnbench_here("corrupt-eval", "--noise", "mine", "--sigma", "0", *store, cwd=tmp_path)
    assert asked.returncode == 2
    assert part in asked.stderr
    assert "Traceback" not in asked.stderr


def package(folder, name, points, code):
    """Lay out an installed package as pip does."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    (folder / f"{name}.py").write_text(code)


def test_entry_points_are_listed_without_import_and_loaded_when_asked_for(lnbench, trained, tmp_path):
    site = tmp_path / "site"
    shine = (
        "from robustbench_ln import register_noise\n"
        "@register_noise('shine', draws='none', version='2')\n"
        "def shine(x, sigma, nothing): return x + sigma\n"
    )
    package(site, "shiny", "[robustbench_ln.noises]\nshine = shiny:shine\n", shine)
    package(site, "sick", "[robustbench_ln.norms]\nill = sick\nbatchnorm = sick\n", "import no_such_thing\n")
    package(site, "empty", "[robustbench_ln.noises]\nnothing = empty\n", "")
    env = {"PYTHONPATH": str(site)}
    for kind, said in (
        ("noises", "noise shine: from package shiny"),
        ("norms", "norm ill: from package sick"),
        ("norms", "'batchnorm' of package 'sick' has the name of the built-in norm"),
    ):
        listed = lnbench("list", kind, cwd=tmp_path, env=env)
        assert listed.returncode == 0, listed.stderr
        assert said in listed.stderr
    store = ["--results", str(trained / "results"), "--dry-run"]
    for noise, code, part in (
        ("shine", 0, "cells from"),
        ("nothing", 2, "of package 'empty' is not registered by 'empty'"),
    ):
        done = lnbench("corrupt-eval", "--noise", noise, "--sigma", "0", *store, cwd=tmp_path, env=env)
        assert done.returncode == code, done.stderr
        assert part in done.stderr
    ill = lnbench("train", "--norm", "ill", "--dry-run", cwd=tmp_path, env=env)
    assert ill.returncode == 2
    assert "'ill' of package 'sick' cannot be loaded: ModuleNotFoundError" in ill.stderr
