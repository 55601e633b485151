"""What the machine refuses is a sentence; a defect keeps its traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lnbench_cli import main as cli
from lnbench_cli.console import print_error, print_line, say, say_problems

LNBENCH = Path(sys.executable).parent / "lnbench"


@pytest.fixture(autouse=True)
def handlers_come_back():
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


def ended_by(error: BaseException, monkeypatch, *arguments: str) -> int:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setattr(sys, "argv", ["lnbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_closed_disk_is_a_sentence(number, monkeypatch, capsys):
    error = OSError(number, os.strerror(number), "results/cells/x")
    assert ended_by(error, monkeypatch) == 2
    said = capsys.readouterr()
    assert (said.out, "Traceback" in said.err) == ("", False)
    assert os.strerror(number) in said.err
    assert "'results/cells/x'" in said.err
    assert "run the same command again" in " ".join(said.err.split())


def test_a_reader_that_has_left_ends_the_command_without_a_word(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [LNBENCH, "list", "norms", "--json"], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_too_little_memory_is_a_sentence_and_under_json_a_document(monkeypatch, capsys):
    assert ended_by(MemoryError("2 TiB"), monkeypatch, "train", "--json") == 2
    assert "2 TiB" in json.loads(capsys.readouterr().err)["error"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), ZeroDivisionError()])
def test_a_defect_is_not_dressed_up(error, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(type(error)):
        cli.main()


def test_of_many_problems_the_first_are_shown_and_the_others_counted(capsys):
    say_problems([f"Problem {number}." for number in range(25)])
    lines = capsys.readouterr().err.splitlines()
    assert lines == [*(f"Problem {number}." for number in range(20)), "... and 5 more."]
    say_problems(["One."])
    assert capsys.readouterr().err == "One.\n"


def test_nothing_that_is_said_steers_the_terminal(capsys):
    say("digits-\x1b[2Jbatchnorm [red]\n")
    print_error("no\x1b]0;x\x07\x9b", "such\ttab", as_json=False)
    print_line("\x1b]0;x\x07 [red]")
    printed, said = capsys.readouterr()
    assert printed == "\\x1b]0;x\\x07 [red]\n"
    assert "\x1b" not in said
    assert not {"\x07", "\x9b"} & set(said)
    assert "digits-\\x1b[2Jbatchnorm [red]" in said
    assert "no\\x1b]0;x\\x07" in said


@pytest.mark.parametrize(
    ("variable", "results", "data", "said"),
    [
        (None, "results", "usual", ""),
        (None, "my results", "usual", " --results 'my results'"),
        ("other", "other", "usual", ""),
        ("other", "results", "usual", " --results results"),
        (None, "results", "elsewhere", " --data-dir elsewhere"),
    ],
)
def test_what_is_to_be_run_next_finds_the_same_places(variable, results, data, said, monkeypatch):
    from lnbench_cli.options import places

    monkeypatch.delenv("LNBENCH_RESULTS", raising=False)
    if variable:
        monkeypatch.setenv("LNBENCH_RESULTS", variable)
    monkeypatch.setenv("LNBENCH_DATA", "usual")
    assert places(Path(results), Path(data)) == said
