"""A decoded data set: what is known of it, and its splits as memory-mapped uint8 arrays."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from robustbench_ln.errors import LnbenchError

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True)
class SplitInfo:
    """What is known of one split.

    Attributes:
        images: number of images; a split that is not there has none, no checksum and no channels.
        checksum: hash over shape, pixels and labels; names the content, not the files it came from.
        minimum, maximum: of each channel, 0 to 255.
    """

    images: int
    checksum: str
    minimum: tuple[int, ...]
    maximum: tuple[int, ...]


@dataclass(frozen=True)
class DataInfo:
    """What is known of a data set without opening its arrays.

    Attributes:
        name: "digits", "mnist", "cifar10", "stanford-cars", or "folder:" and the folder's own name.
        shape: (C, H, W) of every image.
        classes: the classes' names; a label is a position in it.
        splits: "train" and "test".
        note: what a reader of its numbers must know, such as a resize.
    """

    name: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    splits: dict[str, SplitInfo]
    note: str = ""

    @classmethod
    def read(cls, folder: Path) -> DataInfo:
        """Read what `write_decoded` wrote.

        Raises:
            LnbenchError: it is not there, or damaged.
        """
        try:
            raw = json.loads((folder / "info.json").read_text(encoding="utf-8"))
            splits = {
                name: SplitInfo(
                    split["images"], split["checksum"], tuple(split["minimum"]), tuple(split["maximum"])
                )
                for name, split in raw["splits"].items()
            }
            channels, height, width = raw["shape"]
            return cls(raw["name"], (channels, height, width), tuple(raw["classes"]), splits, raw["note"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise unreadable(folder, error) from error


@dataclass(frozen=True)
class Arrays:
    """One split: images (N, C, H, W) uint8 and labels (N,) int64."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Decoded:
    """What a source hands over: its classes and both splits."""

    name: str
    classes: tuple[str, ...]
    train: Arrays
    test: Arrays
    note: str = ""


@dataclass(frozen=True)
class DataSet:
    """A data set on disk, decoded.

    Attributes:
        info: what is known of it.
        folder: where its arrays lie.
        spec: how it was named, as on the command line.
        image_size: to which the images of a folder or of stanford-cars were brought.
    """

    info: DataInfo
    folder: Path
    spec: str
    image_size: int | None

    def check_train(self, purpose: str) -> None:
        """Check that there are images to train on.

        Raises:
            LnbenchError: there are none, with what they are for.
        """
        if not self.info.splits["train"].images:
            raise LnbenchError(
                f"Data set '{self.info.name}' has no training images, and {purpose}.",
                "Put them into train/<class>/* beside test.",
            )

    @property
    def place(self) -> str:
        """What tells its arrays from others on this machine."""
        return str(self.folder)

    def arrays(self, split: Split) -> Arrays:
        """Open a split by memory map: nothing is read until it is used.

        Raises:
            LnbenchError: the arrays are missing or damaged.
        """
        try:
            return Arrays(
                np.load(self.folder / f"{split}_images.npy", mmap_mode="r"),
                np.load(self.folder / f"{split}_labels.npy"),
            )
        except (OSError, ValueError, EOFError) as error:
            raise unreadable(self.folder, error) from error

    def identity(self, split: Split, limit: int | None) -> dict[str, Any]:
        """Return what names the images that a number was measured on."""
        return {
            "name": self.info.name,
            "split": split,
            "checksum": self.info.splits[split].checksum,
            "limit": None if limit is None or limit >= self.info.splits[split].images else limit,
        }


def unreadable(folder: Path, error: Exception) -> LnbenchError:
    """Return the error of decoded data that are damaged."""
    return LnbenchError(
        f"Decoded data in '{folder}' cannot be read: {error}.",
        f"Remove it, to have them decoded again: rm -r '{folder}'.",
    )


def write_decoded(decoded: Decoded, folder: Path) -> None:
    """Write both splits and what is known of them into a folder.

    Args:
        decoded: what a source handed over.
        folder: a source of large data may have written its `train_images.npy` and `test_images.npy` there.

    Raises:
        LnbenchError: there is no test image, a split has labels that do not fit its images or classes, or
            the two splits' images differ in shape.
    """
    arrays = {"train": decoded.train, "test": decoded.test}
    if not len(decoded.test.labels):
        raise LnbenchError(f"Data set '{decoded.name}' has no test image.")
    for split, content in arrays.items():
        if len(content.images) != len(content.labels):
            raise LnbenchError(
                f"Data set '{decoded.name}' has {len(content.images)} {split} images, "
                f"but {len(content.labels)} labels."
            )
        if ((content.labels < 0) | (content.labels >= len(decoded.classes))).any():
            raise LnbenchError(
                f"Data set '{decoded.name}' has {split} labels from {content.labels.min()} to "
                f"{content.labels.max()}, but {len(decoded.classes)} classes."
            )
    shapes = {content.images.shape[1:] for content in arrays.values()}
    if len(shapes) > 1:
        raise LnbenchError(f"Data set '{decoded.name}' has images of different shapes: {sorted(shapes)}.")
    channels, height, width = shapes.pop()
    for split, content in arrays.items():
        if not (folder / f"{split}_images.npy").exists():
            np.save(folder / f"{split}_images.npy", content.images)
        np.save(folder / f"{split}_labels.npy", content.labels)
    splits = {split: _split_info(content) for split, content in arrays.items()}
    info = DataInfo(decoded.name, (channels, height, width), decoded.classes, splits, decoded.note)
    (folder / "info.json").write_text(json.dumps(asdict(info), indent=1), encoding="utf-8")


def limited(images: int, limit: int | None) -> npt.NDArray[np.int64]:
    """Return the ascending indices of the images in use: all, or a fixed random choice of `limit`.

    A random choice, since files often lie sorted by class and the first ones would be of one class.
    """
    if limit is None or limit >= images:
        return np.arange(images)
    chosen = np.random.Generator(np.random.Philox(0)).permutation(images)[:limit]
    return np.sort(chosen).astype(np.int64)


def _split_info(arrays: Arrays) -> SplitInfo:
    if not len(arrays.labels):
        return SplitInfo(0, "", (), ())
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((arrays.images.shape, arrays.images.dtype.str)).encode())
    digest.update(np.ascontiguousarray(arrays.images).data)
    digest.update(arrays.labels.astype("<i8").tobytes())
    low, high = arrays.images.min((0, 2, 3)), arrays.images.max((0, 2, 3))
    return SplitInfo(
        len(arrays.labels), digest.hexdigest(), tuple(int(v) for v in low), tuple(int(v) for v in high)
    )
