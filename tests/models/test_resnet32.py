"""ResNet32 against a functional re-statement, its layers by position, and how it starts."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from robustbench_ln import BatchNorm2d, LnbenchError
from robustbench_ln.models.registry import build_network
from robustbench_ln.norms.registry import NORMS


def network_of(norm="batchnorm", image_shape=(3, 32, 32), num_classes=10, seed=0, **options):
    torch.manual_seed(seed)
    return build_network(
        "resnet32", image_shape=image_shape, num_classes=num_classes, norm=norm, norm_options=options
    )


def options_for(norm):
    return {"groups": 2} if NORMS[norm].has_groups else {}


def with_random_norms(network):
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.2)
                module.running_mean.normal_(std=0.2)
                module.running_var.uniform_(0.5, 1.5)
            elif isinstance(module, nn.Conv2d | nn.Linear):
                module.bias.normal_(std=0.1)
    return network


def restated(state, x, training):
    """Compute the logits with functions alone: the tensors in the order of use, not by name."""
    tensors = list(state)

    def convolution(x, stride=1, padding=1):
        return F.conv2d(x, tensors.pop(0), tensors.pop(0), stride, padding)

    def normalized(x):
        gamma, beta, mean, var, _ = (tensors.pop(0) for _ in range(5))
        axes = (1, -1, 1, 1)
        if training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        hat = (x - mean.reshape(axes)) / (var.reshape(axes) + 1e-5).sqrt()
        return (hat * gamma.reshape(axes) + beta.reshape(axes)).clamp(min=0)

    x = convolution(x)
    for stage in range(3):
        for block in range(5):
            halved = stage > 0 and block == 0
            activated = normalized(x)
            branch = convolution(activated, stride=2 if halved else 1)
            branch = convolution(normalized(branch))
            x = branch + (convolution(activated, stride=2, padding=0) if halved else x)
    x = normalized(x).mean((2, 3))
    weight, bias = tensors
    return x @ weight.T + bias


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("shape", "classes"), [((3, 32, 32), 10), ((1, 9, 14), 4)])
def test_logits_equal_a_functional_restatement(shape, classes, training):
    network = with_random_norms(network_of(image_shape=shape, num_classes=classes)).double()
    x = torch.randn(4, *shape, dtype=torch.float64)
    state = [tensor.clone() for tensor in network.state_dict().values()]
    expected = restated(state, x, training)
    torch.testing.assert_close(network.train(training)(x), expected, atol=1e-9, rtol=1e-9)


def test_there_are_31_convolutions_two_projections_and_31_norms_in_these_places():
    network = network_of()
    convolutions = {name: one for name, one in network.named_modules() if isinstance(one, nn.Conv2d)}
    assert all(one.bias is not None for one in convolutions.values())
    sides = [one.kernel_size[0] for one in convolutions.values()]
    assert (sides.count(3), sides.count(1)) == (31, 2)
    strided = {name for name, one in convolutions.items() if one.stride == (2, 2)}
    assert strided == {"blocks.5.conv1", "blocks.5.projection", "blocks.10.conv1", "blocks.10.projection"}
    norms = [one.num_features for one in network.modules() if isinstance(one, BatchNorm2d)]
    assert norms == [16] * 11 + [32] * 10 + [64] * 10


def test_maps_halve_twice():
    network, seen = network_of("none"), []
    for block in network.blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    network(torch.zeros(1, 3, 32, 32))
    assert seen == [(16, 32, 32)] * 5 + [(32, 16, 16)] * 5 + [(64, 8, 8)] * 5


def test_kernels_start_he_normal_and_biases_at_0():
    network = network_of("none")
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 34
    for layer in layers:
        fan_in, count = math.prod(layer.weight.shape[1:]), layer.weight.numel()
        weight, deviation = layer.weight.detach().double(), math.sqrt(2 / fan_in)
        assert abs(weight.mean()) < 5 * deviation / math.sqrt(count)
        # A normal number's variance has the relative standard error sqrt(2/n).
        assert abs(weight.var() / deviation**2 - 1) < 5 * math.sqrt(2 / count)
        assert not layer.bias.any()
    pooled = torch.cat([one.weight.flatten() * math.sqrt(math.prod(one.weight.shape[1:])) for one in layers])
    kurtosis = (pooled.double() ** 4).mean() / (pooled.double() ** 2).mean() ** 2
    assert abs(kurtosis - 3) < 0.1, "normal, not uniform"


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_starts_from_the_same_kernels_and_gives_finite_gradients(norm):
    network = network_of(norm, image_shape=(3, 8, 8), **options_for(norm))
    kernels = [one.weight for one in network.modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    plain = [one.weight for one in network_of("none").modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    assert all(torch.equal(one, other) for one, other in zip(kernels, plain, strict=True))
    network(torch.randn(4, 3, 8, 8)).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 40), (3, 33, 31), (2, 64, 9)])
def test_other_sizes_and_channels_work(shape):
    network = network_of("localnorm", image_shape=shape, num_classes=3, groups=2)
    assert network(torch.rand(4, *shape)).shape == (4, 3)


@pytest.mark.parametrize("size", [(7, 8), (32, 7), (1, 1)])
def test_images_that_are_too_small_are_an_error_that_names_their_size(size):
    with pytest.raises(LnbenchError, match=f"'resnet32'.*{size[0]}x{size[1]}"):
        network_of(image_shape=(3, *size))


def test_channels_last_gives_the_same_numbers():
    network, x = with_random_norms(network_of()).double().eval(), torch.randn(2, 3, 32, 32).double()
    expected = network(x)
    network = network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x.contiguous(memory_format=torch.channels_last)), expected)
