"""The items of a file by name: the same as those of the checked file, and mistakes in them by line."""

from __future__ import annotations

import pytest

from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.outline import items_of
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.errors import LnbenchError


def test_items_are_those_of_the_checked_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = find_config(None)
    declared = load_declared(path).experiments
    named = [(item.name, item.paper, item.title, item.benchmarks) for item in items_of(path)]
    assert named == [(name, one.paper, one.title, one.benchmarks) for name, one in declared.items()]
    assert len(named) > 20


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("grids: {}\n", 1, "expected experiments by name"),
        ("- a\n", 1, "expected experiments by name"),
        ("experiments: 3\n", 1, "expected experiments by name"),
        ("experiments:\n  fig: 3\n", 2, "expected a mapping"),
        ("experiments:\n  fig:\n    paper: 7\n", 3, "a text as 'paper'"),
        ("experiments:\n  fig:\n    paper: Fig 7\n    benchmarks: [a]\n", 2, "a text as 'title'"),
        ("experiments:\n  fig:\n    paper: a\n    title: b\n    benchmarks: c\n", 5, "a list of names"),
        ("experiments:\n  fig:\n    paper: a\n    title: b\n    benchmarks: [1]\n", 5, "a list of names"),
    ],
)
def test_a_mistake_is_pointed_at(tmp_path, text, line, problem):
    path = tmp_path / "benchmarks.yaml"
    path.write_text(text)
    with pytest.raises(LnbenchError, match=problem) as caught:
        items_of(path)
    assert caught.value.message.startswith(f"{path}:{line}:")
