"""Where decoded data sets lie, and finding one by its content; nothing is downloaded or decoded here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from robustbench_ln.data.data_dir import default_data_dir
from robustbench_ln.data.dataset import SPLITS, DataInfo, DataSet
from robustbench_ln.errors import LnbenchError

_FOLDER = "decoded"


def decoded_root(data_dir: Path) -> Path:
    """Return where decoded data are kept: in `data_dir`, or in the default place if that is read-only."""
    if os.access(data_dir, os.W_OK) or not data_dir.exists():
        return data_dir / _FOLDER
    return default_data_dir() / _FOLDER


def decoded_folders(data_dir: Path) -> list[Path]:
    """Return the folders of decoded data sets, those under `data_dir` first."""
    roots = dict.fromkeys(root / _FOLDER for root in (data_dir, default_data_dir()))
    return [
        folder
        for root in roots
        if root.is_dir()
        for folder in sorted(root.iterdir())
        if not folder.name.startswith(".")
    ]


def decoded_sets(data_dir: Path) -> Iterator[tuple[Path, DataInfo]]:
    """Yield the decoded data sets that can be read: the folder of each, and what is known of it."""
    for folder in decoded_folders(data_dir):
        try:
            info = DataInfo.read(folder)
        except LnbenchError:
            continue  # not a decoded data set, or a broken one
        if info.splits.keys() >= set(SPLITS):
            yield folder, info


def find_decoded(test_checksum: str, data_dir: Path) -> DataSet | None:
    """Return the data set whose test images have a checksum, None where it is not on this machine."""
    for folder, info in decoded_sets(data_dir):
        if info.splits["test"].checksum == test_checksum:
            return DataSet(info, folder, spec=info.name, image_size=None)
    return None
