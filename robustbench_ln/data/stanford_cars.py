"""Stanford Cars from files in torchvision's layout: 196 makes, models and years of cars.

The release cannot be downloaded any more, neither by torchvision nor from where it was published.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from robustbench_ln.data.dataset import Arrays, Decoded, Split
from robustbench_ln.data.image_files import readable, state, visible, write_images
from robustbench_ln.errors import LnbenchError, first_line

#: Side of the square that the paper's network sees.
IMAGE_SIZE = 224
#: Pixels kept around a car's box, as in the LocalNorm authors' code.
MARGIN = 16
_RELEASE = {"train": 8_144, "test": 8_041}
_IMAGES: dict[Split, str] = {"train": "cars_train", "test": "cars_test"}
_ANNOTATIONS: dict[Split, str] = {
    "train": "devkit/cars_train_annos.mat",
    "test": "cars_test_annos_withlabels.mat",
}
_META = "devkit/cars_meta.mat"


class _Annotation(NamedTuple):
    """One image: its file's name, its class from 0, and the car's box, which is all 0 where not known."""

    file: str
    label: int
    box: tuple[int, int, int, int]


def fingerprint(data_dir: Path, image_size: int) -> str:
    """Return the folder, names, sizes and times of all files, and the size that images are brought to.

    Raises:
        LnbenchError: files are missing; it says which, and where they go.
    """
    root = data_dir / "stanford_cars"
    wanted = [*_IMAGES.values(), *_ANNOTATIONS.values(), _META]
    missing = [f"'{name}'" for name in wanted if not (root / name).exists()]
    if missing:
        raise LnbenchError(
            f"Data set 'stanford-cars' is not complete in '{root}': {', '.join(missing)} missing.",
            f"It cannot be downloaded any more. Put {_IMAGES['train']}/*.jpg, {_IMAGES['test']}/*.jpg, "
            f"{_ANNOTATIONS['test']}, {_ANNOTATIONS['train']} and {_META} there, or name the folder above "
            "it with --data-dir DIR.",
        )
    folders = (root, root / "devkit", *(root / name for name in _IMAGES.values()))
    entries = [[state(entry) for entry in visible(folder) if entry.is_file()] for folder in folders]
    return repr((str(root.resolve()), image_size, MARGIN, entries))


def decode(data_dir: Path, image_size: int, into: Path) -> Decoded:
    """Decode every image to RGB: cropped to its box and 16 px around it, then resized to a square.

    An image whose box is all 0 is not cropped. The resize is Pillow's bilinear one, which averages where it
    makes an image smaller; the authors' does not. The aspect changes, as in theirs.

    Args:
        data_dir: the folder that holds `stanford_cars`.
        image_size: side of the square.
        into: the folder that the pixels are written to.

    Raises:
        LnbenchError: an image or an annotation file that cannot be read, named.

    Source:
        Krause et al., 3D Object Representations for Fine-Grained Categorization, 2013; the crop is that of
        the LocalNorm authors' code.
    """
    root = data_dir / "stanford_cars"
    classes = tuple(str(name) for name in _read(root / _META, "class_names"))
    smaller = boxless = 0

    def pixels(split: Split, annotations: list[_Annotation]) -> Iterator[npt.NDArray[np.uint8]]:
        nonlocal smaller, boxless
        for annotation in annotations:
            path = root / _IMAGES[split] / annotation.file
            with readable(path) as image:
                car = _crop(image.convert("RGB"), annotation.box, path)
            smaller += min(car.size) < image_size
            boxless += not any(annotation.box)
            resized = car.resize((image_size, image_size), Image.Resampling.BILINEAR)
            yield np.asarray(resized).transpose(2, 0, 1)

    def load(split: Split) -> Arrays:
        annotations = _annotations(root / _ANNOTATIONS[split])
        shape = (len(annotations), 3, image_size, image_size)
        images = write_images(into / f"{split}_images.npy", shape, pixels(split, annotations))
        return Arrays(images, np.array([one.label for one in annotations], dtype=np.int64))

    splits = {"train": load("train"), "test": load("test")}
    images = {name: len(split.labels) for name, split in splits.items()}
    total = sum(images.values())
    notes = [
        f"cropped to the box + {MARGIN} px" if boxless < total else "not cropped",
        f"{boxless:,} of {total:,} images have no box" if boxless else "",
        f"resized to {image_size}x{image_size}",
        f"{smaller:,} of {total:,} images were smaller" if smaller else "",
        "" if images == _RELEASE else "not the release's split of 8,144 and 8,041 images",
    ]
    return Decoded("stanford-cars", classes, splits["train"], splits["test"], "; ".join(filter(None, notes)))


def _crop(image: Image.Image, box: tuple[int, int, int, int], path: Path) -> Image.Image:
    if not any(box):
        return image
    left, top, right, bottom = box
    if not (0 <= left < min(right, image.width) and 0 <= top < min(bottom, image.height)):
        raise LnbenchError(
            f"Image '{path}' is {image.width}x{image.height}, but its box goes from ({left}, {top}) to "
            f"({right}, {bottom}).",
            "Use the images that the annotations were made for; a box of zeros means none.",
        )
    return image.crop(
        (
            max(left - MARGIN, 0),
            max(top - MARGIN, 0),
            min(right + MARGIN, image.width),
            min(bottom + MARGIN, image.height),
        )
    )


def _annotations(path: Path) -> list[_Annotation]:
    """Read one split's annotations; classes count from 1 in the file."""
    raw = _read(path, "annotations")
    fields = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")
    missing = [name for name in fields if name not in (raw.dtype.names or ())]
    if missing:
        raise LnbenchError(
            f"'{path}' has annotations without {', '.join(missing)}.", "Use the release's annotations."
        )
    try:
        # Coordinates are stored as small unsigned integers, to which 16 cannot be added.
        return [
            _Annotation(
                str(row["fname"]),
                int(row["class"]) - 1,
                (int(row["bbox_x1"]), int(row["bbox_y1"]), int(row["bbox_x2"]), int(row["bbox_y2"])),
            )
            for row in raw
        ]
    except (TypeError, ValueError, OverflowError) as error:
        raise LnbenchError(f"'{path}' has an annotation that is no number: {error}.") from error


def _read(path: Path, variable: str) -> Any:
    """Return one variable of a MATLAB file, as an array of one axis."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, squeeze_me=True)
    except Exception as error:  # a damaged file makes SciPy's parser fail anyhow, with a NameError even
        raise LnbenchError(
            f"'{path}' cannot be read: {first_line(error)}.", "Use the release's file."
        ) from error
    if variable not in content:
        raise LnbenchError(f"'{path}' holds no '{variable}'.", "Use the release's file.")
    return np.atleast_1d(content[variable])
