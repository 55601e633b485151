"""The committed replication: whole, and met by a network that is trained again (`make replicate-check`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robustbench_ln import evaluate, load_results
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.evidence import gather_evidence
from robustbench_ln.models.weights import load_network
from robustbench_ln.store.open import open_store
from robustbench_ln.store.store import Store
from robustbench_ln.training.loop import train
from robustbench_ln.training.recipe import plan_recipes

ROOT = Path(__file__).parent.parent
PACKED = ROOT / "results" / "replication.npz"


@pytest.fixture(scope="module")
def fig7():
    declared = load_declared(ROOT / "benchmarks.yaml")
    (entry,) = gather_evidence(
        declared, declared.experiment("fig7"), open_store(PACKED), load_results(PACKED)
    )
    return entry


def test_every_cell_counts_every_image_once(fig7):
    store = open_store(PACKED)
    cells = load_results(PACKED).set_index("cell")
    rows = store.counts(fig7.cells["cell"].iloc[0]).confusion.sum(1)
    for cell in fig7.cells["cell"]:
        confusion = store.counts(cell).confusion
        assert (confusion.sum(1) == rows).all(), "the same images of each class in every cell"
        assert np.trace(confusion) == cells.loc[cell, "correct"]


def test_clean_accuracy_is_that_of_the_cards(fig7):
    home = fig7.cells[(fig7.cells["sigma"] == 0) & ~fig7.cells["small_sets"]]
    for model in fig7.models:
        own = home[(home["model"] == model.id) & (home["mode"] == model.card["home_mode"])]
        assert set(own["accuracy"]) == {model.card["test_accuracy"]}


@pytest.mark.replication
@pytest.mark.timeout(3600)
def test_a_network_trained_again_lies_in_the_spread_of_the_committed_ones(fig7, mnist, tmp_path):
    (recipe,) = plan_recipes("mnist", fig7.settings, mnist, norms=[("batchnorm", {})], seeds=(0,))
    model = train(recipe, mnist, Store(tmp_path), run_id="check")
    test = mnist.arrays("test")
    measured = evaluate(
        load_network(model),
        test.images,
        test.labels,
        sigma="0,1,2",
        modes=["frozen", "batch"],
        batch_size=100,
    )
    committed = fig7.cells[(fig7.cells["norm"] == "batchnorm") & ~fig7.cells["small_sets"]]
    for row in measured.itertuples():
        known = committed[(committed["mode"] == row.mode) & (committed["sigma"] == row.sigma)]
        values = known[known["noise"] == "agn"]["accuracy"].to_numpy()
        assert len(values) >= 3
        # Another machine or number of threads gives another network of the same seed: one more draw of the
        # seeds' distribution, whose deviation is known from few.
        spread = max(values.std(ddof=1) * np.sqrt(1 + 1 / len(values)), 0.001)
        assert abs(row.accuracy - values.mean()) < 6 * spread, (row.mode, row.sigma)
