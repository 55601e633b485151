"""Random damage to benchmarks.yaml, read in process: a plan or a sentence, never a traceback."""

from __future__ import annotations

import random
import re

import pytest
import yaml

from robustbench_ln.benchmarks.find import find_config
from tests.mutations import mutated, mutated_bytes

#: Of the packaged file, what has a part of every kind.
BENCHMARKS = ("digits", "mnist", "cifar10-resnet32", "cifar10-resnet32-noisy-10")
#: What reads it, with how often; nothing is trained or measured.
READERS = {
    ("train", "--benchmark", "digits", "--dry-run"): 8,
    ("list",): 6,
    ("list", "--json"): 4,
    ("run", "all", "--preset", "quick", "--dry-run"): 4,
}


def small_declaration() -> dict:
    """Return a part of the packaged file that stands for itself."""
    whole = yaml.safe_load(find_config(None).read_text(encoding="utf-8"))
    experiments = {
        name: body | {"claims": body.get("claims", [])[:3]}
        for name, body in whole["experiments"].items()
        if set(body["benchmarks"]) <= set(BENCHMARKS)
    }
    benchmarks = {name: whole["benchmarks"][name] for name in BENCHMARKS}
    return {"grids": whole["grids"], "benchmarks": benchmarks, "experiments": experiments}


def read_damaged(lnbench_here, folder, count: int, seed: int) -> dict[int, int]:
    """Read one damaged file after the other by one command each, and return how often each code came."""
    chance = random.Random(seed)
    whole = small_declaration()
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=100).encode()
    path = folder / "benchmarks.yaml"
    path.write_bytes(text)
    for words in READERS:
        assert lnbench_here(*words, cwd=folder).returncode in (0, 3), words
    codes: dict[int, int] = {}
    for _ in range(count):
        if chance.random() < 0.5:
            document = mutated(whole, chance)
            content = yaml.safe_dump(document, sort_keys=False, width=100).encode()
        else:
            content = mutated_bytes(text, chance)
        path.write_bytes(content)
        (words,) = chance.choices(list(READERS), list(READERS.values()))
        done = lnbench_here(*words, cwd=folder)
        codes[done.returncode] = codes.get(done.returncode, 0) + 1
        assert done.returncode in (0, 2, 3), (words, content)
        assert "Traceback" not in done.stderr + done.stdout, (words, content)
        assert done.returncode == 0 or re.search(r"\w", done.stderr), (words, content)
    return codes


def test_some_damaged_configurations_get_a_plan_or_a_sentence(lnbench_here, tmp_path):
    codes = read_damaged(lnbench_here, tmp_path, 60, seed=1)
    assert codes[0] > 5
    assert codes[2] > 20


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_damaged_configurations_get_a_plan_or_a_sentence(lnbench_here, tmp_path, seed):
    read_damaged(lnbench_here, tmp_path, 1000, seed=100 + seed)
