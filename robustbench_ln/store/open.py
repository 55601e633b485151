"""Open results by path, whether they lie in a folder or in one packed file."""

from __future__ import annotations

from pathlib import Path

from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.packed import PackedStore, read_only
from robustbench_ln.store.store import Store


def open_store(path: Path) -> Store | PackedStore:
    """Open results to be read.

    Args:
        path: a results folder, which need not exist, or a file of packed results.

    Raises:
        LnbenchError: a file that is no packed results, or a path that names one and does not exist.
    """
    if path.is_file():
        return PackedStore(path)
    if path.suffix == ".npz" and not path.exists():
        raise LnbenchError(f"There is no file '{path}'.", "lnbench results pack writes packed results.")
    return Store(path)


def check_there(path: Path) -> None:
    """Make sure that results exist, where a mistyped path would be told as results that are empty.

    Raises:
        LnbenchError: it does not.
    """
    if not path.exists():
        raise LnbenchError(
            f"There are no results at '{path}'.",
            "Name a results folder or a packed file. lnbench train, then lnbench corrupt-eval, fill one.",
        )


def writable_store(path: Path) -> Store:
    """Open a results folder to be written, which need not exist.

    Raises:
        LnbenchError: the path is a file; packed results are read-only.
    """
    if path.is_file():
        raise read_only(path)
    return Store(path)
