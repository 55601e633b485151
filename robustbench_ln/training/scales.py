"""How gamma and beta of the norms develop, group by group: the numbers behind the paper's Fig 6."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustbench_ln.norms.sets import SetNorm


@dataclass(frozen=True)
class GroupScales:
    """Gamma and beta of one group after one epoch, over the channels of all norms of a network.

    Attributes:
        epoch: counted from 1.
        group: counted from 0; a norm without groups has the one group 0.
        gamma_mean, gamma_var, beta_mean, beta_var: mean and biased variance over all channels.
    """

    epoch: int
    group: int
    gamma_mean: float
    gamma_var: float
    beta_mean: float
    beta_var: float


def group_scales(network: nn.Module, epoch: int) -> list[GroupScales]:
    """Return the statistics of every group of a network's norms; none where it has no such norm."""
    gammas: dict[int, list[Tensor]] = defaultdict(list)
    betas: dict[int, list[Tensor]] = defaultdict(list)
    for module in network.modules():
        if not isinstance(module, SetNorm):
            continue
        for found, name in ((gammas, "weight"), (betas, "bias")):
            # (K, C) of a norm with groups, (C,) of one without.
            values = getattr(module, name).detach().double().cpu()
            for group, row in enumerate(values.reshape(-1, values.shape[-1])):
                found[group].append(row)
    rows = []
    for group in gammas:
        numbers = [torch.var_mean(torch.cat(found[group]), correction=0) for found in (gammas, betas)]
        (gamma_var, gamma_mean), (beta_var, beta_mean) = numbers
        rows.append(
            GroupScales(epoch, group, float(gamma_mean), float(gamma_var), float(beta_mean), float(beta_var))
        )
    return rows
