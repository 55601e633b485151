"""Row g: seconds of `lnbench --help` and of `lnbench list` without results, as whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from side_by_side import rounded, seconds, tell

COMMANDS = {"lnbench --help": ["--help"], "lnbench list": ["list"]}


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
        found = seconds(cases, repeats=9)
        imported = subprocess.run(
            [sys.executable, "-X", "importtime", program, "list"],
            cwd=folder, env=kept, check=True, capture_output=True, text=True,
        ).stderr  # fmt: skip
    by_package: dict[str, float] = {}
    for line in imported.splitlines():
        own, _, name = line.removeprefix("import time:").rpartition("|")
        taken = own.partition("|")[0].strip()
        if taken.isdigit():
            package = name.strip().partition(".")[0]
            by_package[package] = by_package.get(package, 0) + int(taken) / 1e6
    torch_imported = any(line.rpartition("|")[2].strip() == "torch" for line in imported.splitlines())
    tell(
        "g",
        "seconds of the slower of lnbench --help and lnbench list, without importing torch",
        max(found.values()),
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
