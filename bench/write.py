"""Run all measurements and write docs/reference/performance.md from what they print.

`make bench`. Without arguments it runs everything; with letters, such as `a d`, those rows alone, and keeps
the other lines of `bench/measured.jsonl`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from on_paper import on_paper

from robustbench_ln.provenance import environment

TOP = Path(__file__).resolve().parent.parent
MEASURED = TOP / "bench" / "measured.jsonl"
PAGE = TOP / "docs" / "reference" / "performance.md"
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
}


def measure(rows: list[str]) -> None:
    """Run the scripts of some rows, print their lines, and keep them."""
    kept = {}
    if MEASURED.exists():
        lines = map(json.loads, MEASURED.read_text(encoding="utf-8").splitlines())
        kept = {(line["row"], line["measure"]): line for line in lines if line["row"] not in rows}
    for row in rows:
        for script, *arguments in SCRIPTS[row]:
            command = [sys.executable, str(TOP / "bench" / script), *arguments]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            sys.stdout.write(done.stdout)
            sys.stdout.flush()
            line = json.loads(done.stdout) | {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
            kept[row, line["measure"]] = line
    ordered = sorted(kept.values(), key=lambda line: line["row"])
    MEASURED.write_text("".join(f"{json.dumps(line)}\n" for line in ordered), encoding="utf-8")


def machine() -> str:
    """Return processor and versions, in a line."""
    known = environment()
    hardware, versions = known["hardware"], known["versions"]
    return (
        f"{hardware['cpu']}, {hardware['cores']} cores; Python {versions['python']}, "
        f"torch {versions['torch']}, NumPy {versions['numpy']}"
    )


def page() -> str:
    """Return the text of performance.md."""
    lines = [json.loads(line) for line in MEASURED.read_text(encoding="utf-8").splitlines()]
    places = sorted({line["machine"] for line in lines})
    text = [
        "# Performance",
        "",
        "What lnbench's own parts cost beside the least that they could cost. Written by `make bench`, which "
        "runs the scripts of `bench/`: each alternates what it compares, at least five times, and prints "
        "medians. Machines are shared, so a ratio moves by some hundredths, and seconds by more.",
        "",
        *(f"Measured on: {place}." for place in places),
        "",
        table(lines),
        "",
    ]
    for line in lines:
        text += [f"## {line['row']}: {line['measure']}", ""]
        text += [f"{line[key]}\n" for key in ("note", "why") if line.get(key)]
        text += [
            "```json",
            json.dumps(
                {
                    key: value
                    for key, value in line.items()
                    if key not in ("row", "measure", "machine", "note", "why")
                }
            ),
            "```",
            "",
        ]
    by_letter = {line["row"]: line for line in lines if line["row"] != "h" or "bytes_per_cell" in line}
    if {*"bfhj"} <= by_letter.keys():
        text += on_paper(by_letter)
    return "\n".join(text)


def shown(value: float | None) -> str:
    """Return a figure as the table shows it."""
    return "" if value is None else f"{value:g}"


def verdict(line: dict[str, Any]) -> str:
    """Return whether a row is as it should be."""
    return "" if line["target"] == "none" else "met" if line["met"] else "not met"


def table(lines: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    head = ["| | measure | target | measured | |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(
        head
        + [
            f"| {line['row']} | {line['measure']} | {line['target']} | {shown(line['value'])} | "
            f"{verdict(line)} |"
            for line in lines
        ]
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    measure(sys.argv[1:] or list(SCRIPTS))
    PAGE.write_text(page(), encoding="utf-8")
