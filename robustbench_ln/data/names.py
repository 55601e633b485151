"""The names of data sets, as on the command line and in benchmarks.yaml; none is looked for."""

from __future__ import annotations

from pathlib import Path

from robustbench_ln.errors import LnbenchError, UnknownNameError

#: What images each has, and where they come from.
DATA_SETS: dict[str, tuple[str, str]] = {
    "digits": ("1,797 grey images, 28x28, 10 classes", "embedded: scikit-learn's 8x8 digits, enlarged"),
    "mnist": ("70,000 grey images, 28x28, 10 classes", "downloaded on first use, or placed by hand"),
    "cifar10": ("60,000 colour images, 32x32, 10 classes", "downloaded on first use, or placed by hand"),
    "stanford-cars": (
        "16,185 photographs of cars, 196 classes",
        "placed by hand; the download is gone",
    ),
    "folder:PATH": ("your own", "a folder that you name"),
}
DATA_NAMES = tuple(DATA_SETS)
#: Sets whose image files are brought to a size.
_SIZED = ("stanford-cars", "folder")


def check_spec(spec: str) -> tuple[str, str]:
    """Return the name and the path of a data set as on the command line, without looking for it.

    Raises:
        LnbenchError: an unknown name, or a folder without a path.
    """
    name, _, path = spec.partition(":")
    if name == "folder":
        if not path:
            raise LnbenchError("Data 'folder' needs a path.", "Write folder:PATH.")
    elif spec not in DATA_NAMES:
        more = f"For the folder '{spec}': folder:{spec}" if Path(spec).is_dir() else ""
        raise UnknownNameError("data set", spec, DATA_NAMES, more)
    return name, path


def takes_image_size(spec: str) -> bool:
    """Return whether a data set's images can be brought to a size."""
    return spec.partition(":")[0] in _SIZED
