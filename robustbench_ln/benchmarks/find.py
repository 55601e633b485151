"""Find the file of benchmarks and experiments that is in force."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from robustbench_ln.errors import LnbenchError

_NAME = "benchmarks.yaml"


def find_config(given: Path | None) -> Path:
    """Return the file in force: the given one, else one in the working folder, else the package's own.

    Raises:
        LnbenchError: the given file does not exist.
    """
    if given is not None:
        if not given.is_file():
            what = "is no file" if given.exists() else "does not exist"
            raise LnbenchError(f"Configuration file '{given}' {what}.", "Name a file with --config FILE.")
        return given
    here = Path(_NAME)
    return here if here.is_file() else Path(str(resources.files("robustbench_ln") / _NAME))
