"""Checks on real data sets: `LNBENCH_DATA=DIR make test-realdata`. They skip where DIR has no such data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln import evaluate, load_results
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.models.weights import load_network
from robustbench_ln.store.open import open_store
from robustbench_ln.store.store import Store
from robustbench_ln.training.loop import train
from robustbench_ln.training.recipe import plan_recipes

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(1200)]
REPLICATION = Path(__file__).parent.parent / "results" / "replication.npz"


def test_mnist_is_the_canonical_release(mnist):
    train_images = mnist.arrays("train").images
    assert train_images.shape == (60_000, 1, 28, 28)
    # An IDX file is 16 bytes of header and the pixels; this is the md5 of the canonical file.
    header = np.array([2051, 60_000, 28, 28], dtype=">i4").tobytes()
    assert hashlib.md5(header + train_images.tobytes()).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert mnist.info.splits["test"].images == 10_000
    assert np.bincount(mnist.arrays("test").labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]


def test_a_single_epoch_learns_mnist_and_evaluates_within_the_interval_of_its_card(mnist, tmp_path):
    declared = load_declared(find_config(None)).benchmark("mnist").at("short")
    (recipe,) = plan_recipes("mnist", declared, mnist, norms=[("localnorm", {})], epochs=1)
    model = train(recipe, mnist, Store(tmp_path), run_id="r")
    assert model.card["test_accuracy"] > 0.975
    test = mnist.arrays("test")
    table = evaluate(
        load_network(model), test.images, test.labels, noise="mbn", sigma="0,0.5", batch_size=100
    )
    batch = table[table["mode"] == "batch"].set_index("sigma")
    assert batch.loc[0, "low"] <= model.card["test_accuracy"] <= batch.loc[0, "high"]
    assert batch.loc[0.5, "accuracy"] > 0.5


def test_the_committed_results_are_whole(mnist):
    cells = load_results(REPLICATION)
    cells = cells[cells["benchmark"] == "mnist"]
    assert set(cells["images"]) == {10_000}
    labels = np.bincount(mnist.arrays("test").labels)
    store = open_store(REPLICATION)
    for cell in cells["cell"]:
        assert (store.counts(cell).confusion.sum(1) == labels).all()
