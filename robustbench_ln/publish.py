"""Publish a directory whole: readers see all of it or nothing, however the writer dies."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from robustbench_ln.errors import LnbenchError


def fsync(path: Path) -> None:
    """Force a file or a directory entry to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_directory(final: Path, write: Callable[[Path], None]) -> bool:
    """Fill a hidden sibling by `write`, then give it its final name with one rename.

    Nothing is ever replaced: when another writer was first, this one's copy is dropped.

    Args:
        final: the directory to appear.
        write: fills the directory it is given.

    Returns:
        True when this call published the directory, False when it was there already.
    """
    if final.exists():
        return False
    final.parent.mkdir(parents=True, exist_ok=True)
    hidden = final.parent / f".{final.name}.{uuid.uuid4().hex}"
    hidden.mkdir()
    try:
        write(hidden)
        for path in hidden.iterdir():
            fsync(path)
        fsync(hidden)
        try:
            hidden.rename(final)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            return False
        fsync(final.parent)
        return True
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def publish_file(final: Path, content: bytes) -> None:
    """Write a whole file under a hidden name, then give it its final name with one rename."""
    final.parent.mkdir(parents=True, exist_ok=True)
    hidden = final.parent / f".{final.name}.{uuid.uuid4().hex}"
    try:
        hidden.write_bytes(content)
        fsync(hidden)
        hidden.rename(final)
    finally:
        hidden.unlink(missing_ok=True)


def check_writable(folder: Path, hint: str) -> None:
    """Create a folder and a file in it, so that an unwritable place is known before any work.

    Raises:
        LnbenchError: the folder cannot be made or written.
    """
    probe = folder / f".probe.{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise LnbenchError(f"Cannot write to '{folder}': {error.strerror or error}.", hint) from error
