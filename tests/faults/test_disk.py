"""A full disk and a read-only one end a command with a sentence; nothing half is left, and resuming works."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robustbench_ln.models.card import draft_model, publish_draft
from robustbench_ln.models.registry import build_network
from robustbench_ln.store.store import Store
from tests.faults.conftest import SWEEP, TRAIN
from tests.faults.store_bytes import cells_of, check_whole, trained_in

MANY = pytest.mark.faults
REPORT = ("report",)
PACK = ("results", "pack")


class Disk:
    """A small disk of its own.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, free: int) -> None:
        """Fill it, so that this many bytes are left, or less where they are no whole page."""
        self.make_room()
        known = os.statvfs(self.folder)
        with (self.folder / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, known.f_bavail * known.f_frsize - free)

    def make_room(self) -> None:
        """Remove what fills it."""
        (self.folder / "filler").unlink(missing_ok=True)

    def allow_writing(self, *, allowed: bool) -> None:
        """Mount it again, so that it can be read alone, or written again."""
        subprocess.run(["mount", "-o", f"remount,{'rw' if allowed else 'ro'}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return an empty disk of 32 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], capture_output=True, text=True
    )
    if not mounted or mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip() if mounted else 'no mount'}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def filled(disk, trained, swept) -> Callable[[tuple[str, ...]], None]:
    """Return what puts on the disk all that a command needs."""

    def fill(command: tuple[str, ...]) -> None:
        if command == SWEEP:
            shutil.copytree(trained.folder / "results", disk.folder / "results")
        elif command != TRAIN:
            shutil.copytree(swept.folder / "results", disk.folder / "results")

    return fill


def check_fails(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert sentence in done.stderr
    # What to do comes after what is wrong.
    assert len(done.stderr.strip().splitlines()) >= 2


def check_done(command: tuple[str, ...], folder: Path, trained, swept) -> None:
    check_whole(folder / "results")
    if command == TRAIN:
        assert trained_in(folder) == trained.content
    elif command == SWEEP:
        assert cells_of(folder) == swept.content
    else:
        assert (folder / "results" / ("report.html" if command == REPORT else "results.npz")).is_file()


@pytest.mark.parametrize(
    ("command", "free"),
    [
        (SWEEP, 60_000),
        # Nothing fits; the state of an epoch does not; the next epoch's does not fit beside it.
        *(pytest.param(TRAIN, free, marks=MANY) for free in (0, 2_000_000, 12_000_000)),
        *(pytest.param(SWEEP, free, marks=MANY) for free in (0, 8_192, 150_000)),
        *(pytest.param(REPORT, free, marks=MANY) for free in (0, 40_000)),
        *(pytest.param(PACK, free, marks=MANY) for free in (0, 4_096)),
    ],
)
def test_a_full_disk(command, free, disk, filled, trained, swept, lnbench_here):
    filled(command)
    disk.leave(free)
    before = check_whole(disk.folder / "results") if command != TRAIN else 0
    check_fails(lnbench_here(*command, cwd=disk.folder), "No space left on device")
    if (disk.folder / "results").exists():
        check_whole(disk.folder / "results")
        assert not list((disk.folder / "results").rglob(".*.*"))
    assert before == 0
    disk.make_room()
    done = lnbench_here(*command, cwd=disk.folder)
    assert done.returncode == 0, done.stderr
    check_done(command, disk.folder, trained, swept)


def test_a_network_that_does_not_fit_on_the_disk_is_not_published(disk):
    network = build_network("mnist-net", image_shape=(1, 28, 28), num_classes=10, norm="batchnorm")
    recipe = {"benchmark": "b", "network": "mnist-net", "norm": "batchnorm", "norm_options": {}, "seed": 0}
    draft = draft_model(
        network, recipe, run_id="r", class_names=None, data_spec=None, image_size=None, logs={}, how={}
    )
    store = Store(disk.folder)
    disk.leave(1_000_000)
    with pytest.raises(OSError, match="No space left on device"):
        publish_draft(draft, store)
    assert store.model_ids() == []
    assert check_whole(disk.folder) == 0
    disk.make_room()
    assert publish_draft(draft, store).has_weights
    assert check_whole(disk.folder) == 0


@pytest.mark.faults
@pytest.mark.parametrize("command", [TRAIN, SWEEP, REPORT, PACK, ("results", "gc", "--older-than", "0")])
def test_a_read_only_disk(command, disk, filled, trained, swept, lnbench_here):
    filled(command)
    gc = "gc" in command
    if gc:
        (disk.folder / f"results/cells/.half.{'0' * 32}").touch()
    disk.allow_writing(allowed=False)
    before = sorted(disk.folder.rglob("*"))
    check_fails(lnbench_here(*command, cwd=disk.folder), "Read-only file system")
    assert sorted(disk.folder.rglob("*")) == before
    if command != TRAIN:
        for reading in (("results", "verify"), ("list",)):
            done = lnbench_here(*reading, cwd=disk.folder)
            assert done.returncode == 0, done.stderr
    disk.allow_writing(allowed=True)
    done = lnbench_here(*command, cwd=disk.folder)
    assert done.returncode == 0, done.stderr
    if not gc:
        check_done(command, disk.folder, trained, swept)
