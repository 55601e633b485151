"""The documents say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
SHELL = re.compile(r"^    (lnbench [^#\n]*)", re.MULTILINE)


def test_generated_tables_are_those_of_the_code_and_the_reference_results():
    script = str(ROOT / "docs" / "generate.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr} Run: make docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_that_a_document_uses_exists(document):
    from lnbench_cli.commands import load

    lines = SHELL.findall(document.read_text(encoding="utf-8"))
    assert len(lines) >= 12 or document.name != "README.md"
    for line in lines:
        _, name, *words = line.split()
        if name.startswith("-"):
            continue
        command = load(name)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known, line


def test_the_readme_s_python_imports_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^from robustbench_ln import .*$", text, re.MULTILINE)
    exec(line, {})
