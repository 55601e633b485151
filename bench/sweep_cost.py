"""Row b: a sweep's time over that of a plain loop of the same forward passes on batches made beforehand.

`python bench/sweep_cost.py [IMAGES]`. Mode BATCH, nine sigmas, one process; the loop has planning, noise,
preprocessing, counting and storing for nothing. Each repeat of the sweep has another noise seed, so that no
draw is left from the one before.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import count as numbers
from pathlib import Path

import numpy as np
import torch
from networks import BATCH, GROUPS
from side_by_side import REPEATS, rounded, seconds, tell
from synthetic import data_set, stored_network
from torch import Tensor

from robustbench_ln.batches import in_memory_format
from robustbench_ln.data.dataset import Arrays
from robustbench_ln.evaluation.images import NoisyImages, standardise
from robustbench_ln.evaluation.order import evaluation_order
from robustbench_ln.models.weights import load_network
from robustbench_ln.noise import NoiseSpec, parse_sigmas
from robustbench_ln.norms.sets import by_set, laid_out
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.plan import SweepSettings, plan_cells
from robustbench_ln.sweep.run import run_passes

TARGETS = {"resnet32": 1.10, "mnist-net": 1.35}
SIGMAS = parse_sigmas("0:4")


def noisy_batches(test: Arrays, preprocessing: dict[str, tuple[float, ...]]) -> list[list[Tensor]]:
    """Return for each sigma the batches of a sweep: standardised, ordered by set, as they lie in memory."""
    images = np.arange(len(test.labels))
    order = evaluation_order(test.labels, images, "shuffled", 0)
    rows = by_set(BATCH, GROUPS)
    found = []
    for sigma in SIGMAS:
        stream = NoisyImages(test, NoiseSpec("agn"), sigma, 0, images, preprocessing)
        noisy = np.concatenate([standardise(part, preprocessing) for _, part in stream.chunks(order)])
        batches = torch.split(torch.from_numpy(noisy), BATCH)
        found.append([in_memory_format(batch[rows]) for batch in batches])
    return found


def ratio(name: str, count: int, folder: Path) -> tuple[float, dict[str, float]]:
    """Return the sweep's seconds over the loop's, and both."""
    data = data_set(folder / "data", name, count)
    store = Store(folder / "results")
    stored = stored_network(store, data, name, "localnorm")
    threads, seeds = torch.get_num_threads(), numbers()

    def sweep() -> None:
        settings = SweepSettings((NoiseSpec("agn"),), SIGMAS, modes=("batch",), seed=next(seeds))
        outcomes = run_passes(store, plan_cells([(stored, data)], settings), run_id="bench", threads=threads)
        if len(outcomes) != len(SIGMAS) or any(outcome.failure for outcome in outcomes):
            raise SystemExit("The sweep failed.")

    model, groups = load_network(stored), torch.arange(GROUPS)
    by_sigma = noisy_batches(data.arrays("test"), stored.card["recipe"]["preprocessing"])

    def loop() -> None:
        with torch.inference_mode(), laid_out(model, groups, sets_are_slices=True):
            for batches in by_sigma:
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
        repeats=REPEATS,
        most=1.0,
        ratios=rounded(ratios),
        seconds=rounded(times),
        images=count,
        sigmas=len(SIGMAS),
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
