"""How long the work will take, from a few steps of each network on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

from robustbench_ln.experiments.run import Resources, Todo, trainings_at_once
from robustbench_ln.training.recipe import Recipe

#: Pixels of a probe's images: enough for a step to be typical, few enough for a slow network.
_PIXELS, _STEPS = 16 * 32 * 32, 3


def estimate_seconds(todo: Sequence[Todo], resources: Resources) -> float:
    """Return the seconds that trainings and cells will take; noise and reading data are left out."""
    speeds: dict[tuple[str, str, str], tuple[float, float]] = {}
    trainings = passes = longest = 0.0
    for one in todo:
        recipe = one.work.recipe
        if not one.training and not one.passes:
            continue
        key = (recipe.network, recipe.norm, str(recipe.image_shape))
        if key not in speeds:
            speeds[key] = _probe(recipe, resources)
        per_trained, per_row = speeds[key]
        if one.training:
            images = recipe.data["limit"] or one.work.data.info.splits["train"].images
            training = per_trained * images * recipe.train.epochs
            longest = max(longest, training)
            trainings += training
        for one_pass in one.passes:
            tested = one_pass.settings.limit or one_pass.data.info.splits["test"].images
            passes += per_row * tested * sum(cell.layout.copies for cell in one_pass.cells)
    # Workers share the work, but no training.
    shared = trainings / trainings_at_once(resources) + passes / resources.workers
    return max(shared, longest)


def _probe(recipe: Recipe, resources: Resources) -> tuple[float, float]:
    """Return the seconds of a training image and of an evaluated row, in one worker."""
    import torch
    import torch.nn.functional as F

    from robustbench_ln.devices import choose_device
    from robustbench_ln.models.registry import build_network
    from robustbench_ln.threads import torch_threads

    device = choose_device(resources.device)
    groups = int(recipe.norm_options.get("groups", 1))
    _, height, width = recipe.image_shape
    rows = -(-max(_PIXELS // (height * width), 1) // groups) * groups
    with torch.random.fork_rng(devices=[]), torch_threads(resources.threads):
        network = build_network(
            recipe.network,
            image_shape=recipe.image_shape,
            num_classes=recipe.classes,
            norm=recipe.norm,
            norm_options=recipe.norm_options,
        ).to(device)
        pixels = torch.rand(rows, *recipe.image_shape, device=device)
        labels = torch.zeros(rows, dtype=torch.int64, device=device)
        trained, evaluated = [], []
        for _ in range(_STEPS):
            started = time.perf_counter()
            torch.autograd.backward(F.cross_entropy(network.train()(pixels), labels))
            # A number is read, since a GPU computes on while Python goes ahead.
            float(sum(one.grad.sum() for one in network.parameters() if one.grad is not None))
            trained.append(time.perf_counter() - started)
            started = time.perf_counter()
            with torch.inference_mode():
                network.eval()(pixels).cpu()
            evaluated.append(time.perf_counter() - started)
    # The first step also allocates; the fastest is the least disturbed.
    return min(trained) / rows, min(evaluated) / rows
