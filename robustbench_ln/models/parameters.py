"""The size of a network, counted as Keras and the LocalNorm paper count it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


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
