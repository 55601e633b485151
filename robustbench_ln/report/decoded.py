"""Find decoded data sets by their content; nothing is downloaded or decoded for a page."""

from __future__ import annotations

from pathlib import Path

from robustbench_ln.data.dataset import DataInfo, DataSet
from robustbench_ln.data.open import default_data_dir


def decoded_folders(data_dir: Path) -> list[Path]:
    """Return the folders of decoded data sets, those under `data_dir` first."""
    roots = dict.fromkeys(root / "decoded" for root in (data_dir, default_data_dir()))
    return [
        folder
        for root in roots
        if root.is_dir()
        for folder in sorted(root.iterdir())
        if not folder.name.startswith(".")
    ]


def find_decoded(test_checksum: str, data_dir: Path) -> DataSet | None:
    """Return the data set whose test images have a checksum, None where it is not on this machine."""
    for folder in decoded_folders(data_dir):
        try:
            info = DataInfo.read(folder)
            found = info.splits["test"].checksum
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # not a decoded data set, or a broken one
        if found == test_checksum:
            return DataSet(info, folder, spec=info.name, image_size=None)
    return None
