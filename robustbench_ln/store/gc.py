"""Remove what killed processes leave behind; never anything published."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.leftovers import Leftover, find_half, find_leftovers


@dataclass
class Collected:
    """What was removed, or would be.

    Attributes:
        removed: by path.
        kept: states of unfinished trainings, and what is younger than was asked for.
    """

    removed: list[Leftover] = field(default_factory=list)
    kept: list[Leftover] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of what was removed. A file that lies in a removed folder counts once."""
        folders = {leftover.path for leftover in self.removed}
        return sum(one.size for one in self.removed if not folders.intersection(one.path.parents))


def collect(
    root: Path,
    *,
    older_than: float = 24,
    trainings: bool = False,
    dry_run: bool = False,
    decoded: Sequence[Path] = (),
) -> Collected:
    """Remove the leftovers of killed processes from a results folder, and of killed decodings.

    Args:
        root: the folder.
        older_than: hours since a leftover was last written; what is younger may be a running process's.
        trainings: also the states of unfinished trainings, which would then begin anew.
        dry_run: remove nothing.
        decoded: folders that images are decoded into.

    Raises:
        LnbenchError: there is no such folder.
        OSError: something cannot be removed.
    """
    if not root.is_dir():
        raise LnbenchError(f"There is no results folder '{root}'.", "Name one with --results DIR.")
    latest = time.time() - older_than * 3600
    collected = Collected()
    halves = [half for folder in decoded for half in find_half(folder)]
    for leftover in (*find_leftovers(root), *halves):
        wanted = leftover.changed <= latest and (trainings or leftover.kind != "state")
        gone = wanted and (dry_run or _remove(leftover))
        (collected.removed if gone else collected.kept).append(leftover)
    return collected


def _remove(leftover: Leftover) -> bool:
    """Remove a leftover; False where a process trains in it now."""
    if leftover.kind == "half":
        _remove_path(leftover.path)
        return True
    try:
        with FileLock(leftover.path / ".lock", timeout=0):
            _remove_path(leftover.path)
    except Timeout:
        return False
    return True


def _remove_path(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return  # its own process, or another one that removes, was faster
