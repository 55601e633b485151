"""A user's mistake ends in a sentence on stderr and exit code 2; nothing is lost."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from robustbench_ln.store.store import Store

EVAL = "corrupt-eval"
CASES = {
    "unknown benchmark": (["train", "--benchmark", "digit"], ["benchmark 'digit'", "'digits'"]),
    "unknown norm": (["train", "--norm", "batchnrom"], ["norm 'batchnrom'", "'batchnorm'"]),
    "unknown norm option": (["train", "--norm", "localnorm:group=5"], ["option", "'group'", "'groups'"]),
    "norm option without number": (["train", "--norm", "localnorm:groups=x"], ["'x' is not a number"]),
    "groups that do not divide": (["train", "--norm", "localnorm:groups=7"], ["50 images", "7 groups"]),
    "no groups": (["train", "--norm", "localnorm:groups=0"], ["0 groups"]),
    "too few images": (["train", "--limit", "3"], ["3 training images", "50"]),
    "unknown data": (["train", "--data", "mnits"], ["data set 'mnits'", "'mnist'"]),
    "missing folder": (["train", "--data", "folder:nowhere"], ["nowhere'", "train/<class>"]),
    "folder without path": (["train", "--data", "folder"], ["folder:PATH"]),
    "image size for digits": (["train", "--image-size", "32"], ["fixed size", "--image-size"]),
    "zero epochs": (["train", "--epochs", "0"], ["--epochs", "1"]),
    "missing config": (["train", "--config", "none.yaml"], ["'none.yaml'", "does not exist"]),
    "unknown noise": ([EVAL, "--noise", "agm"], ["noise 'agm'", "'agn'"]),
    "unknown mode": ([EVAL, "--mode", "votign"], ["mode 'votign'", "'voting'"]),
    "unknown space": ([EVAL, "--space", "pixels"], ["space 'pixels'", "'pixel'"]),
    "unknown order": ([EVAL, "--order", "sorted"], ["order 'sorted'", "class-sorted"]),
    "unknown vote": ([EVAL, "--vote", "major"], ["vote rule 'major'", "majority"]),
    "mode that fits nothing": ([EVAL, "--mode", "eval"], ["'eval' fits none", "frozen"]),
    "unknown model": ([EVAL, "--model", "resnet*"], ["'resnet*'", "digits-localnorm"]),
    "descending sigma": ([EVAL, "--sigma", "4:0"], ["4:0", "0:4"]),
    "sigma of letters": ([EVAL, "--sigma", "a:b"], ["'a' is not a number", "START:STOP"]),
    "negative sigma": ([EVAL, "--sigma=-1:2"], ["-1 is negative"]),
    "sigma step that does not divide": ([EVAL, "--sigma", "0:1:0.3"], ["0.3", "does not divide", "0.9"]),
    "too many sigmas": ([EVAL, "--sigma", "0:4:0.001"], ["1,000 points"]),
    "probability above one": ([EVAL, "--noise", "mbn", "--sigma", "0:1.5"], ["'mbn'", "0 to 1"]),
    "clip in standardised space": ([EVAL, "--clip", "--space", "standardised"], ["--clip"]),
    "batch that does not divide": ([EVAL, "--batch-size", "7"], ["7 images", "5 groups"]),
    "data of another shape": ([EVAL, "--data", "folder:FOLDER"], ["(1, 28, 28)"]),
    "unknown option": ([EVAL, "--sigmas", "0:4"], ["--sigmas", "--sigma"]),
    "unknown command": (["rpeort"], ["rpeort", "report"]),
    "another tool's command": (["eval"], ["'eval'", "lnbench corrupt-eval"]),
    "command of a group": (["export"], ["'export'", "lnbench results export"]),
    "folder without its word": (["train", "--data", "FOLDER"], ["folder:"]),
    "source without data": ([EVAL, "--model", "torchvision:resnet18"], ["no data set is known", "--data"]),
    "source on a missing folder": (
        [EVAL, "--model", "torchvision:resnet18", "--data", "folder:/nosuch"],
        ["'/nosuch' does not exist"],
    ),
}


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory) -> Path:
    from PIL import Image

    root = tmp_path_factory.mktemp("images")
    for split in ("train", "test"):
        for name in ("a", "b"):
            (root / split / name).mkdir(parents=True)
            Image.new("RGB", (20, 20), (200, 10, 90)).save(root / split / name / "1.png")
    return root


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_a_sentence(case, trained, image_folder, lnbench_here):
    arguments, expected = CASES[case]
    before = sorted(trained.rglob("*"))
    done = lnbench_here(*(part.replace("FOLDER", str(image_folder)) for part in arguments), cwd=trained)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    said = " ".join(done.stderr.replace("│", " ").split())
    for part in expected:
        assert part in said
    assert sorted(trained.rglob("*")) == before


def test_an_error_under_json_is_json(trained, lnbench_here):
    done = lnbench_here(EVAL, "--noise", "agm", "--json", cwd=trained)
    assert (done.returncode, done.stdout) == (2, "")
    assert "agn" in json.loads(done.stderr)["error"]


def test_a_sweep_before_any_training_says_what_to_run(tmp_path, lnbench_here):
    done = lnbench_here(EVAL, cwd=tmp_path)
    assert done.returncode == 2
    assert "lnbench train" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_report_before_any_sweep_says_what_to_run(trained, lnbench_here):
    done = lnbench_here("report", cwd=trained)
    assert done.returncode == 2
    assert "lnbench corrupt-eval" in done.stderr


def test_results_that_are_a_file_are_refused_before_any_work(tmp_path, lnbench_here):
    (tmp_path / "taken").write_text("mine")
    done = lnbench_here("train", "--results", "taken", cwd=tmp_path)
    assert done.returncode == 2
    assert "taken" in done.stderr
    assert "--results" in done.stderr
    assert "epoch" not in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_results_in_a_place_that_cannot_be_made_are_refused(tmp_path, lnbench_here):
    done = lnbench_here("train", "--results", "/proc/lnbench", cwd=tmp_path)
    assert done.returncode == 2
    assert "Cannot write to '/proc/lnbench'" in done.stderr


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("benchmarks:\n  digits:\n    title: [", 3),
        ("benchmarks:\n  digits:\n    title: t\n    colour: red\n", 4),
        ("benchmarks:\n  digits:\n    title: t\n    title: u\n", 4),
        ("a: 1\n", 1),
    ],
)
def test_a_malformed_benchmarks_file_is_named_with_its_line(text, line, tmp_path, lnbench_here):
    (tmp_path / "benchmarks.yaml").write_text(text)
    done = lnbench_here("train", cwd=tmp_path)
    assert done.returncode == 2
    assert f"benchmarks.yaml:{line}:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("damage", "workers"),
    [("truncate", "1"), ("garbage", "1"), ("remove", "1"), ("swap", "1"), ("swap", "2")],
)
def test_a_damaged_checkpoint_is_named_and_the_other_networks_are_measured(
    damage, workers, trained, tmp_path, lnbench, lnbench_here
):
    shutil.copytree(trained / "results", tmp_path / "results")
    first, second = Store(tmp_path / "results").models()[:2]
    weights = first.weights
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "garbage":
        weights.write_bytes(b"\x80\x04garbage")
    elif damage == "remove":
        weights.unlink()
    else:
        shutil.copy(second.weights, weights)
    command = lnbench_here if workers == "1" else lnbench
    done = command(EVAL, "--sigma", "0", "--limit", "50", "--workers", workers, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert str(weights.relative_to(tmp_path)) in done.stderr
    assert "lnbench train" in done.stderr
    assert "Traceback" not in done.stderr
    store = Store(tmp_path / "results")
    assert {store.identity(cell)["model"]["id"] for cell in store.cell_ids()} == {
        model.id for model in store.models()
    } - {first.id}
    failed = store.failure_records().values()
    assert {record["identity"]["model"]["id"] for record in failed} == {first.id}
    assert all(weights.name in record["reason"] for record in failed)


def test_weights_that_change_between_two_sweeps_of_one_process_are_read_again(
    trained, tmp_path, lnbench_here
):
    shutil.copytree(trained / "results", tmp_path / "results")
    first, second = Store(tmp_path / "results").models()[:2]
    sweep = partial(lnbench_here, EVAL, "--limit", "50", "--workers", "1", cwd=tmp_path)
    assert sweep("--sigma", "0").returncode == 0
    shutil.copy(second.weights, first.weights)
    done = sweep("--sigma", "1")
    assert done.returncode == 3, done.stderr
    assert f"Remove 'results/models/{first.id}'" in done.stderr


def test_mnist_that_is_not_there_is_a_sentence(trained, lnbench_here, tmp_path, monkeypatch):
    # No network in tests: a proxy that refuses stands for the machine without one.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    done = lnbench_here("train", "--benchmark", "mnist", "--data-dir", str(tmp_path / "d"), cwd=trained)
    assert done.returncode == 2, done.stderr
    assert "mnist" in done.stderr
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
