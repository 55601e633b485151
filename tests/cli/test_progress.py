"""Progress: one bar at a terminal, elsewhere a line for each finished step."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

SCRIPT = """
from lnbench_cli.progress import progress
with progress(2, "cells", quiet={quiet}, json={json}) as tell:
    tell("a-network-with-a-long-name frozen, agn 1: 97.20% of 497, 0.25 s", "97.20% a-network")
    tell("another [red] one, agn 1: it failed", "failed another [red] one", important=True)
"""
LINES = [
    "a-network-with-a-long-name frozen, agn 1: 97.20% of 497, 0.25 s",
    "another [red] one, agn 1: it failed",
]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def script(*, quiet: bool = False, json: bool = False) -> list[str]:
    return [sys.executable, "-c", SCRIPT.format(quiet=quiet, json=json)]


def environment(**given: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    return kept | {"COLUMNS": "80", "TERM": "xterm-256color"} | given


def piped(given: dict[str, str] | None = None, **how: bool) -> str:
    done = subprocess.run(
        script(**how), env=environment(**(given or {})), capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def at_a_terminal(**given: str) -> str:
    """Return what a terminal of 80 columns is sent."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        script(), env=environment(**given), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        found = b""
        try:
            while part := os.read(ours, 1 << 16):
                found += part
        except OSError:
            pass  # the way Linux says that nobody writes any more
        os.close(ours)
    assert process.returncode == 0
    return found.decode()


def test_a_pipe_gets_a_line_a_step_without_control_codes():
    assert piped().splitlines() == LINES


def test_forced_colours_make_no_live_bar_in_a_pipe():
    said = piped({"FORCE_COLOR": "1"})
    assert COLOUR.sub("", said).splitlines() == LINES
    assert "\r" not in said


def test_quiet_leaves_what_matters_and_json_nothing():
    assert piped(quiet=True).splitlines() == LINES[1:]
    assert piped(json=True) == ""


def test_a_terminal_gets_one_bar_with_the_number_of_the_last_step():
    said = at_a_terminal()
    drawn = [COLOUR.sub("", line) for line in re.split(r"[\r\n]|\x1b\[2K|\x1b\[\?25[lh]|\x1b\[1A", said)]
    assert all(len(line) <= 80 for line in drawn)
    assert any("2/2 cells," in line and "failed another [red] one" in line for line in drawn)
    # What matters is said above the bar, too; the other line is not.
    assert LINES[1] in [line.rstrip() for line in drawn]
    assert LINES[0] not in [line.rstrip() for line in drawn]


def test_a_terminal_without_colours_gets_none_of_them():
    assert COLOUR.search(at_a_terminal())
    assert not COLOUR.search(at_a_terminal(NO_COLOR="1"))


def test_a_dumb_terminal_gets_lines():
    assert at_a_terminal(TERM="dumb").splitlines() == LINES


@pytest.mark.parametrize("quiet", [True, False])
def test_a_sweep_says_each_cell_with_its_number_and_why_others_are_left_out(
    quiet, trained, lnbench_here, tmp_path
):
    import shutil

    shutil.copytree(trained / "results", tmp_path / "results")
    line = [
        "corrupt-eval",
        "--model",
        "digits-batchnorm*",
        "--mode",
        "frozen",
        "--limit",
        "20",
        "--workers",
        "1",
    ]
    done = lnbench_here(*line, "--sigma", "0,1", *(["-q"] if quiet else []), cwd=tmp_path)
    cells = re.findall(
        r"^digits-batchnorm-s0 frozen, agn [01]: [\d.]+% of 20, [\d.]+ s$", done.stderr, re.MULTILINE
    )
    assert (done.returncode, done.stdout, len(cells)) == (0, "", 0 if quiet else 2)
    assert not (quiet and done.stderr)
    done = lnbench_here(*line, "--sigma", "0,1,2", "--dry-run", "-v", cwd=tmp_path)
    said = done.stderr
    assert re.search(r"Chosen: digits-batchnorm-s0\.\S+ frozen, agn: 2 of 3 cells already measured", said)
    assert re.search(r"Left out digits-localnorm-s0\.\S+: ", said)
