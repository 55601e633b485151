"""Row h, second part: seconds to read 50,000 packed cells: `python bench/load_packed.py [CELLS]`.

Each time in a process of its own, which has read nothing before.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice, product
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import REPEATS, tell

from robustbench_ln import load_results
from robustbench_ln.calibration import BINS, UNIT, Calibration
from robustbench_ln.identity import content_hash
from robustbench_ln.store.factored import smallest
from robustbench_ln.store.pack import packed_bytes
from robustbench_ln.store.stored import SCHEMA_VERSION, Counts

MODES = ("batch", "single", "single-voting", "voting")
NOISES = ("agn", "agn-uniform-additive", "apn", "mbn")
SIGMAS = tuple(f"{step / 10:g}" for step in range(41))
IMAGES, CLASSES = 10_000, 10


def identities() -> Iterator[dict[str, Any]]:
    """Yield identities without end: training seeds outermost."""
    for seed in count():
        for mode, noise, sigma in product(MODES, NOISES, SIGMAS):
            coupled = {"batch_size": 100, "set_size": 10, "order": "shuffled", "order_seed": 0}
            yield {
                "protocol": 1,
                "model": {
                    "id": f"mnist-localnorm-s{seed}.{content_hash({'r': seed})}.{content_hash({'w': seed})}",
                    "benchmark": "mnist",
                    "network": "mnist-net",
                    "norm": "localnorm",
                    "norm_options": {"eps": 1e-5, "groups": 10},
                    "preprocessing": {"mean": [0.0], "std": [1.0]},
                    "seed": seed,
                },
                "data": {"name": "mnist", "split": "test", "checksum": "0" * 32, "limit": None},
                "noise": {"name": noise, "clip": False, "rescale": False, "space": "pixel", "sigma": sigma},
                "seed": 0,
                "mode": {"name": mode, "vote": "majority" if "voting" in mode else None},
                "coupling": coupled if mode in ("batch", "voting") else None,
                "dtype": "float32",
            }


def confusion(random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return counts of some accuracy, as uneven as real ones: a few classes take most of the errors."""
    errors = random.dirichlet(np.full(CLASSES, 0.3), CLASSES)
    shares = np.eye(CLASSES) * (accuracy := random.uniform(0.1, 1)) + errors * (1 - accuracy)
    return random.multinomial(IMAGES // CLASSES, shares / shares.sum(1, keepdims=True))


def counts_of(random: np.random.Generator) -> Counts:
    """Return counts of some accuracy, as sure of themselves as they are right."""
    matrix = confusion(random)
    right = int(np.trace(matrix))
    images = random.multinomial(IMAGES, random.dirichlet(np.full(BINS, 0.5)))
    sure = np.rint(images * (np.arange(BINS) + 0.5) / BINS * UNIT).astype(np.int64)
    bins = np.stack([images, random.multivariate_hypergeometric(images, right), sure], axis=1)
    return Counts(smallest(matrix), None, Calibration(bins, int(random.integers(IMAGES * UNIT))))


def read(path: Path) -> None:
    """Read packed cells twice, and print how many there are and the seconds of each time."""
    taken = []
    for _ in range(2):
        started = time.perf_counter()
        table = load_results(path)
        taken.append(time.perf_counter() - started)
    sys.stdout.write(json.dumps({"cells": len(table), "first": taken[0], "again": taken[1]}))


def main(cells: int) -> None:
    """Pack cells, read them, and print the seconds and the size."""
    random = np.random.default_rng(0)
    packed: dict[str, Any] = {}
    for identity in islice(identities(), cells):
        mode, noise = identity["mode"]["name"], identity["noise"]
        counts = counts_of(random)
        record = {
            "schema": SCHEMA_VERSION,
            "identity": identity,
            "counts": counts.record(),
        }
        how = {
            "run_id": f"20260101T000000Z-{identity['model']['seed']:08x}",
            "finished": f"2026-01-01T00:{len(packed) // 4 % 60:02d}:00+00:00",
            "host": "00000000",
            "torch": "2.15.0",
            "threads": 1,
            "device": "cpu",
            "pass_cells": 4,
            "pass_seconds": 10 + len(packed) // 4 / 1000,
        }
        name = f"localnorm-{mode}-{noise['name']}-{noise['sigma']}-{content_hash(identity)}"
        packed[name] = (record, counts, how)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.npz"
        started = time.perf_counter()
        path.write_bytes(packed_bytes(packed, {"models": {}, "runs": {}, "failures": {}}))
        packing = time.perf_counter() - started
        command = [sys.executable, __file__, "read", str(path)]
        told = [subprocess.run(command, check=True, stdout=subprocess.PIPE) for _ in range(REPEATS)]
        size = path.stat().st_size
    found = [json.loads(one.stdout) for one in told]
    tell(
        "h",
        "seconds of load_results on 50,000 packed cells",
        statistics.median(one["first"] for one in found),
        repeats=REPEATS,
        most=1,
        cells=found[0]["cells"],
        classes=CLASSES,
        bytes_per_cell=round(size / cells, 1),
        seconds={
            "pack, once": round(packing, 3),
            "read again": round(statistics.median(one["again"] for one in found), 3),
        },
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        read(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
