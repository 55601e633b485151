"""A folder of images: `test/<class>/*`, and `train/<class>/*` to train on, any format that Pillow reads.

A folder of classes alone, without those two, is all test images: enough to measure a finished network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from robustbench_ln.data.dataset import SPLITS, Arrays, Decoded, Split
from robustbench_ln.data.image_files import FileEntry, readable, state, visible, write_images
from robustbench_ln.errors import LnbenchError

_Listed = dict[str, dict[str, list[FileEntry]]]
#: Unreadable images that a note names.
_NAMED = 10
_LAYOUT = (
    "Expected train/<class>/* and test/<class>/* with the same classes; "
    "or, to measure finished networks, test/<class>/* or <class>/* alone."
)


def fingerprint(root: Path, image_size: int | None, skip_unreadable: bool) -> str:
    """Return the folder, names, sizes and times of all images, and what is done with them.

    Raises:
        LnbenchError: the folder is not there, or is not laid out in classes.
    """
    files = _listed(root)
    entries = {
        (split, name): [state(entry) for entry in files[split][name]]
        for split, by_class in files.items()
        for name in by_class
    }
    skipping = ("without unreadable images",) if skip_unreadable else ()
    return repr((_name(root), str(root.resolve()), image_size, entries, *skipping))


def check_layout(root: Path, *, train: bool = False) -> None:
    """Make sure that a folder is laid out in classes, with training images where they are needed.

    Raises:
        LnbenchError: the folder is not there, or is not laid out so.
    """
    if "train" not in _listed(root) and train:
        raise LnbenchError(f"Data folder '{root}' has no training images.", _LAYOUT)


def decode(root: Path, image_size: int | None, skip_unreadable: bool, into: Path) -> Decoded:
    """Decode every image to uint8, grey where all images are grey, else RGB.

    Args:
        root: the folder that holds `test` and perhaps `train`, or classes of test images.
        image_size: bring images to a square of this size (shorter side resized, centre cropped); None
            leaves them, and then all must have one size.
        skip_unreadable: leave out images that cannot be read, and note how many and which.
        into: the folder that the pixels are written to.

    Raises:
        LnbenchError: an image that cannot be read or has another size, named; a class that has no image
            which can be read.
    """
    files = _listed(root)
    left_out: list[str] = []
    if skip_unreadable:
        files, left_out = _readable(files)
    classes = tuple(files["test"])
    first = next(iter(files.values()))[classes[0]][0]
    with readable(first.path) as image:
        size = (image_size, image_size) if image_size else image.size
    grey = all(
        _is_grey(entry) for by_class in files.values() for entries in by_class.values() for entry in entries
    )

    def pixels(entry: FileEntry) -> npt.NDArray[np.uint8]:
        with readable(entry.path) as image:
            if not image_size and image.size != size:
                raise LnbenchError(
                    f"Image '{entry.path}' is {image.width}x{image.height}, "
                    f"but '{first.path}' is {size[0]}x{size[1]}.",
                    "Give --image-size SIZE to bring all images to one size.",
                )
            decoded = np.asarray(_fit(_eight_bits(image).convert("L" if grey else "RGB"), size))
        return decoded[None] if grey else decoded.transpose(2, 0, 1)

    def load(split: Split) -> Arrays:
        by_class = files.get(split, {})
        entries = [entry for name in classes for entry in by_class.get(name, [])]
        counts = [len(by_class.get(name, [])) for name in classes]
        shape = (len(entries), 1 if grey else 3, size[1], size[0])
        images = write_images(into / f"{split}_images.npy", shape, map(pixels, entries))
        return Arrays(images, np.repeat(np.arange(len(classes), dtype=np.int64), counts))

    notes = [f"images brought to {image_size}x{image_size}"] if image_size else []
    if left_out:
        named = [str(Path(path).relative_to(root)) for path in left_out[:_NAMED]]
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        notes.append(f"{len(left_out)} unreadable images left out: {', '.join(named)}{more}")
    return Decoded(_name(root), classes, load("train"), load("test"), "; ".join(notes))


def _readable(files: _Listed) -> tuple[_Listed, list[str]]:
    """Return the images that can be read, and the paths of those that cannot.

    Raises:
        LnbenchError: a class is left without images.
    """
    kept: _Listed = {}
    left_out: list[str] = []
    for split, by_class in files.items():
        kept[split] = {}
        for name, entries in by_class.items():
            whole = []
            for entry in entries:
                try:
                    with readable(entry.path) as image:
                        _eight_bits(image).load()
                    whole.append(entry)
                except LnbenchError:
                    left_out.append(entry.path)
            if not whole:
                raise LnbenchError(
                    f"No image of class '{name}' in '{split}' can be read.", f"Mend '{entries[0].path}'."
                )
            kept[split][name] = whole
    return kept, left_out


def _name(root: Path) -> str:
    """Return what the data set is called: its own folder's name tells it from other folders.

    Records are UTF-8, which a folder's name need not be.
    """
    return f"folder:{root.resolve().name}".encode("utf-8", "replace").decode("utf-8")


def _listed(root: Path) -> _Listed:
    """Return the images of each split and class, sorted by name."""
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise LnbenchError(f"Data folder '{root}' {what}.", _LAYOUT)
    present = [split for split in SPLITS if (root / split).is_dir()]
    if present == ["train"]:
        raise LnbenchError(f"Data folder '{root}' has no folder 'test'.", _LAYOUT)
    files: _Listed = {split: _classes(root / split) for split in present} or {"test": _classes(root)}
    different = set(files.get("train", files["test"])) ^ set(files["test"])
    if different:
        raise LnbenchError(
            f"Data folder '{root}': class '{min(different)}' is not in both train and test.", _LAYOUT
        )
    if len(files["test"]) < 2:
        there = "".join(f"the class '{name}' alone" for name in files["test"]) or "no classes"
        raise LnbenchError(f"Data folder '{root}' has {there}, and 2 or more are needed.", _LAYOUT)
    for split, by_class in files.items():
        empty = [name for name, images in by_class.items() if not images]
        if empty:
            place = root / split if present else root
            raise LnbenchError(f"Class folder '{place / empty[0]}' has no image.", _LAYOUT)
    return files


def _classes(folder: Path) -> dict[str, list[FileEntry]]:
    """Return the images of each class in a folder of classes."""
    try:
        return {
            entry.name: [image for image in visible(folder / entry.name) if image.is_file()]
            for entry in visible(folder)
            if entry.is_dir()
        }
    except OSError as error:
        raise LnbenchError(
            f"Data folder '{folder}' cannot be read: {error.strerror} ('{error.filename}').",
            "Remove that entry, such as a link to itself.",
        ) from error


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize the shorter side and crop the centre; an image of that size is left as it is."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.BILINEAR)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits, which Pillow's own conversion would cut off at 255.

    Raises:
        OSError: values of 32 bits, whose range no file tells.
    """
    if not _is_sixteen_bits(image):
        if image.mode in ("I", "F"):
            raise OSError("its values have 32 bits and no known range; bring them to 8 or 16 bits")
        return image
    return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))


def _is_sixteen_bits(image: Image.Image) -> bool:
    # Pillow brings a PGM of more than 8 bits to 16 in a mode of 32.
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")


def _is_grey(entry: FileEntry) -> bool:
    with readable(entry.path) as image:
        return image.mode in ("1", "L", "I", "F") or _is_sixteen_bits(image)
