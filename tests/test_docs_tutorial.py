"""The tutorial does what it says, in an empty folder."""

from __future__ import annotations

import re
from importlib import util
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def script(name: str):
    """Import a script of docs/, which is no package."""
    spec = util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_numbers(text: str) -> list[str]:
    """Return lines without what another machine may compute otherwise: counts, accuracies, hashes, widths."""
    text = re.sub(r"\.[0-9a-f]{12}\b", ".#", text)
    return [" ".join(line.split()) for line in re.sub(r"(< )?[-+]?\d[\d.,]*", "#", text).splitlines()]


def test_every_command_runs_and_prints_what_the_tutorial_shows(tmp_path):
    told = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    done = script("tutorial").filled(told, tmp_path)
    assert without_numbers(done) == without_numbers(told), "Run: make docs"
    assert (tmp_path / "results" / "report.html").exists()
    assert told.count("<!-- runs: lnbench") >= 8
