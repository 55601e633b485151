"""Row h, first part: seconds of `lnbench report` on 3,000 cells: `python bench/report_cost.py [CELLS]`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
from load_packed import confusion, identities
from side_by_side import tell

from robustbench_ln.identity import content_hash
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import Counts


def main(cells: int) -> None:
    """Write cells into a store, draw the page, and print the seconds."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "results")
        for identity in islice(identities(), cells):
            store.publish_cell(
                content_hash(identity), identity, Counts(confusion(random), None), {"run_id": "bench"}
            )
        command = [str(Path(sys.executable).parent / "lnbench"), "report", "--results", str(store.root)]
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
            taken.append(time.perf_counter() - started)
            (store.root / "report.html").unlink()
    tell("h", "seconds of lnbench report on 3,000 cells", sorted(taken)[1], most=6, cells=cells)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
