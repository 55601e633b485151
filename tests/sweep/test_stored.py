"""A sweep through a store counts what `evaluate` counts of the same question."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from robustbench_ln import add_noise, evaluate
from robustbench_ln.data.dataset import Arrays, DataInfo, DataSet, Decoded, limited, write_decoded
from robustbench_ln.devices import DTYPES
from robustbench_ln.models.weights import load_network
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.norms.sets import SetNorm
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.plan import SweepSettings
from robustbench_ln.sweep.run import run_passes
from robustbench_ln.sweep.several import Sweep, plan_sweeps
from tests.sweep.small_networks import stored_network

SHAPE, MEAN, STD = (1, 16, 16), 0.3, 0.5
MODES = ("frozen", "batch", "single", "single-voting", "voting", "blend:prior=8")
ORDERS = [("shuffled", 1), ("dirichlet:0.1", 0), ("dirichlet:0.1", 1), ("class-sorted", 0)]


def scatter(network):
    """Give norms parameters of their own and statistics of noise, so that modes predict many classes."""
    for module in network.modules():
        if isinstance(module, SetNorm):
            module.momentum = 1.0
            for parameter in module.parameters():
                parameter.add_(0.5 * torch.rand_like(parameter))
    network.train()(torch.rand(200, *SHAPE))


@pytest.fixture
def data(tmp_path):
    """Images that are the brighter the higher their class: batches of few classes are unlike others."""
    random = np.random.default_rng(0)
    labels = np.arange(90) % 10
    pixels = random.integers(0, 160, (90, *SHAPE)) + 9 * labels[:, None, None, None]
    train, test = (Arrays((pixels // part).astype(np.uint8), labels) for part in (2, 1))
    write_decoded(Decoded("toy", tuple("0123456789"), train, test), tmp_path)
    return DataSet(DataInfo.read(tmp_path), tmp_path, "toy", None)


def test_cells_of_a_store_count_what_evaluate_counts(data, tmp_path):
    store = Store(tmp_path / "results")
    pairs = [
        (stored_network(store, norm, scatter, SHAPE, MEAN, STD), data) for norm in ("localnorm", "batchnorm")
    ]
    plain = SweepSettings((NoiseSpec("agn"),), ("1",), modes=MODES, limit=60)
    asked = [
        replace(plain, order=order, order_seed=order_seed, seed=noise_seed, vote=vote)
        for (order, order_seed), noise_seed, vote in product(ORDERS, (0, 1), ("majority", "mean"))
    ]
    asked += [
        replace(plain, **change)
        for change in (
            {"noises": (NoiseSpec("agn", clip=True),)},
            {"sigmas": ("0.5",)},
            {"limit": None},
            {"batch_size": 40},
            {"dtype": "bfloat16", "modes": ("batch",)},
        )
    ]
    passes = plan_sweeps([Sweep(pairs, settings) for settings in asked])
    assert not any(outcome.failure for outcome in run_passes(store, passes, run_id="run-1"))

    test = data.arrays("test")
    networks = {model.id: load_network(model) for model, _ in pairs}
    words = {name: word for word, name in DTYPES.items()}
    counted = defaultdict(list)
    for name in store.cell_ids():
        said = store.identity(name)
        noise, mode, coupling = said["noise"], said["mode"], said["coupling"] or {}
        (row,) = evaluate(
            networks[said["model"]["id"]],
            test.images,
            test.labels,
            noise=noise["name"],
            sigma=noise["sigma"],
            clip=noise["clip"],
            modes=[f"blend:prior={mode['prior']}" if "prior" in mode else mode["name"]],
            batch_size=coupling.get("batch_size", 20),
            mean=[MEAN],
            std=[STD],
            seed=said["seed"],
            order=coupling.get("order", "shuffled"),
            order_seed=coupling.get("order_seed") or 0,
            vote=mode["vote"] or "majority",
            limit=said["data"]["limit"],
            dtype=words[said["dtype"]],
        ).itertuples()
        confusion = store.counts(name).confusion
        assert np.array_equal(confusion, row.confusion), name
        # Whether bf16 changes a prediction is up to the processor.
        if said["dtype"] == "float32":
            counted[said["model"]["norm"], mode["name"]].append(confusion.tobytes())
    # Cells have names of their own because their counts can differ; here they do. There are eight orders and
    # noise seeds, each for two rules where there are votes, and what else was changed.
    for of, cells in (
        ("localnorm batch", 12),
        ("localnorm voting", 20),
        ("localnorm single", 5),
        ("localnorm single-voting", 7),
        ("batchnorm frozen", 5),
        ("batchnorm batch", 12),
        ("batchnorm single", 5),
        ("batchnorm blend", 12),
    ):
        own = counted[tuple(of.split())]
        assert (len(own), len(set(own))) == (cells, cells), of


@pytest.mark.parametrize("space", ["pixel", "standardised"])
def test_rescaled_images_reach_a_stored_network_in_the_range_of_the_training_images(space, data, tmp_path):
    store = Store(tmp_path / "results")
    model = stored_network(store, "batchnorm", scatter, SHAPE, MEAN, STD)
    noise = NoiseSpec("agn-additive", rescale=True, space=space)
    settings = SweepSettings((noise,), ("1",), modes=("frozen",), seed=3, limit=60)
    passes = plan_sweeps([Sweep([(model, data)], settings)])
    run_passes(store, passes, run_id="run-1")

    def standardised(images):
        return (images - np.float32(MEAN)) / np.float32(STD)

    train, test = (data.arrays(split) for split in ("train", "test"))
    chosen = limited(len(test.labels), 60)
    images, wanted = (pixels.astype(np.float32) / 255 for pixels in (test.images[chosen], train.images))
    if space == "standardised":
        images, wanted = standardised(images), standardised(wanted)
    noisy = add_noise(images, "agn-additive", sigma=1, seed=3, indices=chosen)
    share = (noisy - noisy.min()) / (noisy.max() - noisy.min())
    seen = wanted.min() + share * (wanted.max() - wanted.min())
    with torch.no_grad():
        logits = load_network(model)(
            torch.from_numpy(seen if space == "standardised" else standardised(seen))
        )
    expected = confusion_matrix(test.labels[chosen], logits.argmax(1), labels=range(10))
    (cell,) = store.cell_ids()
    assert np.array_equal(store.counts(cell).confusion, expected)
