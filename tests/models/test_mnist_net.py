"""The MNIST network: its layers in order, its parameters by hand arithmetic, and how it starts."""

import math

import pytest
import torch
from torch import nn

from robustbench_ln import BatchNorm2d, LnbenchError, LocalNorm2d, SwitchNorm2d
from robustbench_ln.models.pooling import MaxPool2d
from robustbench_ln.models.registry import build_network
from robustbench_ln.norms.registry import NORMS


def network_of(norm="batchnorm", image_shape=(1, 28, 28), num_classes=10, **options):
    return build_network(
        "mnist-net", image_shape=image_shape, num_classes=num_classes, norm=norm, norm_options=options
    )


def parameters_of(network):
    return sum(tensor.numel() for tensor in network.parameters())


# 3x3 kernels and biases of 1-16-16-32-32, then dense 512 (from 32 maps of 4x4), 1024 and 10.
CONVOLUTIONS = (9 * 1 + 1) * 16 + (9 * 16 + 1) * 16 + (9 * 16 + 1) * 32 + (9 * 32 + 1) * 32
DENSE = (32 * 4 * 4 + 1) * 512 + (512 + 1) * 1024 + (1024 + 1) * 10
CHANNELS = 16 + 16 + 32 + 32


@pytest.mark.parametrize(
    ("norm", "options", "of_norms"),
    [
        ("none", {}, 0),
        ("batchnorm", {}, 2 * CHANNELS),
        ("switchnorm", {}, 2 * CHANNELS + 4 * 6),
        ("localnorm", {"groups": 1}, 2 * CHANNELS),
        ("localnorm", {"groups": 5}, 5 * 2 * CHANNELS),
        ("localnorm", {"groups": 10}, 10 * 2 * CHANNELS),
        ("layernorm", {}, 2 * CHANNELS),
        ("groupnorm", {}, 2 * CHANNELS),
        ("instancenorm", {}, 2 * CHANNELS),
    ],
)
def test_the_number_of_parameters_follows_from_the_layers(norm, options, of_norms):
    assert CONVOLUTIONS + DENSE == 814_586
    assert parameters_of(network_of(norm, **options)) == 814_586 + of_norms


@pytest.mark.parametrize(("norm", "buffers"), [("batchnorm", 2 * CHANNELS + 4), ("switchnorm", 2 * CHANNELS)])
def test_running_statistics_are_counted_as_state_and_not_as_parameters(norm, buffers):
    assert sum(tensor.numel() for tensor in network_of(norm).buffers()) == buffers


def test_another_shape_and_number_of_classes_change_the_ends_alone():
    network = network_of("none", image_shape=(3, 32, 20), num_classes=7)
    sides = [((length - 4) // 2 - 4) // 2 for length in (32, 20)]
    expected = CONVOLUTIONS + 9 * 2 * 16 + (32 * sides[0] * sides[1] + 1) * 512 + 513 * 1024 + 1025 * 7
    assert parameters_of(network) == expected
    assert network(torch.zeros(2, 3, 32, 20)).shape == (2, 7)


def test_the_layers_come_in_the_order_of_the_paper_s_code():
    network = network_of("localnorm", groups=2)
    leaves = [module for module in network.modules() if not list(module.children())]
    block = [nn.Conv2d, nn.ReLU, LocalNorm2d]
    assert [type(module) for module in leaves] == [
        *block,
        *block,
        MaxPool2d,
        nn.Dropout,
        *block,
        *block,
        MaxPool2d,
        nn.Dropout,
        nn.Flatten,
        nn.Linear,
        nn.ReLU,
        nn.Dropout,
        nn.Linear,
        nn.ReLU,
        nn.Dropout,
        nn.Linear,
    ]
    convolutions = [module for module in leaves if isinstance(module, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in convolutions] == [
        (1, 16),
        (16, 16),
        (16, 32),
        (32, 32),
    ]
    assert {(layer.kernel_size, layer.stride, layer.padding) for layer in convolutions} == {
        ((3, 3), (1, 1), (0, 0))
    }
    assert [module.p for module in leaves if isinstance(module, nn.Dropout)] == [0.25, 0.25, 0.25, 0.5]
    assert [module.kernel_size for module in leaves if isinstance(module, nn.MaxPool2d)] == [2, 2]
    assert [module.out_features for module in leaves if isinstance(module, nn.Linear)] == [512, 1024, 10]


def test_the_layers_run_in_that_order_too():
    network, seen = network_of("switchnorm"), []
    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: seen.append(name))
    network.eval()(torch.zeros(1, 1, 28, 28))
    assert seen == [name for name, module in network.named_modules() if not list(module.children())]


@pytest.mark.parametrize(
    ("norm", "kind"), [("batchnorm", BatchNorm2d), ("switchnorm", SwitchNorm2d), ("localnorm", LocalNorm2d)]
)
def test_there_are_four_norms_of_the_convolutions_channels_and_none_after_dense_layers(norm, kind):
    network = network_of(norm, **({"groups": 2} if norm == "localnorm" else {}))
    layers = [(name, module) for name, module in network.named_modules() if type(module) is kind]
    assert [module.num_features for _, module in layers] == [16, 16, 32, 32]
    assert all(name.startswith("features") for name, _ in layers)


def test_options_reach_every_norm():
    network = network_of("batchnorm", eps=1e-3, momentum=0.01)
    layers = [module for module in network.modules() if isinstance(module, BatchNorm2d)]
    assert {(layer.eps, layer.momentum) for layer in layers} == {(1e-3, 0.01)}


def test_kernels_start_glorot_uniform_and_biases_at_0():
    torch.manual_seed(0)
    network = network_of("none")
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 7
    for layer in layers:
        positions = math.prod(layer.weight.shape[2:])
        fans = (layer.weight.shape[0] + layer.weight.shape[1]) * positions
        bound = math.sqrt(6 / fans)
        weight, count = layer.weight.detach().double(), layer.weight.numel()
        assert weight.abs().max() <= bound
        assert weight.abs().max() > bound * (1 - 20 / count)
        # A uniform number on +-bound has variance bound^2/3 and kurtosis 1.8.
        assert abs(weight.mean()) < 5 * bound / math.sqrt(3 * count)
        assert abs(weight.var() - bound**2 / 3) < 5 * bound**2 / 3 * math.sqrt(0.8 / count)
        assert not layer.bias.any()


def test_weights_are_drawn_from_torch_s_generator_and_norms_do_not_shift_them():
    drawn = {}
    for norm in NORMS:
        torch.manual_seed(3)
        network = network_of(norm, **({"groups": 4} if NORMS[norm].has_groups else {}))
        drawn[norm] = [
            module.weight.detach().numpy().tobytes()
            for module in network.modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        ]
    assert all(weights == drawn["none"] for weights in drawn.values()), "one seed, one start for every norm"
    torch.manual_seed(4)
    assert network_of("none").classifier[1].weight.detach().numpy().tobytes() not in drawn["none"]


@pytest.mark.parametrize("size", [(16, 16), (16, 40), (17, 19)])
def test_the_smallest_images_work(size):
    network = network_of("localnorm", image_shape=(1, *size), groups=2)
    logits = network(torch.rand(4, 1, *size))
    logits.sum().backward()
    assert logits.shape == (4, 10)
    assert all(tensor.grad.isfinite().all() for tensor in network.parameters())


@pytest.mark.parametrize("size", [(15, 16), (28, 15), (1, 1), (8, 8)])
def test_images_that_are_too_small_are_an_error_that_names_their_size(size):
    with pytest.raises(LnbenchError, match=f"{size[0]}x{size[1]}"):
        network_of(image_shape=(1, *size))


def test_a_training_step_gives_the_bits_of_pytorch_s_own_pooling(monkeypatch):
    gradients = []
    for forward in (MaxPool2d.forward, nn.MaxPool2d.forward):
        monkeypatch.setattr(MaxPool2d, "forward", forward)
        torch.manual_seed(0)
        network = build_network("mnist-net", image_shape=(1, 28, 28), num_classes=10, norm="batchnorm")
        network(torch.randn(8, 1, 28, 28)).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    assert all(torch.equal(own, pytorch) for own, pytorch in zip(*gradients, strict=True))
