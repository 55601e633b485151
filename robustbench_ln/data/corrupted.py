"""A folder of corrupted images in CIFAR-10-C's layout, read by memory map and never copied.

Each `<corruption>.npy` holds the same images five times, (5 images, H, W, C) uint8, at severities 1 to 5 in
order; `labels.npy` holds the label of each.

Source: Hendrycks and Dietterich 2019; CIFAR-10-C has 19 files of five times 10,000 images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.data.dataset import Arrays, DataInfo, DataSet, Split, SplitInfo
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.noise.severity import SEVERITIES
from robustbench_ln.wording import counted

_LABELS = "labels.npy"
_LAYOUT = (
    "Expected is CIFAR-10-C's layout: <corruption>.npy of (5 x images, height, width, channels) uint8, "
    "and labels.npy of whole numbers."
)


@dataclass(frozen=True)
class CorruptedSet(DataSet):
    """The images of one corruption at one severity, as a data set with a test split alone.

    Attributes:
        corruption: the file's name without its ending.
        severity: 1 to 5.
        images_checksum: hash over these images, which names them in a cell.
    """

    corruption: str
    severity: int
    images_checksum: str

    def arrays(self, split: Split) -> Arrays:
        """Open the images by memory map, (N, C, H, W) in the file's own order, and their labels."""
        if split != "test":
            raise LnbenchError(f"'{self.folder}' has no {split} images: corrupted images are to test on.")
        labels = _load(self.folder / _LABELS)
        count = len(labels) // len(SEVERITIES)
        part = slice((self.severity - 1) * count, self.severity * count)
        images = _load(self.folder / f"{self.corruption}.npy")[part]
        return Arrays(images.transpose(0, 3, 1, 2), np.array(labels[part], dtype=np.int64))

    def identity(self, split: Split, limit: int | None) -> dict[str, Any]:
        """Return what names the images: `checksum` is that of the labels, shared by all of the folder."""
        return {**super().identity(split, limit), "images": self.images_checksum}

    @property
    def place(self) -> str:
        """What tells these images from others on this machine."""
        return f"{self.folder}/{self.corruption}.npy {self.severity}"


@dataclass(frozen=True)
class CorruptedFolder:
    """A folder of corrupted images, checked.

    Attributes:
        path: the folder.
        corruptions: the files' names without their ending, sorted or as they were asked for.
        shape: (C, H, W) of every image.
        images: of each severity.
        labels: one more than the largest label.
        checksum: hash over the labels, of which there are `images`.
    """

    path: Path
    corruptions: tuple[str, ...]
    shape: tuple[int, int, int]
    images: int
    labels: int
    checksum: str

    @property
    def spec(self) -> str:
        """How messages and data sets call it."""
        return f"corrupted:{self.path}"

    def true_labels(self) -> npt.NDArray[np.int64]:
        """Return the (images,) labels that the images of every corruption and severity share."""
        return np.array(_load(self.path / _LABELS)[: self.images], dtype=np.int64)

    def sets(
        self,
        severities: Sequence[int] = SEVERITIES,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> list[CorruptedSet]:
        """Return the images of every corruption and severity; all of them are read once, for their checksums.

        Args:
            severities: of 1 to 5.
            on_note: told before it, as it may take some seconds.
        """
        on_note(f"Reading {counted(len(self.corruptions), 'file')} of corrupted images in '{self.path}'.")
        channels = self.shape[0]
        test = SplitInfo(self.images, self.checksum, (0,) * channels, (255,) * channels)
        info = DataInfo(
            f"corrupted:{self.path.name}",
            self.shape,
            tuple(map(str, range(self.labels))),
            {"test": test, "train": replace(test, images=0, checksum="")},
        )
        return [
            CorruptedSet(info, self.path, self.spec, None, corruption, severity, _digest(images, severity))
            for corruption in self.corruptions
            for images in (_load(self.path / f"{corruption}.npy"),)
            for severity in severities
        ]


def open_corrupted(folder: Path, corruptions: Sequence[str] = ()) -> CorruptedFolder:
    """Check a folder of corrupted images, by the heads of its files and by its labels.

    Args:
        folder: in CIFAR-10-C's layout.
        corruptions: names of files without their ending; empty for all.

    Raises:
        LnbenchError: no folder, no such file, a file that is no array of that layout or holds pickled
            objects, or labels that do not repeat for each severity.
    """
    path = folder.expanduser().resolve()
    if not path.is_dir():
        raise LnbenchError(f"There is no folder '{folder}' of corrupted images.", _LAYOUT)
    if not (path / _LABELS).is_file():
        raise LnbenchError(f"'{path}' has no {_LABELS}.", _LAYOUT)
    found = sorted(file.stem for file in path.glob("*.npy") if file.name != _LABELS)
    if not found:
        raise LnbenchError(f"'{path}' holds no file of corrupted images.", _LAYOUT)
    for name in corruptions:
        if name not in found:
            raise UnknownNameError("corruption", name, found)
    labels = _checked_labels(path / _LABELS)
    chosen = tuple(dict.fromkeys(corruptions)) or tuple(found)
    shapes = {name: _checked_images(path / f"{name}.npy", len(labels) * len(SEVERITIES)) for name in chosen}
    different = [name for name in chosen if shapes[name] != shapes[chosen[0]]]
    if different:
        raise LnbenchError(
            f"'{path}' has images of different shapes: {shapes[chosen[0]]} in '{chosen[0]}.npy', "
            f"{shapes[different[0]]} in '{different[0]}.npy'.",
            "Keep one size in a folder.",
        )
    height, width, channels = shapes[chosen[0]]
    digest = hashlib.blake2b(
        repr(shapes[chosen[0]]).encode() + labels.astype("<i8").tobytes(), digest_size=16
    )
    return CorruptedFolder(
        path, chosen, (channels, height, width), len(labels), int(labels.max()) + 1, digest.hexdigest()
    )


def _checked_labels(file: Path) -> npt.NDArray[np.int64]:
    """Return the labels of one severity."""
    labels = _load(file)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise LnbenchError(f"'{file}' holds {labels.dtype} of shape {labels.shape}.", _LAYOUT)
    if not len(labels) or len(labels) % len(SEVERITIES):
        raise LnbenchError(
            f"'{file}' holds {len(labels)} labels, which are not {len(SEVERITIES)} equal parts.", _LAYOUT
        )
    if labels.min() < 0:
        raise LnbenchError(f"'{file}' holds the label {labels.min()}, which is no class.", _LAYOUT)
    by_severity = labels.reshape(len(SEVERITIES), -1)
    if (by_severity != by_severity[0]).any():
        raise LnbenchError(
            f"The labels in '{file}' do not repeat: each severity has the same images in the same order.",
            _LAYOUT,
        )
    first: npt.NDArray[np.int64] = by_severity[0].astype(np.int64)
    return first


def _checked_images(file: Path, images: int) -> tuple[int, ...]:
    """Return (H, W, C) of a file of as many images."""
    array = _load(file)
    if array.ndim != 4 or array.dtype != np.uint8 or array.shape[3] not in (1, 3) or not array.size:
        raise LnbenchError(f"'{file}' holds {array.dtype} of shape {array.shape}.", _LAYOUT)
    if len(array) != images:
        raise LnbenchError(f"'{file}' holds {len(array)} images, but {_LABELS} has {images} labels.", _LAYOUT)
    return tuple(array.shape[1:])


def _load(file: Path) -> npt.NDArray[Any]:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LnbenchError(f"'{file}' is no array that can be read: {error}.", _LAYOUT) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise LnbenchError(f"'{file}' is an archive of arrays, not one array.", _LAYOUT)
    return array


def _digest(images: npt.NDArray[np.uint8], severity: int) -> str:
    count = len(images) // len(SEVERITIES)
    part = images[(severity - 1) * count : severity * count]
    digest = hashlib.blake2b(repr(part.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
