"""One batch through one network: copies of an image share what precedes the first norm."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_ln.evaluation.forward import logits_of
from robustbench_ln.modes import lay_out
from robustbench_ln.norms.localnorm import LocalNorm2d

K = 4


class Branched(nn.Module):
    """Images meet a convolution, and themselves again behind the norm."""

    def __init__(self, *first):
        super().__init__()
        self.first = nn.Sequential(*first, nn.Conv2d(2, 2, 3, padding=1))
        self.norm = LocalNorm2d(2, K)
        self.last = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(2, 3, 3), nn.Flatten(), nn.LazyLinear(5))

    def forward(self, x):
        return self.last(self.norm(self.first(x)) + x)


def network_of(*first):
    torch.manual_seed(0)
    network = Branched(*first).eval()
    network(torch.zeros(K, 2, 5, 6))
    with torch.no_grad():
        for parameter in (network.norm.weight, network.norm.bias):
            parameter.add_(torch.randn_like(parameter))
    return network


@pytest.mark.parametrize("mode", ["single-voting", "voting"])
@pytest.mark.parametrize("first", [(), (nn.Hardtanh(-1, 1),), (nn.Identity(),)])
def test_the_first_convolution_computes_each_image_once(mode, first):
    network = network_of(*first)
    layout = lay_out(mode, "localnorm", K, 12)
    images = np.random.default_rng(0).normal(size=(layout.images, 2, 5, 6)).astype(np.float32)
    groups = layout.groups_of_sets(np.arange(layout.images), 0)
    rows = []
    network.first[-1].register_forward_hook(lambda module, given, result: rows.append(len(given[0])))

    found = logits_of(network, layout, images, groups, "float32")

    # What stands before it hides that its rows are copies; an Identity hands them on as they are.
    hidden = isinstance(network.first[0], nn.Hardtanh)
    assert rows == [layout.images * (K if hidden else 1)]
    wanted = np.empty((layout.images, K, 5), np.float32)
    for group in range(K):
        alone = network_of(*first)
        with torch.no_grad():
            # One group, and the whole batch or each image alone.
            alone.norm = LocalNorm2d(2, 1)
            alone.norm.weight.copy_(network.norm.weight[group : group + 1])
            alone.norm.bias.copy_(network.norm.bias[group : group + 1])
            parts = torch.from_numpy(images).split(1 if mode == "single-voting" else layout.images)
            wanted[:, group] = torch.cat([alone(part) for part in parts])
    np.testing.assert_allclose(found, wanted.reshape(-1, 5), atol=1e-4)


def test_nothing_stays_on_the_network():
    network = network_of()
    layout = lay_out("voting", "localnorm", K, 8)
    with pytest.raises(RuntimeError):
        logits_of(network, layout, np.zeros((2, 2, 4, 4), np.float32), np.arange(K), "float32")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert network.norm.groups_of_sets is None


class Centred(nn.Module):
    """Changes its images in place, or not, and gives them to the convolution by name, or not."""

    def __init__(self, *, in_place, by_name):
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 2, 3), LocalNorm2d(2, K)
        self.in_place, self.by_name = in_place, by_name

    def forward(self, x):
        x = x.sub_(0.5).abs_() if self.in_place else (x - 0.5).abs()
        return self.norm(self.first(input=x) if self.by_name else self.first(x)).mean((2, 3))


@pytest.mark.parametrize("mode", ["single-voting", "voting"])
@pytest.mark.parametrize("caller", [nullcontext, torch.inference_mode])
@pytest.mark.parametrize(("in_place", "by_name"), [(True, False), (False, True), (True, True)])
def test_how_a_network_reaches_its_first_convolution_changes_nothing(mode, caller, in_place, by_name):
    torch.manual_seed(0)
    usual = Centred(in_place=False, by_name=False).eval()
    network = Centred(in_place=in_place, by_name=by_name).eval()
    network.load_state_dict(usual.state_dict())
    layout = lay_out(mode, "localnorm", K, 8)
    images = np.random.default_rng(0).normal(size=(layout.images, 2, 4, 4)).astype(np.float32)
    groups = layout.groups_of_sets(np.arange(layout.images), 0)
    with caller():
        found, wanted = (logits_of(one, layout, images, groups, "float32") for one in (network, usual))
    np.testing.assert_array_equal(found, wanted)
