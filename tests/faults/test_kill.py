"""Killed at any moment, a training and a sweep lose nothing that was finished and end in the same bytes."""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.faults.conftest import SWEEP, TRAIN, Undisturbed
from tests.faults.forks import Forks
from tests.faults.store_bytes import Bytes, cells_of, check_tidy, check_whole, trained_in

KILLS = [2, pytest.param(50, marks=[pytest.mark.faults, pytest.mark.timeout(3600)])]


@dataclass
class Work:
    """A command that is killed and repeated until it is done, in one folder after the other.

    Attributes:
        command: what is killed.
        begin: fills a folder that it works in.
        content: the bytes of what it has finished.
        steps: how many steps are finished in a folder, as a later command will find them.
        said: a line that tells of a finished step.
    """

    command: tuple[str, ...]
    begin: Callable[[Path], None]
    content: Callable[[Path], Bytes]
    steps: Callable[[Path], int]
    said: re.Pattern[str]


def kill_repeatedly(kills: int, work: Work, whole: Undisturbed, forks: Forks, tmp_path: Path) -> str:
    """Kill a command at random moments; look at the store after each kill, at the bytes after each end."""
    moments = random.Random(kills)
    begun, killed, ended, leftovers, span = time.monotonic(), 0, 0, 0, whole.seconds
    folder = tmp_path / "0"
    work.begin(folder)
    while killed < kills or work.content(folder) != whole.content:
        kept, steps = work.content(folder), work.steps(folder)
        limit = moments.uniform(0, span) if killed < kills else 240
        started = time.monotonic()
        was_killed, told = forks.run(work.command, folder, limit)
        if not was_killed and not steps:
            # The machine may have become slower, or faster.
            span = time.monotonic() - started
        killed += was_killed
        assert "Traceback" not in told
        now = work.content(folder)
        assert kept.items() <= now.items()
        assert now.items() <= whole.content.items()
        # What was told as finished is there; a command tells of earlier epochs again, not of earlier cells.
        assert work.steps(folder) >= max(steps, len(work.said.findall(told)))
        left = check_whole(folder / "results") if (folder / "results").exists() else 0
        print(f"{killed} kills, {ended} ends, {work.steps(folder)} steps, {left} leftovers", flush=True)
        if now == whole.content:
            ended, leftovers = ended + 1, leftovers + left
            check_tidy(folder / "results")
            assert work.content(folder) == whole.content
            if killed < kills:
                folder = tmp_path / str(ended)
                work.begin(folder)
    assert ended >= 1
    seconds = time.monotonic() - begun
    return f"{killed} kills, {ended} ends, {leftovers} leftovers removed, 0 lost, 0 torn, {seconds:.0f} s"


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_sweep_goes_on_to_the_same_bytes(kills, trained, swept, forks, tmp_path):
    work = Work(
        SWEEP,
        lambda folder: shutil.copytree(trained.folder / "results", folder / "results") and None,
        cells_of,
        lambda folder: len(cells_of(folder)) // 2,
        re.compile(r", agn \S+: \S+% of 20, \S+ s$", re.MULTILINE),
    )
    print("sweep:", kill_repeatedly(kills, work, swept, forks, tmp_path))


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_training_goes_on_to_the_same_weights(kills, trained, forks, tmp_path):
    work = Work(
        TRAIN,
        lambda folder: folder.mkdir(),
        trained_in,
        finished_epochs,
        re.compile(r": epoch \d+/3, test accuracy .*$", re.MULTILINE),
    )
    print("training:", kill_repeatedly(kills, work, trained, forks, tmp_path))


def finished_epochs(folder: Path) -> int:
    """Return how many epochs a later training will not train again."""
    states = list(folder.glob("results/models/.training-*/state.pt"))
    if trained_in(folder) or not states:
        return 3 if trained_in(folder) else 0
    return len(torch.load(states[0], weights_only=True)["progress"]["epochs"])
