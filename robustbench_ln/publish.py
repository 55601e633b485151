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
    """Write a whole file under a hidden name, then give it its final name with one rename.

    Raises:
        IsADirectoryError: a folder is there; what `rename` raises for one depends on the folder.
        OSError: the file cannot be written.
    """
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(final))
    final.parent.mkdir(parents=True, exist_ok=True)
    hidden = final.parent / f".{final.name}.{uuid.uuid4().hex}"
    try:
        hidden.write_bytes(content)
        fsync(hidden)
        hidden.rename(final)
    finally:
        hidden.unlink(missing_ok=True)


def named_file(path: Path, option: str) -> Path:
    """Return where a file goes that a user named: behind a link, since what it points at is what is meant.

    Args:
        path: as it was named; it need not exist.
        option: that named it, for the error, as `--out FILE`.

    Raises:
        LnbenchError: something else than a file is there.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        what = "folder" if path.is_dir() else "device or pipe, not a file"
        raise LnbenchError(f"'{path}' is a {what}.", f"Name a file with {option}.")
    return path


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
