"""The measurements run and print their line; what they show is for `make bench`."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"


def line_of(script, *arguments):
    """Run a measurement once, without the package that only `make bench` installs, and return its line."""
    kept = {name: value for name, value in os.environ.items() if name != "IMAGECORRUPTIONS"}
    done = subprocess.run(
        [sys.executable, str(BENCH / script), *arguments],
        env=kept | {"BENCH_REPEATS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout, parse_constant=pytest.fail)
    assert {"measure", "target", "value", "met"} <= line.keys()
    assert line["repeats"] == 1
    return line


@pytest.mark.parametrize(
    ("script", "arguments", "row"),
    [
        ("copies.py", ["1"], "d"),
        ("load_packed.py", ["300"], "h"),
        ("mode_cost.py", ["c", "8"], "c"),
    ],
)
def test_a_measurement_prints_its_row(script, arguments, row):
    line = line_of(script, *arguments)
    assert line["row"] == row
    assert line["value"] > 0


def test_planning_leaves_out_what_is_finished():
    line = line_of("planning.py", "8000")
    assert (line["row"], line["cells"], line["left"]) == ("j", 8000, 800)


def test_noise_without_the_other_package_is_measured_and_not_compared():
    line = line_of("noise_cost.py", "20")
    assert (line["row"], line["value"], line["met"]) == ("f", None, False)
    assert "not installed" in line["note"]


def test_neither_help_nor_list_imports_torch():
    line = line_of("startup.py")
    assert line["row"] == "g"
    assert not line["torch_imported"]


def test_memory_is_compared_with_what_a_sweep_has_less():
    line = line_of("sweep_memory.py", "8")
    assert line["row"] == "i"
    assert line["value"] == pytest.approx(max(line["added_mib"].values()), abs=0.1)
    assert list(line["added_mib"]) == ["sigmas and modes", "networks", "twice the images"]


def test_what_was_measured_is_kept_where_a_later_row_fails(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    write = runpy.run_path(str(BENCH / "write.py"))
    measure, names = write["measure"], write["measure"].__globals__
    kept = tmp_path / "measured.jsonl"
    before = [{"row": row, "measure": row, "value": 0} for row in "abj"]
    kept.write_text("".join(f"{json.dumps(line)}\n" for line in before), encoding="utf-8")
    failing = tmp_path / "fails.py"
    failing.write_text("raise SystemExit('It fails.')", encoding="utf-8")
    monkeypatch.setitem(names, "MEASURED", kept)
    monkeypatch.setitem(names, "SCRIPTS", {"j": [["planning.py", "4000"]], "a": [[str(failing)]]})
    with pytest.raises(subprocess.CalledProcessError):
        measure(["j", "a"])
    lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    assert [line["row"] for line in lines] == ["a", "b", "j"]
    assert [line["value"] for line in lines[:2]] == [0, 0]
    assert lines[2]["cells"] == 4000
    assert {"date", "machine"} <= lines[2].keys()


def test_the_page_says_of_how_many_runs_its_medians_are():
    machines = runpy.run_path(str(BENCH.parent / "docs" / "performance.py"))["machines"]
    where = {"date": "2026-01-01", "machine": "A CPU"}
    repeats = (("a", 5), ("h", 5), ("h", 5), ("i", 3), ("j", None))
    lines = [where | {"row": row} | ({"repeats": number} if number else {}) for row, number in repeats]
    assert machines(lines) == (
        "Measured on 2026-01-01: A CPU. Medians of 3 runs: row i. Medians of 5 runs: row a, h."
    )
