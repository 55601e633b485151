"""The size of a network, counted as Keras and the LocalNorm paper count it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from robustbench_ln.models.registry import build_network


@dataclass(frozen=True)
class ParameterCount:
    """Numbers that a network is made of.

    Attributes:
        trainable: numbers in parameters, those that do not require gradients included.
        statistics: numbers in running means and variances. PyTorch's counters of batches are left out,
            which Keras does not have.
    """

    trainable: int
    statistics: int

    @property
    def total(self) -> int:
        """The number of parameters as Keras prints it, moving statistics included."""
        return self.trainable + self.statistics


def count_parameters(network: nn.Module) -> ParameterCount:
    """Count a network's parameters and running statistics; what is used in two places counts once.

    Source:
        Table 2 of arXiv 1902.06550 counts so.
    """
    statistics = {"running_mean", "running_var"}
    return ParameterCount(
        trainable=sum(parameter.numel() for parameter in network.parameters()),
        statistics=sum(
            buffer.numel()
            for name, buffer in network.named_buffers()
            if name.rpartition(".")[2] in statistics
        ),
    )


def count_built(
    network: str,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    norm: str,
    norm_options: Mapping[str, Any],
) -> ParameterCount:
    """Return the number of parameters of a network that `build_network` builds; no value is drawn."""
    with torch.device("meta"):
        built = build_network(
            network,
            image_shape=image_shape,
            num_classes=num_classes,
            norm=norm,
            norm_options=norm_options,
        )
    return count_parameters(built)
