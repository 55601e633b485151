"""What holds of every command and subcommand: help with an example, and wrong input told in a sentence."""

from __future__ import annotations

import json

import pytest
from lnbench_cli.commands import COMMANDS

from tests.cli.tree import PATHS, command_of


def takes(path, option):
    return any(option in parameter.opts for parameter in command_of(path).params)


def arguments(path):
    """Return as many words as the command's own arguments need."""
    return ["x" for one in command_of(path).params if one.param_type_name == "argument" and one.required]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_explains_every_option_and_gives_an_example(path, lnbench_here, tmp_path):
    done = lnbench_here(*path, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Example: lnbench {' '.join(path)}" in " ".join(done.stdout.split())
    assert lnbench_here(*path, "-h", cwd=tmp_path).stdout == done.stdout
    for parameter in command_of(path).params:
        assert getattr(parameter, "help", None) or parameter.name == "help", parameter.name


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_a_wrong_option_is_a_sentence_and_changes_nothing(path, lnbench_here, tmp_path):
    done = lnbench_here(*path, *arguments(path), "--reslts", "x", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such option: --reslts" in " ".join(done.stderr.split())
    if takes(path, "--results"):
        assert "--results" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [path for path in PATHS if takes(path, "--json")], ids=" ".join)
def test_under_json_a_wrong_command_line_is_json_too(path, lnbench_here, tmp_path):
    done = lnbench_here(*path, *arguments(path), "--json", "--reslts", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    told = json.loads(done.stderr)
    assert "--reslts" in told["error"]
    assert told["hint"] == f"Try: lnbench {' '.join(path)} --help"


@pytest.mark.parametrize(
    "line",
    [
        *(
            ["list", kind]
            for kind in ("experiments", "benchmarks", "models", "norms", "noises", "modes", "data")
        ),
        ["results", "ls"],
        ["config", "show"],
        ["config", "show", "mnist"],
        ["config", "validate"],
        ["train", "--dry-run"],
    ],
    ids=" ".join,
)
def test_json_is_one_document_with_its_schema(line, lnbench_here, tmp_path):
    (tmp_path / "results").mkdir()
    done = lnbench_here(*line, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == 1
    assert done.stdout.count("\n") == 1


def test_commands_are_grouped(lnbench_here, tmp_path):
    text = lnbench_here("--help", cwd=tmp_path).stdout
    places = [text.index(f" {entry.panel} ") for entry in COMMANDS.values()]
    assert places == sorted(places)
    assert len(set(places)) == 4
