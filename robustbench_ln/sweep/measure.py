"""Measure the cells of one pass, which read the same noisy images in step; nothing is published here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from robustbench_ln import provenance
from robustbench_ln.allocator import keep_freed_memory
from robustbench_ln.data.dataset import Arrays, limited
from robustbench_ln.devices import choose_device, describe, device_label, full_precision, memory_checked
from robustbench_ln.errors import LnbenchError
from robustbench_ln.evaluation.images import NoisyImages
from robustbench_ln.evaluation.order import evaluation_order
from robustbench_ln.evaluation.reader import Reader, read_all
from robustbench_ln.store.stored import Counts
from robustbench_ln.sweep.plan import NoisyPass
from robustbench_ln.threads import torch_threads


@dataclass(frozen=True)
class Measured:
    """What came of a pass.

    Attributes:
        results: of each cell, in their order: its counts, or why it could not be measured.
        how: time, place and speed, as JSON values.
        place: where it was measured and why there, for people.
    """

    results: list[Counts | LnbenchError]
    how: dict[str, Any]
    place: str


def measure(
    one: NoisyPass, test: Arrays, networks: Mapping[str, nn.Module], threads: int, device: str
) -> Measured:
    """Measure the cells of one pass.

    Args:
        one: the pass.
        test: the test images of its data set.
        networks: by model id, in evaluation mode.
        threads: of torch; another number may change a count.
        device: see `robustbench_ln.devices.choose_device`.

    Raises:
        LnbenchError: no such device, or memory is used up.
    """
    started = time.perf_counter()
    settings = one.settings
    indices = limited(len(test.labels), settings.limit)
    chosen = choose_device(device)
    keep_freed_memory()
    with torch_threads(threads), full_precision(), memory_checked():
        placed = {model_id: network.to(chosen) for model_id, network in networks.items()}
        readers = [
            Reader(
                placed[cell.model.id],
                cell.layout,
                cell.model.card["recipe"]["preprocessing"],
                cell.vote,
                settings.seed,
                test.labels,
                indices,
                settings.dtype,
            )
            for cell in one.cells
        ]
        train = one.data.info.splits["train"]
        stream = NoisyImages(
            test,
            one.noise,
            one.sigma,
            settings.seed,
            indices,
            one.cells[0].model.card["recipe"]["preprocessing"],
            train_range=np.array([train.minimum, train.maximum]),
        )
        order = evaluation_order(test.labels, indices, settings.order, settings.order_seed)
        results = read_all(stream, order, readers)
    seconds = time.perf_counter() - started
    how = {
        "finished": provenance.now(),
        "host": provenance.host(),
        "torch": str(torch.__version__),
        "threads": threads,
        "device": device_label(chosen),
        # The cells of a pass are measured together, so a cell's own time is not known.
        "pass_seconds": round(seconds, 3),
        "pass_cells": len(one.cells),
        "pass_images_per_second": round(len(indices) * len(one.cells) / seconds, 1),
    }
    return Measured(results, how, describe(chosen, device))
