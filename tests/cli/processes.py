"""Commands that run beside the test, and the bytes of what they leave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def start(environment: dict[str, str], cwd: Path, *arguments: str) -> subprocess.Popen[str]:

    program = str(Path(sys.executable).parent / "lnbench")
    return subprocess.Popen(
        [program, *arguments],
        cwd=cwd,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"'{text}' was never said")


def cell_bytes(folder: Path) -> dict[str, bytes]:
    paths = [
        path
        for name in ("record.json", "arrays.npz")
        for path in (folder / "results/cells").glob(f"*/{name}")
    ]
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}
