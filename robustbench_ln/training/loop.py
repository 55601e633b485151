"""Train one network: one loop, continued exactly where a killed run stopped.

All randomness of an epoch follows from (seed, epoch), so a training that was killed and continued gives
the same bits as one that ran through, on one machine with one number of threads.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from robustbench_ln import provenance
from robustbench_ln.data.dataset import Arrays, DataSet, limited
from robustbench_ln.errors import LnbenchError
from robustbench_ln.evaluation.reader import evaluate_clean
from robustbench_ln.identity import random_key
from robustbench_ln.models.registry import build_network
from robustbench_ln.models.weights import weights_hash
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.publish import publish_file
from robustbench_ln.store.store import SCHEMA_VERSION, Store, StoredModel, write_card
from robustbench_ln.threads import torch_threads
from robustbench_ln.training.recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """What one epoch showed.

    Attributes:
        epoch: counted from 1.
        learning_rate: in force.
        loss: mean cross-entropy of the training batches, dropout on, while the weights moved.
        train_accuracy: of the same passes.
        test_accuracy: of all test images in the norm's home mode, after the epoch. Reported, never used to
            choose weights: the last epoch's are kept.
        seconds: training alone.
    """

    epoch: int
    learning_rate: float
    loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float


def train(
    recipe: Recipe,
    data: DataSet,
    store: Store,
    *,
    run_id: str,
    threads: int | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> StoredModel:
    """Train the network of a recipe and publish it, or continue where an earlier run stopped.

    Args:
        recipe: what to train.
        data: its data set.
        store: where the network and, until it is finished, its state go.
        run_id: names the invocation in the model's card.
        threads: of torch; None leaves torch's own choice. Another number gives other bits.
        on_epoch: told each finished epoch, earlier runs' included.

    Returns:
        The published network: weights, card and history in one directory.

    Raises:
        LnbenchError: the loss is no longer finite, or the saved state cannot be read.
    """
    with torch_threads(threads):
        return _train(recipe, data, store, run_id, on_epoch)


def _train(
    recipe: Recipe, data: DataSet, store: Store, run_id: str, on_epoch: Callable[[Epoch], None]
) -> StoredModel:
    arrays = data.arrays("train")
    indices = limited(len(arrays.labels), recipe.data["limit"])
    images, labels = torch.from_numpy(arrays.images[indices]), torch.from_numpy(arrays.labels[indices])
    test = data.arrays("test")
    with _seeded(recipe.seed, "weights"):
        network = build_network(
            recipe.network,
            image_shape=recipe.image_shape,
            num_classes=recipe.classes,
            norm=recipe.norm,
            norm_options=recipe.norm_options,
        )
    # Fused updates give other bits than unfused ones, so the choice is fixed.
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.train.learning_rate, fused=True)
    folder = store.training_folder(recipe.id)
    conditions = {"threads": torch.get_num_threads(), "torch": str(torch.__version__)}
    history = _restore(folder, network, optimizer, conditions)
    for epoch in history:
        on_epoch(epoch)
    for number in range(len(history) + 1, recipe.train.epochs + 1):
        with _seeded(recipe.seed, f"epoch {number}"):
            done = _train_epoch(number, recipe, network, optimizer, images, labels, test)
        history.append(done)
        _save(folder, network, optimizer, history, conditions)
        on_epoch(done)
    return _publish(recipe, data, network, history, store, run_id)


def _train_epoch(
    number: int,
    recipe: Recipe,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    test: Arrays,
) -> Epoch:
    settings = recipe.train
    rate = settings.learning_rate * settings.decay ** (number - 1)
    for group in optimizer.param_groups:
        group["lr"] = rate
    started = time.perf_counter()
    network.train()
    order = torch.randperm(len(labels))
    batches = len(labels) // settings.batch_size
    loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    mean, std = (torch.tensor(recipe.preprocessing[key]).reshape(1, -1, 1, 1) for key in ("mean", "std"))
    for batch in torch.split(order[: batches * settings.batch_size], settings.batch_size):
        pixels = (images[batch].float() / 255 - mean) / std
        logits = network(pixels)
        loss = F.cross_entropy(logits, labels[batch])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        loss_sum += loss.detach()
        correct += (logits.detach().argmax(1) == labels[batch]).sum()
    mean_loss = float(loss_sum) / batches
    if not np.isfinite(mean_loss):
        raise LnbenchError(
            f"Training '{recipe.label}' diverged: the loss of epoch {number} is {mean_loss}.",
            "Lower the learning_rate in the benchmark.",
        )
    seconds = time.perf_counter() - started
    accuracy = evaluate_clean(network, test, recipe.preprocessing, recipe.train.batch_size)
    return Epoch(number, rate, mean_loss, int(correct) / (batches * settings.batch_size), accuracy, seconds)


def _publish(
    recipe: Recipe, data: DataSet, network: nn.Module, history: list[Epoch], store: Store, run_id: str
) -> StoredModel:
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    weights = weights_hash(state)
    card: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "recipe": recipe.card(),
        "recipe_id": recipe.id,
        "weights": weights,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "home_mode": find_norm(recipe.norm).home_mode,
        "class_names": list(data.info.classes),
        "test_accuracy": history[-1].test_accuracy,
        "how": {
            "run_id": run_id,
            "finished": provenance.now(),
            # How the data set was named, so that evaluation finds it again.
            "data": provenance.without_home(data.spec),
            "image_size": data.image_size,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "host": provenance.host(),
            "seconds": sum(epoch.seconds for epoch in history),
        },
    }

    def write(folder: Path) -> None:
        save_file(state, folder / "weights.safetensors")
        pd.DataFrame([asdict(epoch) for epoch in history]).to_csv(folder / "history.csv", index=False)
        write_card(folder, card)

    model = store.publish_model(f"{recipe.label}.{recipe.id}.{weights}", write)
    shutil.rmtree(store.training_folder(recipe.id), ignore_errors=True)
    return model


def _save(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: list[Epoch],
    conditions: dict[str, Any],
) -> None:
    """Keep the state after an epoch: one rename, so a kill leaves the old state or the new one."""
    buffer = io.BytesIO()
    torch.save(
        {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "history": [asdict(epoch) for epoch in history],
            "conditions": conditions,
        },
        buffer,
    )
    publish_file(folder / "state.pt", buffer.getvalue())


def _restore(
    folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, conditions: dict[str, Any]
) -> list[Epoch]:
    """Load the state of an unfinished training; return its finished epochs.

    Raises:
        LnbenchError: it cannot be read, or was begun under conditions that would give other bits.
    """
    path = folder / "state.pt"
    if not path.exists():
        return []
    try:
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        history = [Epoch(**epoch) for epoch in state["history"]]
        begun = state["conditions"]
    except Exception as error:
        # A truncated file raises from zipfile, pickle or torch, each its own kinds, with advice on loading
        # it unsafely that no user should follow.
        raise LnbenchError(
            f"The saved state of an unfinished training, '{path}', is truncated or not lnbench's own.",
            f"Remove it to train from the start: rm -r '{folder}'.",
        ) from error
    if begun != conditions:
        raise LnbenchError(
            f"An unfinished training was begun with {begun['threads']} threads and torch {begun['torch']}; "
            f"now there are {conditions['threads']} and {conditions['torch']}, which give other numbers.",
            f"Give --threads {begun['threads']}, or remove it to train from the start: rm -r '{folder}'.",
        )
    return history


@contextmanager
def _seeded(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's global generator for one purpose, and give the caller's state back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_key(seed, purpose)[0] >> 1)
        yield
