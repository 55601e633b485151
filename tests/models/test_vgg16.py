"""VGG16: its layers in order, a functional re-statement, the dense BatchNorm, and how it starts."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from robustbench_ln import BatchNorm2d, LnbenchError, LocalNorm2d
from robustbench_ln.models.pooling import MaxPool2d
from robustbench_ln.models.registry import build_network
from robustbench_ln.modes import lay_out, modes_for
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.norms.sets import laid_out

STAGES = [[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3]


def network_of(norm="batchnorm", image_shape=(3, 32, 32), num_classes=10, seed=0, **options):
    torch.manual_seed(seed)
    return build_network(
        "vgg16", image_shape=image_shape, num_classes=num_classes, norm=norm, norm_options=options
    )


def on_meta(norm, **options):
    with torch.device("meta"):
        return network_of(norm, **options)


def options_for(norm):
    return {"groups": 2} if NORMS[norm].has_groups else {}


def test_the_layers_come_in_the_order_of_the_paper_s_code():
    leaves = [one for one in on_meta("localnorm", groups=2).modules() if not list(one.children())]
    expected = []
    for stage in STAGES:
        expected += [nn.Conv2d, nn.ReLU, LocalNorm2d] * len(stage) + [MaxPool2d]
    expected.insert(3, nn.Dropout)
    expected += [nn.Flatten, nn.Linear, nn.ReLU, nn.BatchNorm1d, nn.Linear]
    assert [type(one) for one in leaves] == expected
    channels = [3, *(channel for stage in STAGES for channel in stage)]
    convolutions = [one for one in leaves if isinstance(one, nn.Conv2d)]
    assert [one.in_channels for one in convolutions] == channels[:-1]
    assert [one.out_channels for one in convolutions] == channels[1:]
    assert {(one.kernel_size, one.stride, one.padding) for one in convolutions} == {((3, 3), (1, 1), (1, 1))}
    assert [one.p for one in leaves if isinstance(one, nn.Dropout)] == [0.3]
    assert [one.num_features for one in leaves if isinstance(one, LocalNorm2d)] == channels[1:]


@pytest.mark.parametrize("norm", NORMS)
def test_the_dense_layer_is_followed_by_the_same_batchnorm_for_every_norm(norm):
    (layer,) = [
        one for one in on_meta(norm, **options_for(norm)).modules() if isinstance(one, nn.BatchNorm1d)
    ]
    assert (layer.num_features, layer.eps, layer.momentum) == (512, 1e-3, 0.01)
    assert (layer.affine, layer.track_running_stats) == (True, True)


@pytest.mark.parametrize("size", [(32, 32), (40, 65)])
def test_logits_equal_a_functional_restatement(size):
    network = network_of(image_shape=(3, *size), num_classes=4).eval()
    with torch.no_grad():
        for one in network.modules():
            if isinstance(one, BatchNorm2d | nn.BatchNorm1d):
                one.weight.uniform_(0.5, 1.5)
                one.bias.normal_(std=0.2)
                one.running_mean.normal_(std=0.2)
                one.running_var.uniform_(0.5, 1.5)
            elif isinstance(one, nn.Conv2d | nn.Linear):
                one.bias.normal_(std=0.1)
    tensors = [tensor for name, tensor in network.state_dict().items() if "num_batches" not in name]
    images = torch.randn(2, 3, *size)

    def normalized(x, eps):
        gamma, beta, mean, var = (tensors.pop(0) for _ in range(4))
        return F.batch_norm(x, mean, var, gamma, beta, training=False, eps=eps)

    x = images
    for stage in STAGES:
        for _ in stage:
            x = normalized(F.conv2d(x, tensors.pop(0), tensors.pop(0), padding=1).relu(), 1e-5)
        x = F.max_pool2d(x, 2)
    assert x.shape[2:] == (1, size[1] // 32)
    x = normalized((x.flatten(1) @ tensors.pop(0).T + tensors.pop(0)).relu(), 1e-3)
    expected = x @ tensors.pop(0).T + tensors.pop(0)
    assert not tensors
    with torch.inference_mode():
        torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)
        last = images.contiguous(memory_format=torch.channels_last)
        again = network.to(memory_format=torch.channels_last)(last)
    torch.testing.assert_close(again, expected, atol=1e-4, rtol=1e-4)


def test_kernels_start_glorot_uniform_and_biases_at_0():
    layers = [one for one in network_of("none").modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    assert len(layers) == 15
    for layer in layers:
        fans = (layer.weight.shape[0] + layer.weight.shape[1]) * math.prod(layer.weight.shape[2:])
        bound, weight, count = math.sqrt(6 / fans), layer.weight.detach(), layer.weight.numel()
        assert bound * (1 - 20 / count) < weight.abs().max() <= bound * (1 + 1e-6)
        assert abs(weight.double().var() / (bound**2 / 3) - 1) < 5 * math.sqrt(0.8 / count)
        assert not layer.bias.any()


@pytest.mark.parametrize("norm", NORMS)
def test_a_training_step_with_every_norm_has_finite_gradients(norm):
    network = network_of(norm, num_classes=3, **options_for(norm))
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_no_mode_changes_the_dense_batchnorm_or_makes_it_look_at_the_batch():
    network = network_of("localnorm", groups=2).double().eval()
    images = torch.randn(4, 3, 32, 32).double()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for mode in modes_for("localnorm"):
        layout = lay_out(mode, "localnorm", 2, 4)
        rows = images[: layout.images].repeat_interleave(layout.copies, dim=0)
        sets = layout.groups_of_sets(np.arange(layout.images), 0)
        with torch.inference_mode(), laid_out(network, torch.from_numpy(sets)):
            together = network(rows)
            if mode == "single":
                for row, group in enumerate(sets):
                    with laid_out(network, torch.tensor([group])):
                        alone = network(images[row : row + 1])
                    torch.testing.assert_close(alone[0], together[row])
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("size", [(31, 32), (32, 28), (1, 1)])
def test_images_that_are_too_small_are_an_error_that_names_their_size(size):
    with pytest.raises(LnbenchError, match=f"'vgg16'.*{size[0]}x{size[1]}"):
        network_of(image_shape=(3, *size))


def test_training_on_a_single_image_is_an_error_and_evaluating_it_is_none():
    network = network_of("none")
    with pytest.raises(LnbenchError, match="1 image"):
        network(torch.zeros(1, 3, 32, 32))
    assert network.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
