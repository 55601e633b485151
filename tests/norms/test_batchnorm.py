"""BatchNorm2d against PyTorch's own layer, on running statistics and on those of each set of rows."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_ln import BatchNorm2d, LnbenchError
from robustbench_ln.norms.sets import laid_out


def images_of(shape, seed, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (x * torch.arange(1.0, 1 + shape[1])[None, :, None, None] + 0.5).to(dtype)


def pair_of_layers(channels, seed, **options):
    """Return this project's layer and PyTorch's with the same random parameters and running statistics."""
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = BatchNorm2d(channels, **options), nn.BatchNorm2d(channels, **options)
    with torch.no_grad():
        theirs.weight.copy_(torch.randn(channels, generator=generator))
        theirs.bias.copy_(torch.randn(channels, generator=generator))
        theirs.running_mean.copy_(torch.randn(channels, generator=generator))
        theirs.running_var.copy_(torch.rand(channels, generator=generator) + 0.1)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def bits(layer):
    return {name: tensor.numpy().tobytes() for name, tensor in layer.state_dict().items()}


@pytest.mark.parametrize("options", [{}, {"eps": 1e-3, "momentum": 0.01}, {"momentum": 1.0}])
def test_training_is_pytorch_s_layer_to_the_bit(options):
    ours, theirs = pair_of_layers(3, seed=1, **options)
    for step in range(3):
        x, again = (images_of((6, 3, 4, 5), step).requires_grad_() for _ in range(2))
        y, expected = ours.train()(x), theirs.train()(again)
        y.square().sum().backward()
        expected.square().sum().backward()
        assert torch.equal(y, expected)
        assert torch.equal(x.grad, again.grad)
        assert torch.equal(ours.weight.grad, theirs.weight.grad)
    assert bits(ours) == bits(theirs)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_frozen_is_pytorch_s_layer_to_the_bit_and_equals_the_formula(rows):
    ours, theirs = pair_of_layers(3, seed=2, eps=1e-3)
    x = images_of((rows, 3, 4, 5), 2)
    before = bits(ours)

    y = ours.eval()(x)

    assert torch.equal(y, theirs.eval()(x))
    assert bits(ours) == before
    for channel in range(3):
        mean, variance, gamma, beta = (
            values[channel].item() for values in (ours.running_mean, ours.running_var, ours.weight, ours.bias)
        )
        expected = gamma * (x[:, channel].double().numpy() - mean) / np.sqrt(variance + 1e-3) + beta
        np.testing.assert_allclose(y[:, channel].detach(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("rows", "sets"), [(1, 1), (6, 1), (6, 2), (6, 6), (12, 3)])
def test_dynamic_statistics_are_those_of_each_set(rows, sets, training):
    ours, theirs = pair_of_layers(3, seed=3)
    x = images_of((rows, 3, 3, 2), rows)

    with laid_out(ours.train(training), torch.zeros(sets, dtype=torch.int64)):
        y = ours(x)

    for one in range(sets):
        expected = theirs.train()(x[one::sets])  # PyTorch's training branch: the batch's own statistics
        torch.testing.assert_close(y[one::sets], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("value", [1.0, float("inf"), float("nan")])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("sets", [1, 4])
def test_dynamic_statistics_change_no_bit_of_the_layer(training, sets, value):
    ours, _ = pair_of_layers(3, seed=4)
    ours.train(training)
    before = bits(ours)
    with laid_out(ours, torch.zeros(sets, dtype=torch.int64)):
        ours(value * (100 + images_of((4, 3, 3, 3), 4)))
    assert bits(ours) == before
    assert int(ours.num_batches_tracked) == 0
    assert ours.training is training


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_dynamic_statistics_read_no_running_statistics(scale):
    ours, _ = pair_of_layers(3, seed=5)
    other = copy.deepcopy(ours)
    other.running_mean.mul_(scale).add_(scale)
    other.running_var.mul_(scale)
    x = images_of((4, 3, 3, 3), 5)
    with laid_out(nn.ModuleList([ours, other]), torch.zeros(2, dtype=torch.int64)):
        assert torch.equal(ours(x), other(x))


def test_a_single_value_a_channel_gives_beta_and_finite_gradients():
    ours, _ = pair_of_layers(3, seed=6)
    x = images_of((4, 3, 1, 1), 6).requires_grad_()
    with laid_out(ours, torch.zeros(4, dtype=torch.int64)):
        y = ours(x)
    y.sum().backward()
    assert torch.equal(y[:, :, 0, 0], ours.bias.expand(4, 3))
    assert torch.equal(x.grad, torch.zeros_like(x))
    assert torch.equal(ours.bias.grad, torch.full((3,), 4.0))
    assert ours.weight.grad.isfinite().all()


@pytest.mark.parametrize("sets", [1, 2, 3, 6])
def test_gradients_over_sets_equal_finite_differences(sets):
    ours, _ = pair_of_layers(2, seed=7)
    ours = ours.double()
    x = images_of((6, 2, 2, 3), 7, torch.float64).requires_grad_()

    def normalized(x, weight, bias):
        with laid_out(ours, torch.zeros(sets, dtype=torch.int64)):
            return torch.func.functional_call(ours, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(normalized, (x, ours.weight, ours.bias))


@pytest.mark.parametrize(("rows", "sets"), [(5, 2), (3, 4)])
def test_rows_that_do_not_divide_into_sets_are_an_error_that_names_both_numbers(rows, sets):
    layer = BatchNorm2d(2)
    with (
        pytest.raises(LnbenchError, match=rf"\b{rows}\b.*\b{sets}\b"),
        laid_out(layer, torch.zeros(sets, dtype=torch.int64)),
    ):
        layer(torch.zeros(rows, 2, 3, 3))


def test_state_is_interchangeable_with_pytorch_s():
    ours, theirs = BatchNorm2d(4), nn.BatchNorm2d(4)
    assert isinstance(ours, nn.BatchNorm2d)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert bits(ours) == bits(theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weight", [0.0, 0.3, 16 / 24, 1.0])
@pytest.mark.parametrize("shape", [(8, 3, 4, 5), (1, 3, 2, 2), (1, 3, 1, 1)])
def test_blended_statistics_are_the_formula_s(shape, weight, dtype):
    ours, _ = pair_of_layers(3, seed=5, eps=1e-3)
    ours = ours.to(dtype).eval()
    x = images_of(shape, 5, dtype)
    before = bits(ours)
    with torch.no_grad(), laid_out(ours, torch.zeros(1, dtype=torch.int64), source_weight=weight):
        y = ours(x)
    assert bits(ours) == before
    for channel in range(3):
        values = x[:, channel].double().numpy()
        own = values.var(ddof=1) if values.size > 1 else 0.0
        mean = weight * ours.running_mean[channel].item() + (1 - weight) * values.mean()
        variance = weight * ours.running_var[channel].item() + (1 - weight) * own
        gamma, beta = ours.weight[channel].item(), ours.bias[channel].item()
        expected = gamma * (values - mean) / np.sqrt(variance + 1e-3) + beta
        np.testing.assert_allclose(y[:, channel].numpy(), expected, atol=1e-5, rtol=1e-5)


def test_a_blend_of_the_source_alone_is_frozen_and_other_norms_do_not_blend():
    ours, _ = pair_of_layers(3, seed=6)
    x = images_of((4, 3, 2, 2), 6)
    frozen = ours.eval()(x)
    with laid_out(ours, torch.zeros(1, dtype=torch.int64), source_weight=1.0):
        torch.testing.assert_close(ours(x), frozen)
    assert ours.source_weight is None
