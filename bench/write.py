"""Run all measurements and keep what they print in bench/measured.jsonl, for docs/generate.py.

`make bench`. Without arguments it runs everything; with letters, such as `a d`, those rows alone, and keeps
the other lines. A script that fails ends it; what was measured before is kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from robustbench_ln.provenance import environment

TOP = Path(__file__).resolve().parent.parent
MEASURED = TOP / "bench" / "measured.jsonl"
#: By row: the scripts that measure it, with their arguments.
SCRIPTS: dict[str, list[list[str]]] = {
    "a": [["layer_cost.py"]],
    "b": [["sweep_cost.py"]],
    "c": [["mode_cost.py", "c"]],
    "d": [["copies.py"]],
    "e": [["mode_cost.py", "e"]],
    "f": [["noise_cost.py"]],
    "g": [["startup.py"]],
    "h": [["report_cost.py"], ["load_packed.py"]],
    "i": [["sweep_memory.py"]],
    "j": [["planning.py"]],
    "k": [["scaling.py"]],
    "l": [["compile_cost.py"]],
}


def measure(rows: list[str]) -> None:
    """Run the scripts of some rows, print their lines, and keep those of each row once it is measured."""
    lines: list[dict[str, Any]] = []
    if MEASURED.exists():
        lines = [json.loads(line) for line in MEASURED.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        found = [run(script, arguments) for script, *arguments in SCRIPTS[row]]
        lines = sorted(
            [*(line for line in lines if line["row"] != row), *found], key=lambda line: line["row"]
        )
        MEASURED.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def run(script: str, arguments: list[str]) -> dict[str, Any]:
    """Run a script, print its line, and return it with where and when it was measured."""
    command = [sys.executable, str(TOP / "bench" / script), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    sys.stdout.write(done.stdout)
    sys.stdout.flush()
    line: dict[str, Any] = json.loads(done.stdout)
    return line | {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}


def machine() -> str:
    """Return processor and versions, in a line."""
    known = environment()
    hardware, versions = known["hardware"], known["versions"]
    return (
        f"{hardware['cpu']}, {hardware['cores']} cores; Python {versions['python']}, "
        f"torch {versions['torch']}, NumPy {versions['numpy']}"
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    measure(sys.argv[1:] or list(SCRIPTS))
