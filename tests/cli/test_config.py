"""`lnbench config`: each setting with its line, mistakes with theirs, and a file to begin with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.benchmarks.resolved import DEFAULT, resolve

TEXT = """\
benchmarks:
  base:
    title: A
    data: digits
    network: mnist-net
    norms: {batchnorm: {}, localnorm: {groups: 5}}
    train: {epochs: 4, batch_size: 50, learning_rate: 1.0e-3, decay: 0.9}
    presets:
      short:
        shortens: all
        train:
          epochs: 1
          one_cycle: 0.3
        test_images: 100
  other:
    like: base
    title: B
    train: {epochs: 8}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "benchmarks.yaml"
    path.write_text(TEXT)
    return path


def test_each_setting_is_told_with_the_line_that_gives_it(config):
    found = {".".join(one.key): (one.value, one.origin) for one in resolve(config, "other", "short")}
    assert found["title"] == ("B", f"{config}:17")
    assert found["train.epochs"] == (1, f"{config}:12")
    assert found["train.one_cycle"] == (0.3, f"{config}:13")
    assert found["train.batch_size"] == (50, f"{config}:7")
    assert found["train.decay"] == (1.0, DEFAULT), "the preset's schedule takes the place of the base's"
    assert found["test_images"] == (100, f"{config}:14")
    assert found["norms.localnorm.groups"] == (5, f"{config}:6")
    assert found["image_size"] == (None, DEFAULT)
    assert {key: value for key, (value, _) in found.items()}["train.optimizer"] == "adam"


@pytest.mark.parametrize("name", load_declared(find_config(None)).benchmarks)
def test_of_the_built_in_file_every_given_setting_stands_on_its_line(name):
    path = find_config(None)
    lines = path.read_text().splitlines()
    benchmark = load_declared(path).benchmarks[name]
    for preset in ("paper", *benchmark.presets):
        settings = resolve(path, name, preset)
        assert sum(one.origin != DEFAULT for one in settings) > 8
        for one in settings:
            if one.origin != DEFAULT:
                line = lines[int(one.origin.rpartition(":")[2]) - 1]
                assert one.key[-1].partition(":")[0] in line


def test_show_prints_the_file_in_force_and_its_variables(config, lnbench_here, tmp_path):
    document = json.loads(lnbench_here("config", "show", "--json", cwd=tmp_path).stdout)
    assert document["benchmarks"] == ["base", "other"]
    assert set(document["variables"]) == {"LNBENCH_CONFIG", "LNBENCH_RESULTS", "LNBENCH_DATA"}
    shown = lnbench_here("config", "show", "other", "--preset", "short", cwd=tmp_path).stdout
    assert "benchmarks.yaml:12" in shown
    assert "Did you mean 'other'?" in lnbench_here("config", "show", "othr", cwd=tmp_path).stderr


def test_a_mistake_is_named_with_its_line(config, lnbench_here, tmp_path):
    assert "Benchmarks: 2" in lnbench_here("config", "validate", cwd=tmp_path).stderr
    config.write_text(TEXT.replace("epochs: 8", "epchs: 8"))
    done = lnbench_here("config", "validate", "benchmarks.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "benchmarks.yaml:18: other.train.epchs: unknown key" in " ".join(done.stderr.split())
    assert lnbench_here("config", "validate", "nowhere.yaml", cwd=tmp_path).returncode == 2


def test_the_file_to_begin_with_trains_on_a_folder_of_images(lnbench, lnbench_here, tmp_path):
    assert lnbench_here("config", "init", cwd=tmp_path).returncode == 0
    text = (tmp_path / "benchmarks.yaml").read_text()
    again = lnbench_here("config", "init", cwd=tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert (tmp_path / "benchmarks.yaml").read_text() == text
    assert lnbench_here("config", "init", "no/folder.yaml", cwd=tmp_path).returncode == 2
    random = np.random.default_rng(0)
    for half in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "images" / half / name
            folder.mkdir(parents=True)
            for number in range(40):
                pixels = random.integers(0, 255, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    assert lnbench_here("config", "validate", cwd=tmp_path).returncode == 0
    assert "lnbench list benchmarks" in lnbench_here("list", cwd=tmp_path).stderr
    assert "mine" in lnbench_here("list", "benchmarks", cwd=tmp_path).stdout
    done = lnbench("train", "--benchmark", "mine", "--preset", "quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(Path(tmp_path / "results/models").iterdir())) == 2
