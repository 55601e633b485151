"""A folder of images: `train/<class>/*` and `test/<class>/*`, any format that Pillow reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from robustbench_ln.data.dataset import SPLITS, Arrays, Decoded
from robustbench_ln.errors import LnbenchError

_LAYOUT = "Expected train/<class>/* and test/<class>/* with the same classes."


def fingerprint(root: Path, image_size: int | None) -> str:
    """Return the folder, names, sizes and times of all images, and the size they are brought to.

    Raises:
        LnbenchError: the folder is not there, or is not laid out in classes.
    """
    files = _listed(root)
    entries = [
        (str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns)
        for split in SPLITS
        for paths in files[split].values()
        for path in paths
    ]
    return repr((str(root.resolve()), image_size, entries))


def decode(root: Path, image_size: int | None) -> Decoded:
    """Decode every image to uint8, grey where all images are grey, else RGB.

    Args:
        root: the folder that holds `train` and `test`.
        image_size: bring images to a square of this size (shorter side resized, centre cropped); None
            leaves them, and then all must have one size.

    Raises:
        LnbenchError: an image that cannot be read or has another size, named.
    """
    files = _listed(root)
    classes = tuple(files["train"])
    first = files["train"][classes[0]][0]
    with _readable(first) as image:
        size = (image_size, image_size) if image_size else image.size
    grey = all(_is_grey(path) for split in SPLITS for paths in files[split].values() for path in paths)

    def load(split: str) -> Arrays:
        labelled = [(path, label) for label, name in enumerate(classes) for path in files[split][name]]
        channels = 1 if grey else 3
        images = np.empty((len(labelled), channels, size[1], size[0]), dtype=np.uint8)
        for position, (path, _) in enumerate(labelled):
            with _readable(path) as image:
                if not image_size and image.size != size:
                    raise LnbenchError(
                        f"Image '{path}' is {image.width}x{image.height}, "
                        f"but '{first}' is {size[0]}x{size[1]}.",
                        "Give --image-size SIZE to bring all images to one size.",
                    )
                pixels = np.asarray(_fit(_eight_bits(image).convert("L" if grey else "RGB"), size))
            images[position] = pixels[None] if grey else pixels.transpose(2, 0, 1)
        return Arrays(images, np.array([label for _, label in labelled], dtype=np.int64))

    note = f"images brought to {image_size}x{image_size}" if image_size else ""
    return Decoded("folder", classes, load("train"), load("test"), note)


def _listed(root: Path) -> dict[str, dict[str, list[Path]]]:
    """Return the images of each split and class, sorted by name."""
    if not root.is_dir():
        raise LnbenchError(f"Data folder '{root}' does not exist.", _LAYOUT)
    files: dict[str, dict[str, list[Path]]] = {}
    for split in SPLITS:
        folder = root / split
        if not folder.is_dir():
            raise LnbenchError(f"Data folder '{root}' has no folder '{split}'.", _LAYOUT)
        files[split] = {
            entry.name: sorted(path for path in entry.iterdir() if path.is_file() and path.name[0] != ".")
            for entry in sorted(folder.iterdir())
            if entry.is_dir() and entry.name[0] != "."
        }
    different = set(files["train"]) ^ set(files["test"])
    if different:
        raise LnbenchError(
            f"Data folder '{root}': class '{min(different)}' is not in both train and test.", _LAYOUT
        )
    if len(files["train"]) < 2:
        raise LnbenchError(
            f"Data folder '{root}' has {len(files['train'])} class(es), 2 or more are needed.", _LAYOUT
        )
    for folder_name, by_class in files.items():
        empty = [name for name, paths in by_class.items() if not paths]
        if empty:
            raise LnbenchError(f"Data folder '{root / folder_name / empty[0]}' has no image.", _LAYOUT)
    return files


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize the shorter side and crop the centre; an image of that size is left as it is."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.BILINEAR)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits, which Pillow's own conversion would cut off at 255."""
    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))


def _is_grey(path: Path) -> bool:
    with _readable(path) as image:
        return image.mode in ("1", "L") or image.mode.startswith("I;16")


@contextmanager
def _readable(path: Path) -> Iterator[Image.Image]:
    """Open an image; whatever Pillow finds wrong with it, also while it is decoded, names the file."""
    try:
        with Image.open(path) as image:
            yield image
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise LnbenchError(
            f"Image '{path}' cannot be read: {error}.", "Remove or replace it, then run the command again."
        ) from error
