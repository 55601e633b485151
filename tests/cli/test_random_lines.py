"""Random command lines, in process: whatever is typed, an answer or a sentence, never a traceback."""

from __future__ import annotations

import random
import shutil

import pytest

from tests.cli.tree import PATHS, command_of

#: Of each command, what keeps it from training and measuring.
DRY = {"train": ["--dry-run"], "corrupt-eval": ["--dry-run"], "stress": ["--dry-run"], "run": ["--dry-run"]}
WORDS = """
0 -1 1 3 0.5 1e309 -inf nan 0:4 0:0:0 4:0 1:5 0,0 1/8 0/0 9/3 agn mbn gaussian apn-additive-255 batch frozen
blend blend:alpha=0.5 blend:= localnorm localnorm:groups=0 localnorm:groups=5 batchnorm digits mnist cifar10
folder: folder:/nowhere dirichlet:0.1 dirichlet: class-sorted shuffled cpu cuda bf16 auto * ** [ [a- *:batch
digits-* a.b.c results %s {0} [red]x[/nope] 🙂 é paper quick fig7 all text code majority imagenet-c
ray local slurm torchvision:resnet18 torchvision: timm: none.pt -- -
"""
VALUES = [*WORDS.split(), "", " ", "x" * 300, "\u202e", "\x1b[31m"]


#: Options that would wait for a cluster or work for minutes, or read what none of these lines has written.
LEFT_OUT = {"--help", "--budget", "--executor", "--address", "--config"}


def options_of(path: tuple[str, ...]) -> list[str]:
    """Return the long options of a command."""
    found = {name for one in command_of(path).params for name in (*one.opts, *one.secondary_opts)}
    return sorted(name for name in found - LEFT_OUT if name.startswith("--"))


@pytest.fixture
def folder(trained, tmp_path):
    shutil.copytree(trained / "results", tmp_path / "results")
    return tmp_path


def throw(lnbench_here, folder, count: int, seed: int) -> dict[int, int]:
    """Run random command lines and return how often each exit code came."""
    chance = random.Random(seed)
    # Of what `convert` is given, much would be downloaded.
    paths = [path for path in PATHS if path != ("convert",)]
    codes: dict[int, int] = {}
    for _ in range(count):
        path = chance.choice(paths)
        known = options_of(path)
        line = [*path, *DRY.get(path[0], [])]
        for _ in range(chance.randint(0, 4)):
            line += [chance.choice(known)] if chance.random() < 0.8 else []
            line += [chance.choice(VALUES)] if chance.random() < 0.8 else []
        done = lnbench_here(*line, cwd=folder)
        codes[done.returncode] = codes.get(done.returncode, 0) + 1
        assert done.returncode in (0, 2, 3, 4), line
        assert "Traceback" not in done.stderr + done.stdout, line
    return codes


def test_a_few_random_command_lines_get_an_answer_or_a_sentence(lnbench_here, folder):
    codes = throw(lnbench_here, folder, 80, seed=1)
    assert codes[2] > 15


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_random_command_lines_get_an_answer_or_a_sentence(lnbench_here, folder, seed):
    throw(lnbench_here, folder, 1000, seed=100 + seed)


def test_a_name_too_long_for_a_file_is_a_sentence(lnbench_here, tmp_path):
    done = lnbench_here("results", "merge", "x" * 300, "y", cwd=tmp_path)
    assert done.returncode == 2
    assert "File name too long" in done.stderr
