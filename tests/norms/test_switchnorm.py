"""SwitchNorm2d against the definition of its three statistics, taken directly from all values each covers."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_ln import LnbenchError, SwitchNorm2d
from robustbench_ln.norms.sets import laid_out

SHAPES = [(1, 1, 2, 2), (1, 4, 3, 3), (6, 3, 4, 2), (4, 5, 1, 3), (8, 2, 1, 1)]


def images_of(shape, seed):
    values = np.random.default_rng(seed).normal(size=shape)
    return values * (1 + np.arange(shape[1]).reshape(1, -1, 1, 1)) + 0.3 * np.arange(shape[0]).reshape(
        -1, 1, 1, 1
    )


def random_layer(channels, seed, eps=1e-5, momentum=0.1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    layer = SwitchNorm2d(channels, eps=eps, momentum=momentum).to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        layer.running_mean.copy_(torch.randn(channels, generator=generator))
        layer.running_var.copy_(torch.rand(channels, generator=generator) + 0.1)
    return layer


def shares(logits):
    powers = [np.exp(logit.item()) for logit in logits]
    return [power / sum(powers) for power in powers]


def switched_by_hand(layer, x, batch_statistics):
    """Mix the statistics; `batch_statistics(row, channel)` gives mean and variance of the BN part."""
    out = np.empty(x.shape)
    mean_shares, var_shares = shares(layer.mean_weight), shares(layer.var_weight)
    for row in range(x.shape[0]):
        mean_ln, var_ln = np.mean(x[row]), np.var(x[row])
        for channel in range(x.shape[1]):
            values = x[row, channel]
            mean_bn, var_bn = batch_statistics(row, channel)
            means, variances = (np.mean(values), mean_ln, mean_bn), (np.var(values), var_ln, var_bn)
            mean = sum(share * one for share, one in zip(mean_shares, means, strict=True))
            var = sum(share * one for share, one in zip(var_shares, variances, strict=True))
            hat = (values - mean) / np.sqrt(var + layer.eps)
            out[row, channel] = layer.weight[channel].item() * hat + layer.bias[channel].item()
    return out


def bits(layer):
    return {name: tensor.numpy().tobytes() for name, tensor in layer.state_dict().items()}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_training_mixes_the_batch_s_own_statistics(shape, dtype):
    x = images_of(shape, seed=shape[0])
    layer = random_layer(shape[1], seed=1, eps=1e-3, dtype=dtype).train()

    y = layer(torch.from_numpy(x).to(dtype)).detach().numpy()

    expected = switched_by_hand(layer, x, lambda row, channel: (x[:, channel].mean(), x[:, channel].var()))
    tolerance = 1e-10 if dtype == torch.float64 else 2e-5
    np.testing.assert_allclose(y, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
def test_frozen_mixes_the_running_averages_and_leaves_them(shape):
    x = images_of(shape, seed=2)
    layer = random_layer(shape[1], seed=2, eps=1e-3).eval()
    before = bits(layer)

    y = layer(torch.from_numpy(x)).detach().numpy()

    expected = switched_by_hand(
        layer, x, lambda row, channel: (layer.running_mean[channel].item(), layer.running_var[channel].item())
    )
    np.testing.assert_allclose(y, expected, atol=1e-10)
    assert bits(layer) == before


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("sets", [1, 2, 3, 6])
def test_batch_mode_mixes_the_statistics_of_each_set_and_leaves_the_running_averages(sets, training):
    x = images_of((6, 3, 4, 2), seed=3)
    layer = random_layer(3, seed=3).train(training)
    before = bits(layer)

    with laid_out(layer, torch.zeros(sets, dtype=torch.int64)):
        y = layer(torch.from_numpy(x)).detach().numpy()

    def of_set(row, channel):
        values = x[row % sets :: sets, channel]
        return values.mean(), values.var()

    np.testing.assert_allclose(y, switched_by_hand(layer, x, of_set), atol=1e-10)
    assert bits(layer) == before


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.25, 1.0])
def test_running_averages_follow_the_batches_with_biased_variance(momentum):
    layer = SwitchNorm2d(3, momentum=momentum).double().train()
    mean, var = np.zeros(3), np.ones(3)
    for step in range(4):
        x = images_of((5, 3, 2, 4), seed=step)
        layer(torch.from_numpy(x))
        for channel in range(3):
            mean[channel] = (1 - momentum) * mean[channel] + momentum * x[:, channel].mean()
            var[channel] = (1 - momentum) * var[channel] + momentum * x[:, channel].var()
    np.testing.assert_allclose(layer.running_mean, mean, atol=1e-12)
    np.testing.assert_allclose(layer.running_var, var, atol=1e-12)


def test_the_start_is_even_shares_and_running_averages_of_zero_and_one():
    layer = SwitchNorm2d(4)
    state = layer.state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        "weight": (4,),
        "bias": (4,),
        "mean_weight": (3,),
        "var_weight": (3,),
        "running_mean": (4,),
        "running_var": (4,),
    }
    for name, start in (
        ("weight", 1),
        ("bias", 0),
        ("mean_weight", 1),
        ("var_weight", 1),
        ("running_mean", 0),
        ("running_var", 1),
    ):
        assert (state[name] == start).all(), name
    assert sorted(dict(layer.named_parameters())) == ["bias", "mean_weight", "var_weight", "weight"]


@pytest.mark.parametrize(
    ("chosen", "other"),
    [
        (0, lambda channels: nn.InstanceNorm2d(channels)),
        (1, lambda channels: nn.GroupNorm(1, channels)),
        (2, lambda channels: nn.BatchNorm2d(channels)),
    ],
    ids=["instance", "layer", "batch"],
)
def test_a_share_of_one_is_pytorch_s_norm_of_that_name(chosen, other):
    x = torch.from_numpy(images_of((6, 3, 4, 5), seed=4))
    layer = SwitchNorm2d(3).double().train()
    logits = torch.full((3,), -1e4, dtype=torch.float64)
    logits[chosen] = 1e4
    with torch.no_grad():
        layer.mean_weight.copy_(logits)
        layer.var_weight.copy_(logits)
    torch.testing.assert_close(layer(x), other(3).double().train()(x), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("sets", [None, 1, 3])
def test_gradients_equal_finite_differences(sets):
    layer = random_layer(2, seed=5).train()
    x = torch.from_numpy(images_of((6, 2, 2, 3), seed=5)).requires_grad_()
    names = ["weight", "bias", "mean_weight", "var_weight"]
    group_of_sets = None if sets is None else torch.zeros(sets, dtype=torch.int64)

    def normalized(x, *parameters):
        with laid_out(layer, group_of_sets):
            return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    parameters = [getattr(layer, name) for name in names]
    assert torch.autograd.gradcheck(normalized, (x, *parameters))


@pytest.mark.parametrize("sets", [None, 1])
def test_gradients_in_evaluation_equal_finite_differences(sets):
    layer = random_layer(2, seed=6).eval()
    x = torch.from_numpy(images_of((3, 2, 2, 2), seed=6)).requires_grad_()
    with laid_out(layer, None if sets is None else torch.zeros(sets, dtype=torch.int64)):
        assert torch.autograd.gradcheck(layer, (x,))


def test_running_averages_carry_no_gradient():
    layer = random_layer(2, seed=7).train()
    layer(torch.from_numpy(images_of((4, 2, 3, 3), seed=7)).requires_grad_())
    assert not layer.running_mean.requires_grad
    assert not layer.running_var.requires_grad
    assert copy.deepcopy(layer).running_mean.grad_fn is None


def test_a_large_mean_beside_a_small_spread_keeps_the_variance_from_falling_below_zero():
    # In fp32 the moments of 1000 +- 0.001 cancel to nothing: the variance must not come out negative.
    x = (1000 + 1e-3 * images_of((4, 3, 5, 5), seed=8)).astype(np.float32)
    layer = SwitchNorm2d(3, eps=1e-5).train()
    y = layer(torch.from_numpy(x))
    assert y.isfinite().all()
    assert (layer.running_var >= 0.9).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_maps_keep_their_dtype_and_exact_moments(dtype):
    layer = SwitchNorm2d(3).train()
    x = torch.from_numpy(images_of((4, 3, 8, 8), seed=9)).to(dtype)
    y, exact = layer(x), SwitchNorm2d(3).train()(x.float())
    assert y.dtype == dtype
    step = torch.finfo(dtype).eps
    torch.testing.assert_close(y.float(), exact, atol=step, rtol=step)


@pytest.mark.parametrize(("rows", "sets"), [(5, 2), (3, 4)])
def test_rows_that_do_not_divide_into_sets_are_an_error_that_names_both_numbers(rows, sets):
    layer = SwitchNorm2d(2)
    with (
        pytest.raises(LnbenchError, match=rf"\b{rows}\b.*\b{sets}\b"),
        laid_out(layer, torch.zeros(sets, dtype=torch.int64)),
    ):
        layer(torch.zeros(rows, 2, 3, 3))


@pytest.mark.parametrize("shape", [(4, 3, 5, 5), (4, 2, 5)])
def test_another_shape_is_an_error_that_names_it(shape):
    with pytest.raises(LnbenchError) as caught:
        SwitchNorm2d(2)(torch.zeros(shape))
    assert str(tuple(shape)) in str(caught.value)
