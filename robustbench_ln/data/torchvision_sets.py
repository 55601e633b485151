"""MNIST and CIFAR-10 through torchvision, which downloads them when the network is there."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np

from robustbench_ln.data.dataset import Arrays, Decoded
from robustbench_ln.errors import LnbenchError, first_line

_FOLDERS = {"mnist": "MNIST/raw", "cifar10": "cifar-10-batches-py"}
_CLASSES = {"mnist": "MNIST", "cifar10": "CIFAR10"}


def fingerprint(name: str, data_dir: Path) -> str | None:
    """Return names, sizes and times of the files in torchvision's layout, None when there are none."""
    folder = data_dir / _FOLDERS[name]
    files = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
    if not files:
        return None
    return repr([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])


def decode(name: str, data_dir: Path) -> Decoded:
    """Read a data set from torchvision's layout under `data_dir`, downloading it first where needed.

    Raises:
        LnbenchError: the files are not there and cannot be downloaded, or cannot be read.
    """
    train, test = (_open(name, data_dir, train=flag) for flag in (True, False))
    classes = tuple(str(label) for label in range(10)) if name == "mnist" else tuple(train.classes)
    return Decoded(name, classes, _arrays(train), _arrays(test))


def _open(name: str, data_dir: Path, *, train: bool) -> Any:
    from torchvision import datasets

    data_class = getattr(datasets, _CLASSES[name])
    where = data_dir / _FOLDERS[name]
    hint = f"Put torchvision's files into '{where}', or name the folder above it with --data-dir DIR."
    try:
        # torchvision prints the download's course; stdout belongs to the command's data.
        with contextlib.redirect_stdout(sys.stderr):
            return data_class(data_dir, train=train, download=True)
    except (OSError, RuntimeError, ValueError, EOFError, IndexError, AssertionError) as error:
        reason = first_line(error)
        if isinstance(error, URLError) or "download" in reason.lower():
            what = f"is not complete under '{data_dir}' and cannot be downloaded"
        else:
            what = f"cannot be read from '{where}'"
        raise LnbenchError(f"Data set '{name}' {what}: {reason}.", hint) from error


def _arrays(data: Any) -> Arrays:
    images = np.asarray(data.data, dtype=np.uint8)
    channels_first = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return Arrays(np.ascontiguousarray(channels_first), np.asarray(data.targets, dtype=np.int64))
