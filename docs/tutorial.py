"""Run what docs/tutorial.md tells a newcomer to run, and write what it printed into it; `make docs` runs it.

`<!-- runs: COMMAND -->` stands before a block with a command and its output; COMMAND may be `the code above`:
the last Python block. All of it runs in one empty folder, in order.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TUTORIAL = Path(__file__).parent / "tutorial.md"
_BLOCK = re.compile(r"<!-- runs: (.+?) -->\n(.*?)<!-- end -->", re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_CODE = "the code above"
_CELL = re.compile(r" ([\d.]+): [\d.]+% of \d+$")
#: Of longer outputs the middle is left out.
_LONGEST, _HEAD, _TAIL = 20, 9, 3


def filled(text: str, folder: Path) -> str:
    """Run everything in a folder and return the tutorial with what it printed.

    Raises:
        RuntimeError: something failed, with what it printed.
    """

    def block(match: re.Match[str]) -> str:
        command = match[1]
        if command == _CODE:
            printed = _run([sys.executable, "-c", _PYTHON.findall(text[: match.start()])[-1]], folder)
            shown = f"```text\n{printed}\n```"
        else:
            printed = _run(["sh", "-c", command], folder)
            shown = f"    {command}\n\n```text\n{printed}\n```"
        return f"<!-- runs: {command} -->\n{shown}\n<!-- end -->"

    return _BLOCK.sub(block, text)


def _run(command: list[str], folder: Path) -> str:
    """Return what a command prints, without seconds and without the middle of a long output."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LNBENCH_")}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LNBENCH_DATA": str(folder / "data"),
        "CUDA_VISIBLE_DEVICES": "",
        "NO_COLOR": "1",
        "COLUMNS": "110",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[-1]} ended with {done.returncode}:\n{done.stdout}")
    lines = [re.sub(r", \d+\.\d+ s$", "", line).rstrip() for line in done.stdout.strip().splitlines()]
    # Where images are decoded to is named by the folder that they lie in.
    lines = [line for line in lines if not line.startswith("Decoding ")]
    cells = [number for number, line in enumerate(lines) if _CELL.search(line)]
    in_order = sorted((lines[number] for number in cells), key=_sigma)  # workers end in any order
    for number, line in zip(cells, in_order, strict=True):
        lines[number] = line
    if len(lines) > _LONGEST:
        lines = [*lines[:_HEAD], "...", *lines[-_TAIL:]]
    return "\n".join(lines)


def _sigma(line: str) -> float:
    """Return the sigma that a line about a cell names."""
    match = _CELL.search(line)
    return float(match[1]) if match else 0.0


def main() -> None:
    """Write the tutorial anew."""
    text = TUTORIAL.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        TUTORIAL.write_text(filled(text, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
