"""`lnbench convert`, and sources in the place of stored models, as a user runs them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln.models.source_names import is_source
from robustbench_ln.store.store import Store

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "convert.md"
NAME = "torchvision:shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with images of two classes and a file of weights."""
    import torch
    from PIL import Image
    from torchvision import models

    root = tmp_path_factory.mktemp("convert")
    drawn = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (root / "images" / split / name).mkdir(parents=True)
            for number in range(3):
                pixels = drawn.integers(0, 256, (36, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / "images" / split / name / f"{number}.png")
    torch.manual_seed(0)
    network = models.shufflenet_v2_x0_5(num_classes=2)
    torch.save({"state_dict": network.state_dict()}, root / "mine.pth")
    torch.save(network, root / "pickled.pt")
    return root


FILE = ["mine.pth", "--network", NAME, "--image-size", "32", "--mean", "0.5", "--std", "0.25"]


def test_convert_measure_and_report(lnbench_here, folder, tmp_path):
    store = ["--results", str(tmp_path / "r")]
    planned = lnbench_here("convert", *FILE, "--groups", "2", "--dry-run", *store, cwd=folder)
    assert planned.returncode == 0, planned.stderr
    assert "would store: mine-localnorm-s0." in planned.stderr
    assert not (tmp_path / "r").exists()

    done = lnbench_here("convert", *FILE, "--groups", "2", *store, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Replaced 56 BatchNorm2d layers (conv1.1, " in done.stderr
    assert "with localnorm (groups=2, eps=1e-05)" in done.stderr
    assert re.search(r"Parameters: [\d,]+ before, [\d,]+ after", done.stderr)
    assert "not measured" in done.stderr
    (model,) = Store(tmp_path / "r").models()
    assert f"--model '{model.id}' --data folder:PATH --results {tmp_path / 'r'}" in done.stderr
    assert (tmp_path / "r" / "runs" / f"{model.card['how']['run_id']}.json").is_file()

    again = lnbench_here("convert", *FILE, "--groups", "2", "--json", *store, cwd=folder)
    document = json.loads(again.stdout)
    assert again.stderr == ""
    assert document["models"][0]["id"] == model.id
    assert document["models"][0]["converted_now"] is False
    assert len(document["models"][0]["replaced"]) == 56

    # The folder's images are brought to the network's own size.
    measure = [
        "corrupt-eval",
        "--model",
        "mine-*",
        "--sigma",
        "0",
        "--data",
        "folder:images",
        "--batch-size",
        "4",
    ]
    measured = lnbench_here(*measure, "--workers", "1", *store, cwd=folder)
    assert measured.returncode == 0, measured.stderr
    assert "Measured 4 cells, 0 failed" in measured.stderr
    nothing_known = lnbench_here("corrupt-eval", "--sigma", "0", *store, cwd=folder)
    assert nothing_known.returncode == 2
    assert "--data SPEC" in nothing_known.stderr
    page = lnbench_here("report", *store, cwd=folder)
    assert page.returncode == 0, page.stderr
    assert model.id in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")


def test_a_damaged_card_of_another_network_keeps_nothing_from_being_converted(lnbench_here, folder, tmp_path):
    other = tmp_path / "r" / "models" / f"other.{'a' * 12}.{'b' * 12}"
    other.mkdir(parents=True)
    (other / "model.json").write_text("{")
    done = lnbench_here("convert", *FILE, "--groups", "2", "--results", str(tmp_path / "r"), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "stored: mine-localnorm-s0." in done.stderr


def test_a_source_is_imported_as_it_is_and_found_again(lnbench_here, folder, tmp_path):
    command = ["corrupt-eval", "--model", *FILE[:5], "--data", "folder:images", "--sigma", "0"]
    command += ["--workers", "1", "--results", str(tmp_path / "r")]
    first = lnbench_here(*command, "--mode", "frozen", cwd=folder)
    assert first.returncode == 0, first.stderr
    assert "x in [0, 1] becomes (x - (0, 0, 0)) / (1, 1, 1)" in first.stderr
    assert "--mean and --std" in first.stderr
    (model,) = Store(tmp_path / "r").models()
    assert model.card["recipe"]["norm"] == "batchnorm"
    second = lnbench_here(*command, "--mode", "frozen", cwd=folder)
    assert "Nothing to measure" in second.stderr
    assert [one.id for one in Store(tmp_path / "r").models()] == [model.id]
    assert len(Store(tmp_path / "r").cell_ids()) == 1


def test_a_stored_network_converts_and_is_measured_on_its_own_data(lnbench_here, trained, tmp_path):
    import shutil

    shutil.copytree(trained / "results", tmp_path / "results")
    # The second time the pattern matches what it has made, too.
    command = ("convert", "digits-batchnorm-*s0*", "--norm", "localnorm:groups=5")
    done = lnbench_here(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # As after merging a packed file, which leaves weights out: the same command brings them again.
    (weights,) = (tmp_path / "results/models").glob("digits-batchnorm-localnorm*/weights.safetensors")
    content = weights.read_bytes()
    weights.unlink()
    assert "stored: digits-batchnorm-localnorm" in lnbench_here(*command, cwd=tmp_path).stderr
    assert weights.read_bytes() == content
    measured = lnbench_here(
        "corrupt-eval", "--model", "digits-batchnorm-localnorm*", "--sigma", "0", cwd=tmp_path
    )
    assert measured.returncode == 0, measured.stderr
    assert "4 cells from 1 network," in measured.stderr


CASES = {
    "pickle": (["convert", "pickled.pt", "--network", NAME, "--groups", "2"], ["pickled.pt", "executed"]),
    "no network": (["convert", "mine.pth", "--groups", "2"], ["--network"]),
    "missing file": (["convert", "none.pth", "--groups", "2"], ["'none.pth' does not exist"]),
    "no groups": (["convert", *FILE], ["'groups'"]),
    "groups of another norm": (["convert", *FILE, "--norm", "batchnorm", "--groups", "2"], ["'groups'"]),
    "mean of letters": (["convert", "mine.pth", "--network", NAME, "--mean", "a"], ["--mean 'a'"]),
    "empty store": (["convert", "digits-*", "--groups", "2"], ["no trained network"]),
    "option of a file": (["convert", "digits-*", "--classes", "2"], ["Leave out --classes"]),
    "other classes": (
        ["corrupt-eval", "--model", f"{NAME}:none", "--image-size", "32", "--data", "folder:images"],
        ["1000 classes", "in 2", "not on a part"],
    ),
    "network without file": (["corrupt-eval", "--network", NAME], ["names no file"]),
}


@pytest.mark.parametrize(("arguments", "parts"), CASES.values(), ids=CASES)
def test_a_mistake_is_a_sentence_and_stores_nothing(lnbench_here, folder, tmp_path, arguments, parts):
    done = lnbench_here(*arguments, "--results", str(tmp_path / "r"), cwd=folder)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
    assert not (tmp_path / "r").exists()


def test_the_how_to_s_commands_parse():
    from lnbench_cli.commands import load

    lines = re.findall(r"^    (lnbench [^#\n]*)", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        _, name, *words = shlex.split(line)
        context = load(name).make_context(name, words)
        if name == "convert":
            text = context.params["source"]
            assert is_source(text) or text.startswith("digits")


def test_the_how_to_s_conversion_of_the_embedded_data_set_runs(lnbench_here, trained, tmp_path):
    import shutil

    lines = re.findall(r"^    (lnbench [^#\n]*)", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE)
    own = [line for line in lines if "digits" in line]
    assert len(own) == 2
    shutil.copytree(trained / "results", tmp_path / "results")
    for line in own:
        done = lnbench_here(*shlex.split(line)[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
