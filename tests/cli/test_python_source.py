"""Networks that a function of the user's makes, as a user runs them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln.store.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "convert.md").read_text(encoding="utf-8")
MORE = """
print("loaded")

def raising():
    return 1 / 0

def number():
    return 3

def maps():
    return torch.nn.Conv2d(3, 2, 3)

def plain():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 2))

constant = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page's file, its weights, and images of two classes in odd sizes."""
    import torch
    from PIL import Image
    from torchvision import models

    root = tmp_path_factory.mktemp("python")
    (code,) = re.findall(r"```python\n(# nets\.py\n.*?)```", PAGE, re.DOTALL)
    (root / "nets.py").write_text(code + MORE, encoding="utf-8")
    torch.manual_seed(0)
    torch.save(models.shufflenet_v2_x0_5(num_classes=2).state_dict(), root / "mine.pth")
    drawn = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (root / "images" / split / name).mkdir(parents=True)
            for number in range(3):
                height, width = (int(side) for side in drawn.integers(20, 70, 2))
                pixels = drawn.integers(0, 256, (height, width, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / "images" / split / name / f"{number}.png")
    return root


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch):
    monkeypatch.setenv("LNBENCH_PLUGINS", "")


MEASURE = ["corrupt-eval", "--data", "folder:images", "--sigma", "0,1", "--mode", "frozen"]


def test_the_how_to_s_function_is_measured_in_workers_and_found_again(
    lnbench, lnbench_here, folder, tmp_path, monkeypatch
):
    store = ["--results", str(tmp_path / "r")]
    first = lnbench(*MEASURE, "--model", "python:nets.py:mine", "--workers", "2", *store, cwd=folder)
    assert first.returncode == 0, first.stderr
    assert "Measured 2 cells, 0 failed" in first.stderr
    (model,) = Store(tmp_path / "r").models()
    assert model.id.startswith("nets-mine-batchnorm-s0.")
    assert re.fullmatch(r"python:nets:mine@[0-9a-f]{8}", model.card["recipe"]["network"])
    assert model.card["recipe"]["preprocessing"] == {"mean": [0.5] * 3, "std": [0.25] * 3}
    assert str(folder) not in json.dumps(model.card)
    again = lnbench_here(*MEASURE, "--model", "python:nets:mine", *store, cwd=folder)
    assert "Nothing to measure" in again.stderr
    # A name in results alone runs nothing.
    monkeypatch.setenv("LNBENCH_PLUGINS", "")
    alone = lnbench_here(*MEASURE, "--model", "nets-mine*", *store, cwd=folder)
    assert alone.returncode == 2
    assert "runs only where it is named" in alone.stderr
    monkeypatch.setenv("LNBENCH_PLUGINS", "nets.py")
    one = ["--workers", "1", *store]
    named = lnbench_here(*MEASURE, "--noise", "mbn", "--model", "nets-mine*", *one, cwd=folder)
    assert named.returncode == 0, named.stderr


def test_other_weights_code_or_preparation_is_another_network(lnbench_here, folder, tmp_path):
    import torch

    code = (folder / "nets.py").read_text(encoding="utf-8")
    state = torch.load(folder / "mine.pth", weights_only=True)
    names = []
    for number, (text, change, more) in enumerate(
        (
            (code, 0, []),
            (code, 0, ["--mean", "0.25"]),
            (code + "\n# edited\n", 0, []),
            (code, 1, []),
            (code, 0, []),
        )
    ):
        own = tmp_path / str(number)
        own.mkdir()
        (own / "nets.py").write_text(text, encoding="utf-8")
        torch.save(state | {"fc.bias": state["fc.bias"] + change}, own / "mine.pth")
        done = lnbench_here(
            "convert", "python:nets.py:mine", "--groups", "2", "--dry-run", "--json", *more, cwd=own
        )
        assert done.returncode == 0, done.stderr
        names.append(json.loads(done.stdout)["models"][0]["id"])
    assert names[0] == names[4]
    assert len(set(names)) == 4


CASES = {
    "module": ("python:no_such:f", ["no module 'no_such'"]),
    "file": ("python:none.py:f", ["none.py' does not exist"]),
    "function": ("python:nets.py:mien", ["'mien'. Did you mean 'mine'"]),
    "constant": ("python:nets.py:constant", ["of type int, and no function"]),
    "raises": ("python:nets.py:raising", ["'raising'", "ZeroDivisionError", "line ", "of nets.py"]),
    "no network": ("python:nets.py:number", ["returned int in place of torch.nn.Module"]),
    "outputs": ("python:nets.py:maps", ["a tensor of (2, 2, 30, 30)", "(2, classes)"]),
    "no norm": ("python:nets.py:plain", ["has no BatchNorm2d layer"]),
    "form": ("python:nets.py", ["Write python:MODULE:FUNCTION"]),
}


@pytest.mark.parametrize(("source", "parts"), CASES.values(), ids=CASES)
def test_a_mistake_is_a_sentence_and_stores_nothing(lnbench_here, folder, tmp_path, source, parts):
    done = lnbench_here(
        *MEASURE, "--model", source, "--image-size", "32", "--results", str(tmp_path / "r"), cwd=folder
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_threshold_on_clean_images_stops_before_the_rest(lnbench_here, folder, tmp_path):
    store = ["--results", str(tmp_path / "r"), "--workers", "1", "--json"]
    command = [*MEASURE, "--model", "python:nets.py:mine", *store]
    low = lnbench_here(*command, "--min-clean", "90", cwd=folder)
    assert low.returncode == 4, low.stderr
    document = json.loads(low.stdout)
    assert (document["measured"], len(document["below"])) == (1, 1)
    assert document["clean"][0]["verdict"] == "not recorded"
    assert len(Store(tmp_path / "r").cell_ids()) == 1
    high = lnbench_here(*command, "--min-clean", "1", cwd=folder)
    assert high.returncode == 0, high.stderr
    assert json.loads(high.stdout)["below"] == []
    assert len(Store(tmp_path / "r").cell_ids()) == 2
    without = lnbench_here(*command[:3], "--sigma", "1", *command[5:], "--min-clean", "1", cwd=folder)
    assert without.returncode == 2
    assert "Add 0 to --sigma" in without.stderr


def test_the_next_command_of_a_conversion_can_be_typed(lnbench_here, folder, tmp_path):
    (tmp_path / "my nets").mkdir()
    shutil.copy(folder / "nets.py", tmp_path / "my nets" / "nets.py")
    shutil.copy(folder / "mine.pth", tmp_path)
    line = ["convert", "python:my nets/nets.py:mine", "--groups", "2", "--image-size", "32"]
    done = lnbench_here(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Next: LNBENCH_PLUGINS='my nets/nets.py' lnbench corrupt-eval --model " in done.stderr


def test_clean_cells_of_a_threshold_are_counted_where_the_shard_is_empty(lnbench_here, trained, tmp_path):
    shutil.copytree(trained / "results", tmp_path / "results")
    one = ["--model", "digits-batchnorm*", "--mode", "frozen", "--sigma", "0", "--limit", "50"]
    line = ["corrupt-eval", *one, "--workers", "1", "--shard", "2/2", "--min-clean", "0"]
    done = lnbench_here(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 cells from 0 networks, shard 2/2" in done.stderr
    assert "Measured 1 cell, 0 failed." in done.stderr
    assert "Nothing to measure." in lnbench_here(*line, cwd=tmp_path).stderr


def test_mean_without_a_source_is_a_mistake(lnbench_here, trained):
    done = lnbench_here("corrupt-eval", "--mean", "0.5", cwd=trained)
    assert done.returncode == 2
    assert "--model names none" in done.stderr
