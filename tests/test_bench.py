"""The measurements run and print their line; what they show is for `make bench`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"


@pytest.mark.parametrize(
    ("script", "arguments", "row"),
    [
        ("planning.py", ["8000"], "j"),
        ("load_packed.py", ["300"], "h"),
        ("noise_cost.py", ["20"], "f"),
    ],
)
def test_a_measurement_prints_its_row(script, arguments, row):
    kept = {name: value for name, value in os.environ.items() if name != "IMAGECORRUPTIONS"}
    done = subprocess.run(
        [sys.executable, str(BENCH / script), *arguments],
        env=kept, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout, parse_constant=pytest.fail)
    assert line["row"] == row
    assert {"measure", "target", "value", "met"} <= line.keys()
    assert (line["value"] is None) == (script == "noise_cost.py")
    if script == "planning.py":
        assert (line["cells"], line["left"]) == (8000, 800)
