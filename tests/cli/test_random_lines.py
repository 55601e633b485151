"""Random command lines, in process: whatever is typed, an answer or a sentence, never a traceback."""

from __future__ import annotations

import random
import re
import shutil

import pytest
from lnbench_cli.commands import COMMANDS

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


def options_of(command: str, lnbench_here, cwd) -> list[str]:
    """Return the long options that a command's own help lists."""
    words = command.split()
    text = lnbench_here(*words, "--help", cwd=cwd).stdout
    found = set(re.findall(r"--[a-z][a-z-]+", text))
    return sorted(found - {"--help", "--budget", "--executor", "--address", "--config"})


@pytest.fixture
def folder(trained, tmp_path):
    shutil.copytree(trained / "results", tmp_path / "results")
    return tmp_path


def throw(lnbench_here, folder, count: int, seed: int) -> dict[int, int]:
    """Run random command lines and return how often each exit code came."""
    chance = random.Random(seed)
    commands = [name for name in COMMANDS if name not in ("results", "convert")]
    commands += ["results pack", "results merge"]
    known = {command: options_of(command, lnbench_here, folder) for command in commands}
    codes: dict[int, int] = {}
    for _ in range(count):
        command = chance.choice(commands)
        line = [*command.split(), *DRY.get(command, [])]
        for _ in range(chance.randint(0, 4)):
            line += [chance.choice(known[command])] if chance.random() < 0.8 else []
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
