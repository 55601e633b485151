"""Train one network: one loop, continued exactly where a killed run stopped.

All randomness of an epoch follows from (seed, epoch), so a training that was killed and continued gives
the same bits as one that ran through, on one machine with one number of threads.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from robustbench_ln.allocator import keep_freed_memory
from robustbench_ln.benchmarks.training import TrainSettings
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.devices import (
    choose_device,
    computing_in,
    device_label,
    full_precision,
    memory_checked,
    seeded,
)
from robustbench_ln.errors import LnbenchError
from robustbench_ln.evaluation.reader import evaluate_clean
from robustbench_ln.home import without_home
from robustbench_ln.identity import random_seed
from robustbench_ln.models.card import draft_model, publish_draft
from robustbench_ln.models.registry import build_network
from robustbench_ln.store.results import Log
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.threads import machine_load, torch_threads
from robustbench_ln.training.images import TrainingImages
from robustbench_ln.training.ranks import Ranks, check_ranks, rows_of, statistics_of
from robustbench_ln.training.recipe import Recipe
from robustbench_ln.training.scales import group_scales
from robustbench_ln.training.schedule import learning_rate
from robustbench_ln.training.start import take_over
from robustbench_ln.training.state import Epoch, Progress, TrainingState, only_one_training
from robustbench_ln.training.stopwatch import Stopwatch


def train(
    recipe: Recipe,
    data: DataSet,
    store: Store,
    *,
    run_id: str,
    threads: int | None = None,
    device: str = "auto",
    ranks: Ranks = Ranks(),  # noqa: B008 - it cannot be changed
    test_images: int | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> StoredModel:
    """Train the network of a recipe and publish it, or continue where an earlier run stopped.

    Args:
        recipe: what to train.
        data: its data set.
        store: where the network and, until it is finished, its state go.
        run_id: names the invocation in the model's card.
        threads: of torch; None leaves torch's own choice. Another number gives other bits.
        device: see `robustbench_ln.devices.choose_device`.
        ranks: the processes that train it together, which have joined; the first of them alone uses the
            store.
        test_images: take the accuracies of the epochs over this many test images, a fixed random choice.
        on_epoch: told each finished epoch, earlier runs' included, in the first process alone.

    Returns:
        The published network: weights, card and history in one directory, which is the first process's.

    Raises:
        LnbenchError: the recipe does not divide among the processes, the loss is no longer finite, the saved
            state cannot be read, or the model that the training starts from does not fit, another process
            trains the same network now, or memory is used up.
    """
    place = choose_device(device)
    check_ranks(recipe, ranks)
    if ranks.on_first(lambda: recipe.id) != recipe.id:
        raise LnbenchError(
            f"The processes train different networks: this one '{recipe.label}'.",
            "Start them with the same arguments, data and versions.",
        )
    folder = store.training_folder(recipe.id)
    keep_freed_memory()
    with ExitStack() as stack:
        ranks.on_first(lambda: stack.enter_context(only_one_training(folder, recipe.label)))
        for context in (torch_threads(threads), full_precision(), memory_checked()):
            stack.enter_context(context)
        # Another process may have trained it since it was found missing.
        model = ranks.on_first(lambda: store.find_recipe(recipe.id))
        if model is not None and ranks.on_first(lambda: model.has_weights):
            if ranks.leads:
                shutil.rmtree(folder, ignore_errors=True)
            return model
        return _train(recipe, data, store, run_id, ranks, place, test_images, on_epoch)


def _train(
    recipe: Recipe,
    data: DataSet,
    store: Store,
    run_id: str,
    ranks: Ranks,
    device: torch.device,
    test_images: int | None,
    on_epoch: Callable[[Epoch], None],
) -> StoredModel:
    with seeded(recipe.seed, "weights", device):
        network = build_network(
            recipe.network,
            image_shape=recipe.image_shape,
            num_classes=recipe.classes,
            norm=recipe.norm,
            norm_options=recipe.norm_options,
        )
    if recipe.start is not None:
        ranks.on_first(lambda: take_over(network, recipe, store))
    network.to(device)
    images, test = TrainingImages(recipe, data, device), data.arrays("test")
    optimizer = _optimizer(network, recipe.train)
    conditions = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "device": device_label(device),
    } | ({"ranks": ranks.count} if ranks.count > 1 else {})
    state = TrainingState(store.training_folder(recipe.id), network, optimizer, conditions)
    progress = ranks.on_first(state.restore)
    if progress.epochs:
        moments = ranks.on_first(lambda: _on_cpu(optimizer.state_dict()))
        if not ranks.leads:
            optimizer.load_state_dict(moments)
    parallel = ranks.parallel(network)
    for epoch in progress.epochs if ranks.leads else ():
        on_epoch(epoch)
    for number in range(len(progress.epochs) + 1, recipe.train.epochs + 1):
        with seeded(recipe.seed, f"epoch {number}", device):
            done = _train_epoch(number, recipe, parallel, optimizer, images, ranks)
            accuracy = ranks.on_first(
                lambda: evaluate_clean(
                    network,
                    test,
                    recipe.preprocessing,
                    recipe.train.batch_size,
                    test_images,
                    recipe.train.dtype,
                )
            )
            done = replace(done, test_accuracy=accuracy)
        if ranks.leads:
            progress.epochs.append(done)
            progress.scales.extend(group_scales(network, number))
            state.save(progress)
            on_epoch(done)
    trained = recipe.data["limit"] or data.info.splits["train"].images
    how = {**conditions, "train_images": trained, "seconds": sum(epoch.seconds for epoch in progress.epochs)}
    return ranks.on_first(lambda: _publish(recipe, data, network, progress, store, run_id, how, test_images))


def _on_cpu(state: Any) -> Any:
    """Return a state with its tensors on the CPU; sent as they are, all would land on the first GPU."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    return [_on_cpu(value) for value in state] if isinstance(state, list) else state


def _optimizer(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Return the optimizer; weight decay is on the kernels of convolutions and dense layers alone.

    A network may leave layers out of it by their names in `undecayed`.
    """
    left_out = getattr(network, "undecayed", ())
    groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    if settings.weight_decay:
        layers = [
            module
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear) and name not in left_out
        ]
        kernels = dict.fromkeys(layer.weight for layer in layers)
        others = [parameter for parameter in network.parameters() if parameter not in kernels]
        groups = [{"params": list(kernels), "weight_decay": settings.weight_decay}, {"params": others}]
    # Fused updates give other bits than unfused ones, so the choice is fixed.
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=settings.learning_rate, fused=True)
    return torch.optim.SGD(
        groups,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.momentum > 0,
        fused=True,
    )


def _train_epoch(
    number: int,
    recipe: Recipe,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: TrainingImages,
    ranks: Ranks,
) -> Epoch:
    """Train one epoch; its test accuracy is not known yet."""
    size = recipe.train.batch_size
    batches = len(images) // size
    started, loading = time.perf_counter(), Stopwatch(images.device)
    network.train()
    order = torch.randperm(len(images))
    if not ranks.leads:
        # The order is common to all; what is drawn for the rows, such as dropout, is not.
        torch.manual_seed(random_seed(recipe.seed, f"epoch {number} rank {ranks.rank}"))
    rate, losses, hits = 0.0, [], []
    for position, rows in enumerate(torch.split(order[: batches * size], size)):
        rate = learning_rate(recipe.train, (number - 1) * batches + position, batches)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with loading.measured():
            pixels, labels = images.batch(rows_of(recipe, rows, ranks, images.device))
        with computing_in(recipe.train.dtype, images.device), statistics_of(recipe, network, ranks):
            logits = network(pixels)
            loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.detach())
        hits.append((logits.detach().argmax(1) == labels).sum())
    # Read once an epoch: a GPU would wait at every number that is read.
    mean_loss = float(ranks.total(torch.stack(losses).mean()) / ranks.count)
    correct = int(ranks.total(torch.stack(hits).sum()))
    if not np.isfinite(mean_loss):
        raise LnbenchError(
            f"Training '{recipe.label}' diverged: the loss of epoch {number} is {mean_loss}.",
            "Lower the learning_rate in the benchmark.",
        )
    seconds = time.perf_counter() - started
    share = correct / (batches * size)
    return Epoch(number, rate, mean_loss, share, float("nan"), seconds, loading.seconds(), machine_load())


def _publish(
    recipe: Recipe,
    data: DataSet,
    network: nn.Module,
    progress: Progress,
    store: Store,
    run_id: str,
    how: dict[str, Any],
    test_images: int | None,
) -> StoredModel:
    logs: dict[Log, pd.DataFrame] = {"history": pd.DataFrame([asdict(epoch) for epoch in progress.epochs])}
    if progress.scales:
        logs["scales"] = pd.DataFrame([asdict(row) for row in progress.scales])
    draft = draft_model(
        network,
        recipe.card(),
        run_id=run_id,
        class_names=data.info.classes,
        # How the data set was named, so that evaluation finds it again.
        data_spec=without_home(data.spec),
        image_size=data.image_size,
        logs=logs,
        test_accuracy=progress.epochs[-1].test_accuracy,
        test_images=data.identity("test", test_images)["limit"],
        how=how,
    )
    model = publish_draft(draft, store)
    shutil.rmtree(store.training_folder(recipe.id), ignore_errors=True)
    return model
