"""Row b: a sweep's time over that of a plain loop of the same forward passes on batches made beforehand.

`python bench/sweep_cost.py [IMAGES]`. Mode BATCH, nine sigmas, one process; the loop has noise,
preprocessing, counting and storing for nothing.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from networks import BATCH, GROUPS
from side_by_side import rounded, seconds, tell
from synthetic import data_set, stored_network

from robustbench_ln.batches import in_memory_format
from robustbench_ln.models.weights import load_network
from robustbench_ln.noise import NoiseSpec, parse_sigmas
from robustbench_ln.norms.sets import by_set, laid_out
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.plan import SweepSettings, plan_cells
from robustbench_ln.sweep.run import run_passes

TARGETS = {"resnet32": 1.10, "mnist-net": 1.35}
SIGMAS = parse_sigmas("0:4")


def ratio(name: str, count: int, folder: Path) -> tuple[float, dict[str, float]]:
    """Return the sweep's seconds over the loop's, and both."""
    data = data_set(folder / "data", name, count)
    store = Store(folder / "results")
    stored = stored_network(store, data, name, "localnorm")
    passes = plan_cells([(stored, data)], SweepSettings((NoiseSpec("agn"),), SIGMAS, modes=("batch",)))
    threads = torch.get_num_threads()

    def sweep() -> None:
        shutil.rmtree(store.root / "cells", ignore_errors=True)
        outcomes = run_passes(store, passes, run_id="bench", threads=threads)
        if len(outcomes) != len(SIGMAS) or any(outcome.failure for outcome in outcomes):
            raise SystemExit("The sweep failed.")

    model, groups = load_network(stored), torch.arange(GROUPS)
    order = by_set(BATCH, GROUPS)
    pixels = torch.from_numpy(np.array(data.arrays("test").images)).float() / 255
    batches = [in_memory_format(pixels[start : start + BATCH][order]) for start in range(0, count, BATCH)]

    def loop() -> None:
        with torch.inference_mode(), laid_out(model, groups, sets_are_slices=True):
            for _ in SIGMAS:
                for batch in batches:
                    model(batch).argmax(1)

    found = seconds({"sweep": sweep, "loop": loop})
    return found["sweep"] / found["loop"], {f"{name}, {case}": taken for case, taken in found.items()}


def main(count: int) -> None:
    """Compare, and print how far the worse network is from its target."""
    # Whole batches: the loop has no last one to fill.
    count = max(count // BATCH, 1) * BATCH
    ratios: dict[str, float] = {}
    times: dict[str, float] = {}
    for name in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            ratios[name], taken = ratio(name, count, Path(folder))
        times |= taken
    tell(
        "b",
        "a sweep's time over a plain loop's, in parts of what is allowed (ResNet32 1.10, MNIST net 1.35)",
        max(ratios[name] / target for name, target in TARGETS.items()),
        most=1.0,
        ratios=rounded(ratios),
        seconds=rounded(times),
        images=count,
        sigmas=len(SIGMAS),
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
