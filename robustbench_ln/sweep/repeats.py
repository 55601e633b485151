"""Repeats of a sweep: other noise and other orders of the same images through the same networks.

Importing this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import NoisyPass, SweepSettings, plan_cells


def repeats_of(
    settings: SweepSettings, noise_seeds: Sequence[int], order_seeds: Sequence[int]
) -> list[SweepSettings]:
    """Return the settings once for each pair of a noise seed and an order seed."""
    pairs = product(noise_seeds, order_seeds)
    return [replace(settings, seed=noise_seed, order_seed=order_seed) for noise_seed, order_seed in pairs]


def plan_repeats(
    models: Sequence[tuple[StoredModel, DataSet]], repeats: Sequence[SweepSettings]
) -> list[NoisyPass]:
    """Return the cells of all repeats, each once: an order changes nothing in modes that couple no images.

    Raises:
        LnbenchError: as `plan_cells`.
    """
    planned: set[str] = set()
    passes = []
    for settings in repeats:
        for one in plan_cells(models, settings):
            new = [cell for cell in one.cells if cell.id not in planned]
            planned.update(cell.id for cell in new)
            if new:
                passes.append(replace(one, cells=new))
    return passes
