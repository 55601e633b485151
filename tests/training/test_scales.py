"""Statistics of gamma and beta, against numpy over the parameters of all norms."""

import numpy as np
import torch
from torch import nn

from robustbench_ln.norms.batchnorm import BatchNorm2d
from robustbench_ln.norms.localnorm import LocalNorm2d
from robustbench_ln.training.scales import group_scales


def filled(network: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    return network


def test_every_group_is_told_over_the_channels_of_all_layers():
    network = filled(nn.Sequential(LocalNorm2d(3, 4), nn.ReLU(), LocalNorm2d(5, 4)))
    rows = group_scales(network, 7)
    assert [(row.epoch, row.group) for row in rows] == [(7, group) for group in range(4)]
    for row in rows:
        gamma = np.concatenate([network[at].weight[row.group].detach().numpy() for at in (0, 2)])
        beta = np.concatenate([network[at].bias[row.group].detach().numpy() for at in (0, 2)])
        expected = [gamma.mean(), gamma.var(), beta.mean(), beta.var()]
        np.testing.assert_allclose(
            [row.gamma_mean, row.gamma_var, row.beta_mean, row.beta_var], expected, rtol=1e-5
        )


def test_a_norm_without_groups_has_one_group():
    (row,) = group_scales(filled(nn.Sequential(BatchNorm2d(6), nn.Conv2d(6, 6, 1))), 1)
    assert row.group == 0


def test_a_network_without_such_norms_has_no_row():
    assert group_scales(nn.Sequential(nn.GroupNorm(2, 4)), 1) == []
