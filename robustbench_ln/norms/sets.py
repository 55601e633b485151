"""The one formula behind LocalNorm, dynamic BatchNorm and every test-time mode.

A batch of rows is laid out as G sets of S rows; each set has its own statistics and passes through one
group of parameters. Row r belongs to set r mod G: since `(S*G, C, H, W)` viewed as `(S, G*C, H, W)` puts
every (set, channel) pair into a channel of its own, one call of `torch.nn.functional.batch_norm` normalizes
all sets.

That view needs the channels of a row to lie one after the other. Where they lie last in memory, so that
convolutions and BatchNorm are fastest on a CPU, whoever makes the batch orders its rows by set (`by_set`),
and each set is a slice of its own (`robustbench_ln.norms.slices`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.norms.slices import NormalizeSlices

#: Values that are computed with at once, two mebibytes of float32: more leave the caches of a core between
#: one operation and the next; with a quarter of them the calls took 5 % of ResNet32's single-voting.
_IN_CACHE = 2**19


class SetNorm:
    """Mixin of the norms that take statistics over sets of rows.

    Attributes:
        groups_of_sets: (G,) int64, the group of parameters that each of the G sets passes through;
            None leaves the layer at its own behaviour. Set by `laid_out`.
        sets_are_slices: whether row r is in set r // S in place of r mod G. Set by `laid_out`.
        source_weight: in [0, 1], what the running statistics weigh in those of the one set of a batch; None
            leaves them out. Set by `laid_out`; layers without running statistics do not read it.
    """

    groups_of_sets: Tensor | None = None
    sets_are_slices: bool = False
    source_weight: float | None = None


@contextmanager
def laid_out(
    model: nn.Module,
    groups_of_sets: Tensor | None,
    *,
    sets_are_slices: bool = False,
    source_weight: float | None = None,
) -> Iterator[None]:
    """Let every set norm of a model take its statistics over the given sets, within the context.

    Args:
        model: any network; norms without batch statistics in it are not touched.
        groups_of_sets: (G,) int64, the group of each set; None for the layers' own behaviour.
        sets_are_slices: whether rows come ordered by set, as `by_set` orders them; else row r is in set
            r mod G.
        source_weight: in [0, 1], what running statistics weigh beside those of the set; None for none.
    """
    layers = [module for module in model.modules() if isinstance(module, SetNorm)]
    before = [(layer.groups_of_sets, layer.sets_are_slices, layer.source_weight) for layer in layers]
    for layer in layers:
        layer.groups_of_sets, layer.sets_are_slices = groups_of_sets, sets_are_slices
        layer.source_weight = source_weight
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.groups_of_sets, layer.sets_are_slices, layer.source_weight = own


def by_set(rows: int, sets: int) -> Tensor:
    """Return the positions of the rows of a batch ordered by set, where row r is in set r mod `sets`.

    >>> by_set(6, 2).tolist()
    [0, 2, 4, 1, 3, 5]
    """
    return torch.arange(rows).reshape(-1, sets).T.reshape(-1)


def rows_per_set(rows: int, sets: int) -> int:
    """Return S of a batch of S*G rows.

    Raises:
        LnbenchError: the rows do not divide into the sets.
    """
    if rows % sets or not rows:
        nearest = max(rows // sets, 1) * sets
        raise LnbenchError(
            f"A batch of {rows} rows does not divide into {sets} groups of equal size.",
            f"Use a multiple of {sets}, such as {nearest}, and drop or fill the last batch.",
        )
    return rows // sets


def normalize_sets(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float, *, sets_are_slices: bool = False
) -> Tensor:
    """Normalize each set of rows by its own statistics: weight (x - mean) / sqrt(var + eps) + bias.

    Mean and biased variance are taken over the rows of a set and the spatial axes, for each channel.

    Args:
        x: (S*G, C, H, W), row r in set r mod G.
        weight: (G, C) scale of each set.
        bias: (G, C) shift of each set.
        eps: added to the variance inside the root.
        sets_are_slices: row r is in set r // S.

    Returns:
        (S*G, C, H, W). A set with a single value a channel has no variance: the output is the bias.

    Raises:
        LnbenchError: the rows do not divide into the sets.
    """
    sets, channels = weight.shape
    rows, _, height, width = x.shape
    size = rows_per_set(rows, sets)
    if size == 1:
        return _normalize_rows(x, weight, bias, eps)
    if sets_are_slices and sets > 1:
        normalized: Tensor = NormalizeSlices.apply(x, weight, bias, eps)
        return normalized
    view = x.reshape(size, sets * channels, height, width)
    out = F.batch_norm(view, None, None, weight.reshape(-1), bias.reshape(-1), training=True, eps=eps)
    return out.reshape(x.shape)


def normalize_blended(
    x: Tensor,
    running: tuple[Tensor, Tensor],
    source_weight: float,
    weight: Tensor,
    bias: Tensor,
    eps: float,
) -> Tensor:
    """Normalize all rows by running statistics w and those of the rows themselves 1 - w.

    Mean and variance are each w (running) + (1 - w) (of the rows). The variance of the rows is the unbiased
    one, as the running variance is.

    Args:
        x: (N, C, H, W).
        running: (C,) mean and (C,) variance of the source.
        source_weight: w in [0, 1].
        weight: (C,) scale.
        bias: (C,) shift.
        eps: added to the variance inside the root.

    Source:
        Schneider et al. 2020, arXiv 2006.16971, equation 1.
    """
    precise = x if x.dtype == torch.float64 else x.float()
    variance, mean = torch.var_mean(precise, (0, 2, 3), correction=0)
    values = x.numel() // x.shape[1]
    # A single value a channel has no variance of its own.
    unbiased = variance * (values / max(values - 1, 1))
    blended_mean, blended_variance = (
        torch.lerp(own, source.to(own.dtype), source_weight)
        for own, source in zip((mean, unbiased), running, strict=True)
    )
    return F.batch_norm(x, blended_mean, blended_variance, weight, bias, training=False, eps=eps)


def _normalize_rows(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Normalize each row by its own statistics, in less time than one batch_norm call a row.

    A row of a single value a channel, which F.batch_norm refuses, comes to the bias.
    """
    precise = x if x.dtype == torch.float64 else x.float()
    scale, shift = weight[:, :, None, None], bias[:, :, None, None]
    if torch.is_grad_enabled():
        return _normalized(precise, scale, shift, eps).to(x.dtype)
    out = torch.empty_like(precise)
    # As many rows at a time as stay in a core's cache: a new map as large as x costs more than its values.
    rows = max(_IN_CACHE // precise[0].numel(), 1) if x.device.type == "cpu" else len(x)
    parts = (torch.split(each, rows) for each in (precise, scale, shift, out))
    for own, own_scale, own_shift, target in zip(*parts, strict=True):
        _normalized(own, own_scale, own_shift, eps, out=target)
    return out.to(x.dtype)


def _normalized(rows: Tensor, scale: Tensor, shift: Tensor, eps: float, out: Tensor | None = None) -> Tensor:
    centred = rows - rows.mean((2, 3), keepdim=True)
    variance = centred.square().mean((2, 3), keepdim=True)
    return torch.addcmul(shift, centred, scale * torch.rsqrt(variance + eps), out=out)


def check_arguments(layer: str, num_features: int, groups: int, eps: float) -> None:
    """Check the arguments of a layer that splits its batch into groups.

    Raises:
        LnbenchError: `num_features` or `groups` below 1, or `eps` not above 0.
    """
    for name, value in (("num_features", num_features), ("groups", groups)):
        if value < 1:
            raise LnbenchError(f"{layer} expects `{name}` of 1 or more, but got {value}.")
    if eps <= 0:
        raise LnbenchError(f"{layer} expects `eps` above 0, but got {eps}.")


def check_image_batch(x: Tensor, num_features: int, layer: str) -> None:
    """Check that x is (N, C, H, W) with the layer's number of channels.

    Raises:
        LnbenchError: another number of axes or channels.
    """
    if x.dim() != 4 or x.shape[1] != num_features:
        raise LnbenchError(
            f"{layer} expects (N, {num_features}, H, W), but got {tuple(x.shape)}.",
            "It normalizes feature maps of images, channels second.",
        )


def parameter(*shape: int, value: float) -> nn.Parameter:
    """Return a parameter of a shape, filled with one value."""
    return nn.Parameter(torch.full(shape, value))
