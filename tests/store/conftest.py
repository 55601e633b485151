"""Cells as a sweep publishes them: named by the hash of their identity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln.identity import content_hash
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import Counts


class Writer:
    """Writes cells, networks and invocations into one store."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)

    def cell(
        self,
        sigma="0.5",
        *,
        model="m-localnorm-s0.aa.bb",
        classes=4,
        seed=0,
        run="run-1",
        coupled=True,
        noise="agn",
        pixels=None,
    ):
        """Publish a cell of random counts and return its name; `pixels` names ready-made images."""
        identity = {
            "model": {
                "id": model,
                "benchmark": "b",
                "network": "mnist-net",
                "norm": "localnorm",
                "norm_options": {"groups": 5, "eps": 1e-5},
                "preprocessing": {"mean": [0.1 + 0.2], "std": [1.0]},
                "seed": 3,
            },
            "data": {"name": "飛行機 \u2028", "split": "test", "checksum": "c", "limit": None}
            | ({} if pixels is None else {"images": pixels}),
            "noise": {"name": noise, "sigma": sigma, "clip": False, "rescale": False, "space": "pixel"},
            "seed": 1,
            "mode": {"name": "batch" if coupled else "single", "vote": None},
            "coupling": {"batch_size": 50, "set_size": 10, "order": "shuffled", "order_seed": 0}
            if coupled
            else None,
            "dtype": "float32",
            "protocol": 1,
        }
        random = np.random.default_rng(seed)
        true, predicted = random.integers(0, classes, (2, 300))
        confusion = np.zeros((classes, classes), np.int64)
        np.add.at(confusion, (true, predicted), 1)
        cell = f"localnorm-batch-{noise}-{sigma}-{content_hash(identity)}"
        how = {"run_id": run, "finished": "2026-01-01T00:00:00+00:00", "pass_seconds": 0.1, "threads": 1}
        self.store.publish_cell(cell, identity, Counts(confusion, predicted), how)
        return cell

    def model(self, model="m-localnorm-s0.aa.bb", run="run-0", weights=b"weights"):
        """Publish a network's card, history and weights."""
        recipe = {"benchmark": "m", "network": "net", "norm": "localnorm", "norm_options": {}, "seed": 0}
        how = {"run_id": run, "seconds": 1.5}
        card = {"schema": 1, "how": how, "recipe": recipe, "class_names": ["\udcff"]}

        def write(folder: Path) -> None:
            text = json.dumps(card, indent=1, sort_keys=True)
            (folder / "model.json").write_text(text, encoding="utf-8")
            (folder / "history.csv").write_bytes(b"epoch,loss\n1,0.5\r\n")
            (folder / "weights.safetensors").write_bytes(weights)

        self.store.publish_model(model, write)

    def filled(self):
        """Publish some of everything."""
        self.model()
        self.model("other-localnorm-s1.cc.dd", run="run-2")
        for seed, sigma in enumerate(("0", "0.5", "1")):
            self.cell(sigma, seed=seed)
        self.cell("0", coupled=False, seed=3)
        self.cell("0.5", model="other-localnorm-s1.cc.dd", classes=300, seed=4, run="run-3")
        for run in range(5):
            self.store.publish_run(
                f"run-{run}", {"command": f"lnbench train --train-seeds {run}", "request": {}}
            )
        failed = {"identity": {"model": {"id": "m-localnorm-s0.aa.bb"}}, "reason": "no", "how": {}}
        self.store.publish_failure("c-1", "run-4", failed)
        return self.store


@pytest.fixture
def writer(tmp_path):
    """A store of its own."""
    return Writer(tmp_path / "store")


@pytest.fixture
def other(tmp_path):
    """A second store."""
    return Writer(tmp_path / "other")
