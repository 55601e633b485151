"""The documents say what the code says."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from torch import nn

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
#: Lines of code with a command; not those that only tell its usage.
SHELL = re.compile(r"^    (?! )(?!.*\[OPTIONS\])(.*\blnbench .*)$", re.MULTILINE)


def name_of(path: Path) -> str:
    """A document's name in the output of the tests."""
    return path.relative_to(ROOT).as_posix()


def test_generated_tables_are_those_of_the_code_and_the_reference_results():
    script = str(ROOT / "docs" / "generate.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr} Run: make docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_point_at_something(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_every_promise_names_tests_that_are_there():
    text = (ROOT / "docs/explanation/trust.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "| shown by" not in line]
    promises = [row for row in rows if not row.startswith("| ---")]
    assert len(promises) > 20
    for promise in promises:
        named = re.findall(r"`(tests/[^`]+)`", promise)
        assert named, promise
        for test in named:
            path, _, function = test.partition("::")
            assert (ROOT / path).exists(), test
            assert not function or f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), test


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_line_is_one_that_lnbench_takes(document):
    for line in SHELL.findall(document.read_text(encoding="utf-8")):
        for words in invocations(line):
            if words[0].startswith("-"):  # options of lnbench itself
                continue
            command, words = command_of(words)
            values, rest, _ = command.make_parser(command.context_class(command)).parse_args(words)
            assert not rest, line
            missing = [one.name for one in command.params if one.required and not values.get(one.name)]
            assert not missing or "--help" in line, (line, missing)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_and_option_in_the_text_exists(document):
    for code in re.findall(r"`lnbench ([^`]+)`", document.read_text(encoding="utf-8")):
        words = shlex.split(code)
        if words[0].startswith("--") or words[0] == "COMMAND":
            continue
        command, words = command_of(words)
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        used = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
        assert used <= known | {"--help"}, code


def test_there_are_command_lines_to_check():
    lines = [line for path in DOCUMENTS for line in SHELL.findall(path.read_text(encoding="utf-8"))]
    assert sum(len(list(invocations(line))) for line in lines) > 50


def command_of(words: list[str]):
    """Return the command that words begin with, and the words after it."""
    from lnbench_cli.commands import load

    command, words = load(words[0]), words[1:]
    while hasattr(command, "commands") and words:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def invocations(line: str) -> Iterator[list[str]]:
    """Yield the words after each `lnbench` of a shell line, those within a quoted script included."""
    words = shlex.split(line, comments=True)
    for place, word in enumerate(words):
        if word == "lnbench":
            yield words[place + 1 :]
        elif word.startswith("lnbench "):
            yield from invocations(word)


PYTHON = [
    pytest.param(code, id=f"{name_of(document)}-{number}")
    for document in DOCUMENTS
    # What the tutorial runs, its own test runs; signatures in the reference are no programs.
    if document.name not in ("tutorial.md", "python.md")
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", document.read_text(), re.S | re.M))
]


@pytest.mark.parametrize("code", PYTHON)
def test_the_python_in_documents_runs(code, tmp_path, monkeypatch):
    for name in ("benchmarks.yaml", "results/replication.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 5))
    given = {
        "images": np.full((16, 3, 8, 8), 0.5, np.float32),
        "images_uint8": np.full((16, 3, 8, 8), 128, np.uint8),
        "labels": np.arange(16) % 5,
        "batchnorm_network": network,
    }
    # A norm or noise of the user's own is told apart by the file that it stands in.
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    found = run_path(str(tmp_path / "mine.py"), given)
    assert {name for name in found if not name.startswith("__")} - set(given), "nothing was run"


def test_there_is_python_to_run():
    assert len(PYTHON) >= 4


MODULES = sorted(path for path in (ROOT / "robustbench_ln").rglob("*.py") if ">>> " in path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_examples_of_docstrings_are_true(path):
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0
