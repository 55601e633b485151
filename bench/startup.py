"""Row g: seconds of `lnbench --help` and of `lnbench list` without results, as whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from side_by_side import REPEATS, rounded, seconds, tell

COMMANDS = {"lnbench --help": ["--help"], "lnbench list": ["list"]}
#: Short processes are restless.
RUNS = 2 * REPEATS - 1


def seconds_importing(command: list[str], folder: str, environment: dict[str, str]) -> dict[str, float]:
    """Return what a command of Python takes to import, by package."""
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=folder, env=environment, check=True, capture_output=True, text=True,
    ).stderr  # fmt: skip
    by_package: dict[str, float] = {}
    for line in imported.splitlines():
        own, _, name = line.removeprefix("import time:").rpartition("|")
        taken = own.partition("|")[0].strip()
        if taken.isdigit():
            package = name.strip().partition(".")[0]
            by_package[package] = by_package.get(package, 0) + int(taken) / 1e6
    return by_package


def main() -> None:
    """Time both, and print the slower."""
    program = str(Path(sys.executable).parent / "lnbench")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LNBENCH_")}
    with tempfile.TemporaryDirectory() as folder:

        def case(arguments: list[str]) -> object:
            return subprocess.run(
                [program, *arguments], cwd=folder, env=kept, check=True, capture_output=True
            )

        cases = {name: (lambda own=own: case(own)) for name, own in COMMANDS.items()}
        found = seconds(cases, RUNS)
        imported = {name: seconds_importing([program, *own], folder, kept) for name, own in COMMANDS.items()}
    by_package = imported["lnbench list"]
    torch_imported = any("torch" in packages for packages in imported.values())
    tell(
        "g",
        "seconds of the slower of lnbench --help and lnbench list, without importing torch",
        max(found.values()),
        repeats=RUNS,
        most=0.35,
        why="Typer imports pydantic to read the options of any command, which takes longer than reading "
        "the names of all items from benchmarks.yaml (`seconds_importing`, of which robustbench_ln's are "
        "mostly its modules' own); `--help` reads no options and stays below.",
        seconds=rounded(found),
        seconds_importing=rounded(dict(sorted(by_package.items(), key=lambda item: -item[1])[:6])),
        also=not torch_imported,
        torch_imported=torch_imported,
    )


if __name__ == "__main__":
    main()
