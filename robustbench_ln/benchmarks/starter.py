"""Begin a file of benchmarks."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from robustbench_ln.errors import LnbenchError


def write_starter(path: Path) -> None:
    """Write a small file of benchmarks with comments.

    Raises:
        LnbenchError: something stands there, or the place cannot be written.
    """
    content = (resources.files("robustbench_ln") / "benchmarks" / "starter.yaml").read_bytes()
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise LnbenchError(
            f"'{path}' is there already, and is left as it is.", "Name another file: lnbench config init FILE"
        ) from error
    except OSError as error:
        raise LnbenchError(f"Cannot write '{path}': {error.strerror}.", "Name another place.") from error
