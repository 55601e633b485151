"""Synthetic images as a data set on disk, and a network for them in a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from networks import BATCH, CLASSES, OPTIONS, SHAPES, network

from robustbench_ln.data.dataset import Arrays, DataInfo, DataSet, Decoded, write_decoded
from robustbench_ln.models.card import draft_model, publish_draft
from robustbench_ln.norms.registry import resolve_options
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel


def data_set(folder: Path, name: str, count: int) -> DataSet:
    """Return random images in the shape that a network takes, written under a folder."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, *SHAPES[name]), dtype=np.uint8)
    test = Arrays(pixels, np.arange(count) % CLASSES)
    few = Arrays(pixels[:CLASSES], test.labels[:CLASSES])
    folder.mkdir(parents=True)
    write_decoded(Decoded("synthetic", tuple("0123456789"), few, test), folder)
    return opened(folder)


def opened(folder: Path) -> DataSet:
    """Return the images that `data_set` has written under a folder."""
    return DataSet(DataInfo.read(folder), folder, "synthetic", None)


def stored_network(store: Store, data: DataSet, name: str, norm: str, seed: int = 0) -> StoredModel:
    """Return an untrained network of a store."""
    recipe = {
        "benchmark": "bench",
        "network": name,
        "norm": norm,
        "norm_options": resolve_options(norm, OPTIONS.get(norm, {})),
        "data": data.identity("train", None),
        "image_shape": list(SHAPES[name]),
        "classes": CLASSES,
        "preprocessing": {"mean": [0.5] * SHAPES[name][0], "std": [0.25] * SHAPES[name][0]},
        "train": {"epochs": 1, "batch_size": BATCH},
        "seed": seed,
    }
    draft = draft_model(
        network(name, norm, seed),
        recipe,
        run_id="bench",
        class_names=data.info.classes,
        data_spec=data.spec,
        image_size=None,
        logs={},
        test_accuracy=0.1,
        test_images=None,
        how={"threads": 1, "torch": "", "device": "cpu", "train_images": CLASSES, "seconds": 0.0},
    )
    return publish_draft(draft, store)
