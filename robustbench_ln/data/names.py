"""The names of data sets, as on the command line and in benchmarks.yaml; none is looked for."""

from __future__ import annotations

from robustbench_ln.errors import LnbenchError, UnknownNameError

DATA_NAMES = ("digits", "mnist", "cifar10", "stanford-cars", "folder:PATH")
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
        raise UnknownNameError("data set", spec, DATA_NAMES)
    return name, path


def takes_image_size(spec: str) -> bool:
    """Return whether a data set's images can be brought to a size."""
    return spec.partition(":")[0] in _SIZED
