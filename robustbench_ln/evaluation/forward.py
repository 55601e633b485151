"""One batch through one network in one mode: rows laid out, computed, and put back in the images' order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from robustbench_ln.batches import in_memory_format, ordered_by_set
from robustbench_ln.devices import computing_in, device_of, upload
from robustbench_ln.modes import IntArray, Layout
from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.norms.sets import by_set, laid_out


def logits_of(
    network: nn.Module, layout: Layout, images: FloatArray, groups: IntArray | None, dtype: str
) -> FloatArray:
    """Return the logits of one batch.

    Args:
        network: in evaluation mode.
        layout: how the mode arranges images.
        images: (N, C, H, W) float32, preprocessed; N is `layout.images` in a coupled mode.
        groups: (G,) the group of each set, as `layout.groups_of_sets` gives it.
        dtype: of the products, see `robustbench_ln.devices.DTYPES`.

    Returns:
        (N * layout.copies, classes) float32, an image's rows side by side.
    """
    device = device_of(network)
    slices = ordered_by_set(device)
    sets = None if groups is None else upload(groups, device)
    # A fresh tensor: the layout in memory of `images` must not choose other kernels.
    ones = upload(np.ascontiguousarray(images), device)
    order, count = None, len(ones) * layout.copies
    if slices and sets is not None:
        # Copies lie one whole batch of images after the other: quick to make, and ordered by set.
        parts = layout.copies if layout.copies > 1 else len(sets)
        if parts < count:
            order = by_set(count, parts)
            ones = ones if layout.copies > 1 else ones[order]
            sets = sets[order] if len(sets) == count else sets
    ones = in_memory_format(ones)

    def repeated(x: Tensor) -> Tensor:
        return torch.cat([x] * layout.copies) if slices else x.repeat_interleave(layout.copies, dim=0)

    rows = repeated(ones) if layout.copies > 1 else ones
    with (
        torch.inference_mode(),
        computing_in(dtype, device),
        laid_out(network, sets, sets_are_slices=slices, source_weight=layout.source_weight),
        _computed_once(network, rows, ones, repeated),
    ):
        found = network(rows).float().cpu()
    logits: FloatArray = (found if order is None else found[order.argsort()]).numpy()
    return logits


@contextmanager
def _computed_once(
    network: nn.Module, rows: Tensor, ones: Tensor, repeated: Callable[[Tensor], Tensor]
) -> Iterator[None]:
    """Let a convolution of the images themselves compute each once, and repeat what comes of it.

    Args:
        network: any network; one whose images first meet something else, which may change them in place, is
            not touched.
        rows: the rows that it is given.
        ones: the images that these repeat, or `rows` itself.
        repeated: repeats rows so.
    """
    # Tensors that a caller makes in its own inference mode do not tell whether something changed them.
    if rows is ones or rows.is_inference():
        yield
        return
    version = rows._version

    def before(module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return (ones,) if len(given) == 1 and given[0] is rows and rows._version == version else None

    def after(module: nn.Module, given: tuple[Any, ...], result: Tensor) -> Tensor | None:
        return repeated(result) if given and given[0] is ones else None

    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_pre_hook(before) for module in convolutions]
    hooks += [module.register_forward_hook(after) for module in convolutions]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
