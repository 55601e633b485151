"""Norms without batch statistics, through PyTorch's own layers (Fig. 3 of the LocalNorm paper)."""

from __future__ import annotations

from torch import nn


def layer_norm(num_features: int, eps: float = 1e-5) -> nn.GroupNorm:
    """Layer norm of a feature map: statistics over (C, H, W) of a row, one gamma and beta a channel.

    `torch.nn.LayerNorm` would fix H and W and learn a gamma for each of their positions; one group over
    all channels is the layer norm of the LocalNorm paper's Fig. 3(b).
    """
    return nn.GroupNorm(1, num_features, eps=eps)


def group_norm(num_features: int, channel_groups: int = 8, eps: float = 1e-5) -> nn.GroupNorm:
    """Group norm: statistics over (C/channel_groups, H, W) of a row."""
    return nn.GroupNorm(channel_groups, num_features, eps=eps)


def instance_norm(num_features: int, eps: float = 1e-5) -> nn.InstanceNorm2d:
    """Instance norm: statistics over (H, W) of a row, with gamma and beta, no running statistics."""
    return nn.InstanceNorm2d(num_features, eps=eps, affine=True)


def no_norm(num_features: int) -> nn.Identity:
    """No normalization: the control that tells what any norm adds."""
    return nn.Identity()
