"""What a shell completes: names that a command line takes, asked for as the shell asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LNBENCH = Path(sys.executable).parent / "lnbench"


def completed(line: str, folder: Path) -> str:
    asked = {"_LNBENCH_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [LNBENCH], env=os.environ | asked, cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lnbench corrupt-eval --noise apn-", {"apn-additive", "apn-additive-255"}),
        ("lnbench corrupt-eval --dtype b", {"bf16"}),
        ("lnbench corrupt-eval --model t", {"torchvision:", "timm:"}),
        ("lnbench corrupt-eval --vote m", {"majority", "mean"}),
        ("lnbench results export --format la", {"latex"}),
        ("lnbench report --format m", {"md"}),
        (
            "lnbench run fig1",
            {"fig1", "fig10", "fig11", "fig12", "fig13", "fig14", "fig15", "fig16", "fig17"},
        ),
    ],
)
def test_names_are_completed(line, expected, tmp_path):
    assert set(completed(line, tmp_path).split()) == expected
