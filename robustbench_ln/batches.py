"""How a batch lies in memory: channels last and ordered by set on a CPU, where networks run fastest so.

On a GPU it stays as it is made: channels first, in which all sets are one call.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Fewer pay more for each call than for its values, more push each other out of a CPU's cache.
_ROWS_AT_ONCE = 128


def ordered_by_set(device: torch.device) -> bool:
    """Return whether the rows of a batch are ordered by set where a network is computed."""
    return device.type == "cpu"


def rows_at_once(rows: int, device: torch.device) -> int:
    """Return how many of a batch's rows a network takes at once where no row's output depends on another."""
    return min(rows, _ROWS_AT_ONCE) if device.type == "cpu" else rows


def in_memory_format(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) as they run fastest where they are; the network's maps follow.

    Channels last, on a CPU, whatever the network's weights are: on batch statistics ResNet32 takes three
    quarters of the time.
    """
    if images.device.type != "cpu":
        return images
    # Of images with one channel `contiguous` would leave the strides that name no format.
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)
