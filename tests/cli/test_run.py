"""`lnbench run` and `lnbench list`, as a user types them."""

from __future__ import annotations

import json
import subprocess
import textwrap

import pytest

from tests.cli.conftest import LNBENCH

FILE = textwrap.dedent(
    """\
    benchmarks:
      toy:
        title: Toy
        data: digits
        network: mnist-net
        norms:
          localnorm: {groups: 5}
        train: {epochs: 1, batch_size: 50, learning_rate: 0.002}
        train_images: 100
        test_images: 50
    experiments:
      fig:
        paper: Fig 0
        title: A figure
        figure: curves
        benchmarks: [toy]
        sweeps:
          - {noise: agn, reading: text, sigma: "0,1", modes: [batch]}
        claims:
          - {id: a, rule: value, text: a number, of: {norm: localnorm, noise: agn}, sigma: 1, paper: 44.67}
    """
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "benchmarks.yaml").write_text(FILE)
    return tmp_path


def test_a_closed_stream_is_no_defect(folder, environment):
    command = f"{LNBENCH} list --json >&-"
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_size_of_a_benchmark_is_not_asked_of_data_without_one(folder, lnbench_here):
    (folder / "benchmarks.yaml").write_text(
        FILE.replace("test_images: 50", "test_images: 50\n    image_size: 32")
    )
    done = lnbench_here("train", "--benchmark", "toy", "--dry-run", cwd=folder)
    assert done.returncode == 0, done.stderr


def test_titles_are_only_text(folder, lnbench_here):
    hostile = FILE.replace("A figure", "'of [a], [red] and [/nope]'").replace("Fig 0", "'Fig [b]'")
    (folder / "benchmarks.yaml").write_text(hostile)
    for given in ([], ["--preset", "paper"]):
        listed = lnbench_here("list", *given, cwd=folder).stdout
        assert "Fig [b]" in listed
        assert "of [a], [red] and [/nope]" in listed


def test_a_cell_that_cannot_be_read_is_told_by_the_list(folder, lnbench_here):
    lnbench_here("run", "fig", "--quiet", cwd=folder)
    record = next((folder / "results" / "cells").glob("*-1-*")) / "record.json"
    record.write_text("", encoding="utf-8")
    listed = lnbench_here("list", cwd=folder)
    assert "1/2" in listed.stdout
    assert "not a readable record" in listed.stderr
    assert "Warning" not in listed.stderr


def test_an_item_is_told_estimated_run_and_found_finished(folder, lnbench_here):
    told = json.loads(lnbench_here("list", "--json", cwd=folder).stdout)
    (item,) = told["experiments"]
    assert (item["name"], item["paper"], item["claims"][0]["rule"]) == ("fig", "Fig 0", "value")
    assert (item["paper_values"][0]["paper"], item["paper_values"][0]["sigma"]) == (44.67, 1)
    assert item["state"] == [
        {
            "benchmark": "toy",
            "preset": "paper",
            "networks": 0,
            "networks_asked": 1,
            "cells": 0,
            "cells_asked": 2,
        }
    ]
    planned = json.loads(lnbench_here("run", "fig", "--dry-run", "--json", cwd=folder).stdout)
    assert (planned["trainings"], planned["cells"], planned["obstacles"]) == (1, 2, {})
    assert not (folder / "results").exists()
    done = lnbench_here("run", "fig", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["trained"], outcome["measured"], outcome["complete"], outcome["failed"]) == (
        1,
        2,
        True,
        {},
    )
    assert "Fig 0" in (folder / "results" / "paper.html").read_text()
    again = json.loads(lnbench_here("run", "all", "--json", cwd=folder).stdout)
    assert (again["trained"], again["measured"]) == (0, 0)
    listed = lnbench_here("list", cwd=folder)
    assert "1/1" in listed.stdout
    assert "2/2" in listed.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run", "figg"], "'fig'"),
        (["run", "fig", "--preset", "quik"], "paper"),
        (["run", "fig", "--reading", "txt"], "text"),
        (["run", "fig", "--data", "digits"], "NAME=SPEC"),
        (["run", "fig", "--data", "digits=cifra"], "cifar10"),
        (["run", "fig", "--benchmark", "mnist"], "toy"),
        (["run", "fig", "--device", "cuda"], "--device cpu"),
    ],
)
def test_a_mistake_is_a_sentence(arguments, part, folder, lnbench_here):
    done = lnbench_here(*arguments, cwd=folder)
    assert done.returncode in (2, 3)
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_data_that_are_missing_are_named_and_the_rest_is_done(folder, lnbench_here):
    other = FILE.replace("benchmarks: [toy]", "benchmarks: [toy, gone]").replace(
        "experiments:", "  gone:\n    like: toy\n    data: folder:/nowhere/at/all\nexperiments:"
    )
    (folder / "benchmarks.yaml").write_text(other)
    done = lnbench_here("run", "fig", "--json", cwd=folder)
    assert done.returncode == 3
    outcome = json.loads(done.stdout)
    assert (outcome["trained"], list(outcome["failed"])) == (1, ["gone"])
    assert "/nowhere/at/all" in done.stderr
