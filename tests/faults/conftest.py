"""A network to sweep, and what a training and a sweep leave that nothing disturbs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import data_dir, environment, lnbench_here  # noqa: F401 - fixtures
from tests.faults.forks import Forks
from tests.faults.store_bytes import Bytes, cells_of, trained_in

TRAIN = ("train", "--norm", "localnorm", "--epochs", "3", "--limit", "100", "--threads", "1")
SWEEP = ("corrupt-eval", "--sigma", "0:1:0.1", "--limit", "20", "--workers", "1", "--threads", "1")


@dataclass(frozen=True)
class Undisturbed:
    """A command that nothing disturbed.

    Attributes:
        folder: where it ran.
        content: the bytes that are to come out.
        seconds: that it took.
    """

    folder: Path
    content: Bytes
    seconds: float


@pytest.fixture(scope="session")
def forks(environment: dict[str, str]) -> Iterator[Forks]:  # noqa: F811
    """Runs commands, and kills them."""
    running = Forks(environment)
    yield running
    running.close()


@pytest.fixture(scope="session")
def trained(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A folder with a trained network in its `results`."""
    folder = tmp_path_factory.mktemp("trained") / "here"
    folder.mkdir()
    started = time.monotonic()
    forks.run(TRAIN, folder, limit=240)
    return Undisturbed(folder, trained_in(folder), time.monotonic() - started)


@pytest.fixture(scope="session")
def swept(forks: Forks, trained: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The same after a sweep over eleven sigmas, in all four modes of the network."""
    folder = tmp_path_factory.mktemp("swept") / "here"
    shutil.copytree(trained.folder / "results", folder / "results")
    started = time.monotonic()
    forks.run(SWEEP, folder, limit=240)
    content = cells_of(folder)
    assert len(content) == 2 * 11 * 4
    return Undisturbed(folder, content, time.monotonic() - started)
