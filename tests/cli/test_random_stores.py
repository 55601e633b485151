"""Random damage to results, read by the real commands: an answer or a sentence, never a traceback."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from tests.mutations import mutated, mutated_bytes, mutated_npz

#: What reads results, with how often: rather what is fast.
READERS = {
    ("list", "--json"): 3,
    ("results", "verify"): 20,
    ("results", "gc", "--dry-run"): 2,
    ("results", "pack", "--out", "packed.npz"): 20,
    ("results", "merge", "merged", "{results}"): 6,
    ("compare", "*-batchnorm*", "*-localnorm*"): 10,
    ("mce", "--baseline", "*-batchnorm*"): 6,
    ("train", "--epochs", "1", "--limit", "150", "--dry-run"): 6,
    ("corrupt-eval", "--sigma", "0:1", "--limit", "30", "--dry-run"): 6,
    ("report", "--out", "page.html"): 1,
}
#: Of a packed file; it has no weights, nothing unfinished, and cannot be written.
PACKED = {words: often for words, often in READERS.items() if words[0] not in ("train", "corrupt-eval")}
PACKED.pop(("results", "gc", "--dry-run"))
PRECIOUS = b"years of work"


@pytest.fixture(scope="module")
def measured(trained, lnbench, tmp_path_factory) -> Path:
    """A folder with networks and cells in `results`, packed beside it."""
    folder = tmp_path_factory.mktemp("measured")
    shutil.copytree(trained / "results", folder / "results")
    for arguments in (
        ("corrupt-eval", "--noise", "gaussian", "--severity", "1:5", "--limit", "30", "--workers", "1"),
        ("results", "pack", "--out", "results.npz"),
    ):
        done = lnbench(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def damaged(path: Path, content: bytes, chance: random.Random, outside: Path) -> None:
    """Damage a file of a store."""
    change = chance.random()
    if change < 0.04:
        path.unlink()
    elif change < 0.08:
        path.unlink()
        chance.choice((path.mkdir, lambda: path.symlink_to(path), lambda: path.symlink_to(outside)))()
    elif change < 0.4:
        path.write_bytes(mutated_bytes(content, chance))
    elif path.suffix == ".json":
        path.write_text(json.dumps(mutated(json.loads(content), chance)))
    elif path.suffix == ".npz":
        path.write_bytes(mutated_npz(content, chance))
    else:
        path.write_bytes(mutated_bytes(content, chance))


def mended(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(content)


def read_damaged(lnbench_here, measured, folder: Path, count: int, seed: int) -> dict[int, int]:
    """Damage one file after the other, read it by one command each, and return how often each code came."""
    chance = random.Random(seed)
    shutil.copytree(measured, folder / "here")
    here, outside = folder / "here", folder / "precious"
    outside.write_bytes(PRECIOUS)
    files = sorted(path for path in (here / "results").rglob("*") if path.is_file())
    codes: dict[int, int] = {}
    for _ in range(count):
        packed = chance.random() < 0.3
        path = here / "results.npz" if packed else chance.choice(files)
        readers = PACKED if packed else READERS
        content = path.read_bytes()
        damaged(path, content, chance, outside)
        (words,) = chance.choices(list(readers), list(readers.values()))
        results = "results.npz" if packed else "results"
        line = [word.format(results=results) for word in words]
        line += [] if "merge" in words else ["--results", results]
        done = lnbench_here(*line, cwd=here)
        codes[done.returncode] = codes.get(done.returncode, 0) + 1
        assert done.returncode in (0, 2, 3), (line, path)
        assert "Traceback" not in done.stderr + done.stdout, (line, path)
        assert done.returncode == 0 or done.stderr or "verify" in line, (line, path)
        shutil.rmtree(here / "merged", ignore_errors=True)
        (here / "page.html").unlink(missing_ok=True)
        mended(path, content)
        assert outside.read_bytes() == PRECIOUS, (line, path)
    assert {path.name for path in folder.iterdir()} == {"here", "precious"}
    return codes


def test_some_damaged_files_of_a_store_get_an_answer_or_a_sentence(lnbench_here, measured, tmp_path):
    codes = read_damaged(lnbench_here, measured, tmp_path, 40, seed=1)
    assert codes[0] > 5
    assert codes[3] > 5


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_damaged_files_get_an_answer_or_a_sentence(lnbench_here, measured, tmp_path, seed):
    read_damaged(lnbench_here, measured, tmp_path, 1000, seed=100 + seed)
