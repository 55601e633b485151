"""Read the files of a store that may be a stranger's: no pipes, nothing huge, nothing from elsewhere."""

from __future__ import annotations

import math
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

#: Bytes of a text; no record, card or log that lnbench writes comes near.
MOST_TEXT = 64 * 2**20
#: Bytes of a cell's arrays, as they lie in memory: confusion matrices of 11,000 classes.
MOST_ARRAYS = 2**30
#: Bytes of all that is packed in one file, as it lies in memory: 2,000 matrices of 1,000 classes.
MOST_PACKED = 2**31
#: Bytes of the documents among it, such as the logs of some thousand networks.
MOST_DOCUMENTS = 2**28


def read_own(path: Path, root: Path, most: int = MOST_TEXT) -> bytes:
    """Return the content of a file of a results folder.

    Args:
        path: the file.
        root: the folder.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, is too large, or a link that leads out.
    """
    if leads_out(path, root):
        raise OSError("it is a link that leads out of the results")
    return read_regular(path, most)


def read_regular(path: Path, most: float = math.inf) -> bytes:
    """Return the content of a file, wherever it lies; the errors are those of `read_own`."""
    # Opening a pipe would wait for its writer, and a device has no end.
    known = path.stat()
    if not stat.S_ISREG(known.st_mode):
        raise OSError("it is no regular file")
    if known.st_size > most:
        raise OSError(f"it has {known.st_size:,} bytes, of which at most {most:,} are read")
    return path.read_bytes()


def leads_out(path: Path, root: Path) -> bool:
    """Return whether a file is a link to a place outside of its folder and of the results.

    What it points at may be no result, and is not for whoever gets a copy of the results.
    """
    if not path.is_symlink():
        return False
    # Unlike Path.resolve, which raises no OSError, realpath leaves a link to itself to whoever opens it.
    real = Path(os.path.realpath(path))
    return not any(real.is_relative_to(folder.resolve()) for folder in (path.parent, root))


def check_inflated(archive: zipfile.ZipFile, most: int) -> None:
    """Make sure, before it is read, that an archive does not fill the memory.

    Raises:
        ValueError: it would.
    """
    size = sum(entry.file_size for entry in archive.infolist())
    if size > most:
        raise ValueError(f"it holds {size:,} bytes, of which at most {most:,} are read")


def as_counts(array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return an array as int64.

    Raises:
        ValueError: it would fill the memory.
    """
    if 8 * array.size > MOST_ARRAYS:
        raise ValueError(f"{array.size:,} numbers are more than a cell has")
    return array.astype(np.int64)
