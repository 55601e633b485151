"""What data sets made of image files share: listing files, opening an image, writing decoded pixels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from robustbench_ln.errors import LnbenchError, first_line

FileEntry = os.DirEntry[str]


def visible(folder: Path) -> list[FileEntry]:
    """Return what a folder holds, sorted by name, without hidden entries."""
    # Directory entries know a file from a folder, and Path objects cost a second on 60,000 images.
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)


def state(entry: FileEntry) -> tuple[str, int, int]:
    """Return name, size and time of a file: what tells that it is the same as before."""
    status = entry.stat()
    return entry.name, status.st_size, status.st_mtime_ns


@contextmanager
def readable(path: str | Path) -> Iterator[Image.Image]:
    """Open an image; whatever Pillow finds wrong with it, also while it is decoded, names the file.

    Raises:
        LnbenchError: the file is missing or is no whole image.
    """
    try:
        # Pillow only warns of what is up to twice its limit, and then decodes it.
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except LnbenchError:
        raise
    except Exception as error:
        # Each decoder raises its own kinds, RuntimeError and TypeError among them.
        raise LnbenchError(
            f"Image '{path}' cannot be read: {first_line(error)}.",
            "Remove or replace it, then run the command again.",
        ) from error


def write_images(
    path: Path, shape: tuple[int, int, int, int], images: Iterable[npt.NDArray[np.uint8]]
) -> npt.NDArray[np.uint8]:
    """Write images one after the other, so that memory holds one, and return them memory-mapped.

    Args:
        path: of the .npy file.
        shape: (N, C, H, W) of all images.
        images: N arrays (C, H, W) uint8.
    """
    # Not through a writable memory map: a full disk would end the process by a signal, not an error.
    with path.open("wb") as file:
        header = {"descr": np.dtype(np.uint8).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for image in images:
            file.write(np.ascontiguousarray(image).data)
    mapped: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return mapped
