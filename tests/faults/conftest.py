"""A network to sweep, and what a training and a sweep leave that nothing disturbs."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Run, data_dir, environment, lnbench  # noqa: F401 - fixtures
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
def trained(lnbench: Run, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:  # noqa: F811
    """A folder with a trained network in its `results`."""
    folder = tmp_path_factory.mktemp("trained")
    started = time.monotonic()
    done = lnbench(*TRAIN, cwd=folder)
    assert done.returncode == 0, done.stderr
    return Undisturbed(folder, trained_in(folder), time.monotonic() - started)


@pytest.fixture(scope="session")
def swept(lnbench: Run, trained: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:  # noqa: F811
    """The same after a sweep over eleven sigmas, in all four modes of the network."""
    folder = tmp_path_factory.mktemp("swept")
    shutil.copytree(trained.folder / "results", folder / "results")
    started = time.monotonic()
    done = lnbench(*SWEEP, cwd=folder)
    assert done.returncode == 0, done.stderr
    content = cells_of(folder)
    assert len(content) == 2 * 11 * 4
    return Undisturbed(folder, content, time.monotonic() - started)
