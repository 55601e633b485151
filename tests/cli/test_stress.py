"""`lnbench stress` and repeats, as a user types them."""

from __future__ import annotations

import json
import shutil

import pytest

from robustbench_ln import load_results


@pytest.fixture
def folder(trained, tmp_path):
    shutil.copytree(trained / "results" / "models", tmp_path / "results" / "models")
    shutil.copytree(trained / "results" / "runs", tmp_path / "results" / "runs")
    return tmp_path


SMALL = ("--limit", "60", "--workers", "1")


def test_a_stress_test_goes_on_where_it_stopped_and_tells_its_spread(folder, lnbench_here):
    command = (
        "stress", "--model", "*batchnorm*", "--mode", "batch", "--mode", "frozen", "--set-size", "1",
        "--set-size", "8", "--order", "shuffled", "--order", "class-sorted", "--order-seeds", "0,1", *SMALL,
    )  # fmt: skip
    planned = json.loads(lnbench_here(*command, "--dry-run", "--json", cwd=folder).stdout)
    # Two sizes: two seeds of a random order, one of the sorted one; and frozen once.
    assert (planned["planned"], planned["todo"]) == (2 * 3 + 1, 7)
    assert load_results(folder / "results").empty
    done = lnbench_here(*command, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["measured"], told["failed"]) == (7, 0)
    by_mode = {one["mode"]: one for one in told["modes"]}
    cells = load_results(folder / "results")
    assert not by_mode["frozen"]["coupled"]
    for point in by_mode["batch"]["points"]:
        own = cells[(cells["order"] == point["order"]) & (cells["set_size"] == point["set_size"])]
        assert point["accuracy"] == pytest.approx(own["accuracy"].mean())
        assert point["seeds"] == len(own) == (1 if point["order"] == "class-sorted" else 2)
    again = lnbench_here(*command, cwd=folder)
    assert "7 of them already measured" in again.stderr
    assert "no other test image is used" in again.stdout
    assert "class-sorted" in again.stdout


def test_repeats_are_measured_once_each(folder, lnbench_here):
    command = ("corrupt-eval", "--sigma", "1", "--noise-seeds", "0:1", "--order-seeds", "3,4", *SMALL)
    done = lnbench_here(*command, "--mode", "batch", "--mode", "frozen", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    # Mode batch of three norms with four pairs of seeds, mode frozen of two with two noise seeds.
    assert json.loads(done.stdout)["measured"] == 3 * 4 + 2 * 2
    cells = load_results(folder / "results")
    batch = cells[(cells["mode"] == "batch") & (cells["norm"] == "localnorm")]
    assert sorted(zip(batch["noise_seed"], batch["order_seed"], strict=True)) == [
        (0, 3),
        (0, 4),
        (1, 3),
        (1, 4),
    ]
    assert cells[cells["mode"] == "frozen"]["order_seed"].isna().all()
    assert cells["ece"].notna().all()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("stress", "--order", "sorted"), "order"),
        (("stress", "--mode", "voting", "--model", "*batchnorm*"), "fits none"),
        (("corrupt-eval", "--noise-seeds", "-1"), "names no seeds"),
        (("corrupt-eval", "--train-seeds", "9"), "training seed 9"),
        (("corrupt-eval", "--mode", "blend"), "alpha or prior"),
        (("train", "--train-seeds", "a"), "names no seeds"),
    ],
)
def test_a_mistake_is_a_sentence(folder, lnbench_here, arguments, problem):
    done = lnbench_here(*arguments, *(() if arguments[0] == "train" else SMALL), cwd=folder)
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "results" / "cells").exists()
