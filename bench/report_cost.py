"""Row h, first part: seconds of `lnbench report` on 3,000 cells: `python bench/report_cost.py [CELLS]`."""

from __future__ import annotations

import json
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
from load_packed import counts_of, identities
from side_by_side import REPEATS, tell

from robustbench_ln.identity import content_hash
from robustbench_ln.store.store import Store

#: Steps of the command, by name: the function, and the folder of its file.
STEPS = {
    "importing": ("_find_and_load", "importlib"),
    "reading": ("gather", "report"),
    "home curves": ("draw_home_curves", "report"),
    "mode curves": ("draw_mode_curves", "report"),
    "confusion matrices": ("draw_confusions", "report"),
    "writing SVG": ("savefig", "matplotlib"),
}


def shares(profile: Path) -> dict[str, float]:
    """Return the share of the command's time in each of its steps, which may hold one another."""
    found = pstats.Stats(str(profile)).stats  # type: ignore[attr-defined]
    total = max(cumulative for _, _, _, cumulative, _ in found.values())
    taken = {}
    for step, (function, folder) in STEPS.items():
        own = [one[3] for (file, _, name), one in found.items() if name == function and folder in file]
        taken[step] = round(max(own, default=0) / total, 3)
    return taken


def main(cells: int) -> None:
    """Write cells into a store, draw the page, and print the seconds."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "results")
        for identity in islice(identities(), cells):
            store.publish_cell(content_hash(identity), identity, counts_of(random), {"run_id": "bench"})
        program = str(Path(sys.executable).parent / "lnbench")
        command = [program, "report", "--json", "--results", str(store.root)]
        taken = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, cwd=folder)
            taken.append(time.perf_counter() - started)
            if problems := json.loads(done.stdout)["problems"]:
                raise ValueError(f"{len(problems)} problems, such as: {problems[0]}")
            (store.root / "report.html").unlink()
        profile = Path(folder) / "profile"
        profiled = [sys.executable, "-m", "cProfile", "-o", str(profile), *command]
        subprocess.run(profiled, check=True, capture_output=True, cwd=folder)
        steps = shares(profile)
    tell(
        "h",
        "seconds of lnbench report on 3,000 cells",
        statistics.median(taken),
        repeats=REPEATS,
        most=6,
        cells=cells,
        shares=steps,
        why="matplotlib draws and writes every line, tick and letter of 28 figures in Python "
        "(`shares` of the time under a profiler; writing SVG is a part of the figures), after importing "
        "seaborn, which brings pandas and scipy.stats. Nothing of the page is kept from one report to the "
        "next unless all of it is up to date.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
