"""BatchNorm over the rows of several processes, as one process with all the rows has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def synchronised(network: nn.Module) -> Iterator[None]:
    """Let every BatchNorm of a network in training take its statistics over all processes within the context.

    `torch.nn.SyncBatchNorm` does so on GPUs alone, as a layer of its own, which no test-time mode knows.

    Args:
        network: in each process, with as many rows in each.
    """
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for layer in layers:
        layer.forward = partial(_forward, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


class _Total(torch.autograd.Function):
    """The sum of a tensor over all processes; a gradient comes back from each of them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


def _forward(layer: _BatchNorm, x: Tensor) -> Tensor:
    """Normalize (N, C, ...) by mean and biased variance over all processes' rows and the spatial axes."""
    axes = [axis for axis in range(x.dim()) if axis != 1]
    column = (1, -1, *[1] * (x.dim() - 2))
    values = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    count = x.numel() // x.shape[1] * distributed.get_world_size()
    mean = _Total.apply(values.sum(axes)) / count
    # Two sums: the difference of moments would lose the digits of a map whose mean is large.
    centred = values - mean.reshape(column)
    variance = _Total.apply(centred.square().sum(axes)) / count
    _follow(layer, mean.detach(), variance.detach() * (count / max(count - 1, 1)))
    hat: Tensor = centred * torch.rsqrt(variance + layer.eps).reshape(column)
    if layer.affine:
        hat = torch.addcmul(layer.bias.reshape(column), hat, layer.weight.reshape(column))
    return hat.to(x.dtype)


def _follow(layer: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Let the running averages follow a batch, where the layer has them."""
    if layer.running_mean is None or layer.running_var is None or layer.num_batches_tracked is None:
        return
    layer.num_batches_tracked.add_(1)
    share = 1 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
    layer.running_mean.lerp_(mean, share)
    layer.running_var.lerp_(variance, share)
