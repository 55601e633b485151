"""Row j: planning a million cells, nine tenths of them finished: `python bench/planning.py [CELLS]`."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from side_by_side import REPEATS, tell

from robustbench_ln.data.dataset import DataInfo, DataSet, SplitInfo
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import SweepSettings, missing, plan_cells

SIGMAS = 1000
CELLS_A_SIGMA = 4  # of a LocalNorm network


def model(number: int) -> StoredModel:
    """Return a LocalNorm network of the simulated store."""
    card: dict[str, Any] = {
        "recipe": {
            "benchmark": "mnist",
            "network": "mnist-net",
            "norm": "localnorm",
            "norm_options": {"groups": 10, "eps": 1e-5},
            "image_shape": [1, 28, 28],
            "classes": 10,
            "preprocessing": {"mean": [0.0], "std": [1.0]},
            "train": {"batch_size": 100},
            "seed": number,
        }
    }
    return StoredModel(f"mnist-localnorm-s{number}.{number:012x}.{number:012x}", Path("m"), card)


def main(cells: int) -> None:
    """Plan, leave out what is finished, and print seconds and memory."""
    split = SplitInfo(10_000, "c" * 32, (0,), (255,))
    info = DataInfo("mnist", (1, 28, 28), tuple("0123456789"), {"train": split, "test": split})
    data = DataSet(info, Path("data"), "mnist", None)
    models = [(model(number), data) for number in range(max(cells // (SIGMAS * CELLS_A_SIGMA), 1))]
    sigmas = tuple(f"{step / SIGMAS:g}" for step in range(SIGMAS))
    settings = SweepSettings((NoiseSpec("mbn"),), sigmas)
    # The names of what is finished, as a store would list them; they count as the plan's memory.
    names = [cell.id for one in plan_cells(models, settings) for cell in one.cells]
    finished = set(names[: len(names) * 9 // 10])
    planned = len(names)
    del names
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        left = missing(plan_cells(models, settings), finished)
        taken.append(time.perf_counter() - started)
        cells_left = sum(len(one.cells) for one in left)
        # Or two plans would be in memory at once.
        del left
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
    tell(
        "j",
        "seconds to plan 1,000,000 cells with 900,000 finished, in 1 GiB",
        statistics.median(taken),
        repeats=REPEATS,
        most=20,
        cells=planned,
        left=cells_left,
        peak_gib=round(peak, 3),
        also=peak <= 1,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
