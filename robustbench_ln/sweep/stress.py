"""The batch-composition stress test: the same network and noise, with other company for each image.

A mode that takes statistics from other test images gives another number in another order or in smaller
sets. This plans cells over orders and set sizes; nothing else about them is special, so they are stored,
resumed and read as any. `robustbench_ln.compositions` tells what came out.

Importing this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.evaluation.order import takes_seed
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import NoisyPass, SweepSettings
from robustbench_ln.sweep.several import Sweep, plan_sweeps, repeated

ORDERS = ("shuffled", "dirichlet:1", "dirichlet:0.1", "class-sorted")
SET_SIZES = (1, 4, 16, 64)


def plan_stress(
    models: Sequence[tuple[StoredModel, DataSet]],
    settings: SweepSettings,
    *,
    orders: Sequence[str] = ORDERS,
    set_sizes: Sequence[int] | None = None,
    noise_seeds: Sequence[int] = (0,),
    order_seeds: Sequence[int] = (0, 1, 2),
) -> list[NoisyPass]:
    """Return the cells of networks over orders and set sizes, each once.

    Args:
        models: networks, each with the data set to test it on.
        settings: noise, sigmas and modes.
        orders: see `robustbench_ln.evaluation.order`.
        set_sizes: S, images that share statistics; a batch holds S images for each of a network's groups.
            None takes those of `SET_SIZES` for which there are images.
        noise_seeds: of the noise.
        order_seeds: of each order that is drawn.

    Raises:
        LnbenchError: as `robustbench_ln.sweep.plan.plan_cells`; a set without images, or of more than are in
            use.
    """
    most = min(min(known, settings.limit or known) for known in _test_images(models))
    sizes = [size for size in SET_SIZES if size <= most] if set_sizes is None else set_sizes
    for size in sizes:
        if not 1 <= size <= most:
            raise LnbenchError(
                f"There are no sets of {size:,} images: {most:,} test images are in use.",
                "Name sets of 1 image and more with --set-size, up to all images.",
            )
    passes: list[NoisyPass] = []
    for groups in dict.fromkeys(_groups(model) for model, _ in models):
        alike = [pair for pair in models if _groups(pair[0]) == groups]
        sweeps = [
            sweep
            for size in sizes
            for order in orders
            for sweep in repeated(
                [Sweep(alike, replace(settings, order=order, batch_size=size * groups))],
                noise_seeds,
                order_seeds if takes_seed(order) else order_seeds[:1],
            )
        ]
        passes.extend(plan_sweeps(sweeps))
    return passes


def _test_images(models: Sequence[tuple[StoredModel, DataSet]]) -> list[int]:
    return [data.info.splits["test"].images for _, data in models]


def _groups(model: StoredModel) -> int:
    recipe = model.card["recipe"]
    return int(recipe["norm_options"]["groups"]) if find_norm(recipe["norm"]).has_groups else 1
