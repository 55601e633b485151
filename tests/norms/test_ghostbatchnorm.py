"""GhostBatchNorm2d against a loop over groups and channels in numpy, PyTorch's BatchNorm, and LocalNorm."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from robustbench_ln import GhostBatchNorm2d, LnbenchError, LocalNorm2d
from robustbench_ln.norms.sets import laid_out

# Images N, groups K, channels C, height, width.
SHAPES = [
    (1, 1, 1, 2, 3),
    (4, 1, 3, 4, 4),
    (4, 2, 3, 5, 2),
    (4, 4, 2, 3, 3),
    (12, 3, 5, 1, 4),
    (20, 10, 4, 2, 2),
    (30, 5, 7, 1, 1),
]


def layer_with_random_parameters(channels, groups, seed=0, eps=1e-5, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    layer = GhostBatchNorm2d(channels, groups, eps=eps).to(dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(channels, generator=generator))
        layer.bias.copy_(torch.randn(channels, generator=generator))
    return layer


def images_of(shape, seed=0):
    # Rows and channels of different location and scale, so that a mix-up shows.
    values = np.random.default_rng(seed).normal(size=shape)
    channels = np.arange(shape[1]).reshape(1, -1, 1, 1)
    rows = np.arange(shape[0]).reshape(-1, 1, 1, 1)
    return (values * (1 + channels) + 0.5 * channels - 0.25 * rows).astype(np.float32)


def normalized_by_hand(x, gamma, beta, sets, eps):
    x, out = x.astype(np.float64), np.full(x.shape, np.nan)
    for first in range(sets):
        rows = [row for row in range(len(x)) if row % sets == first]
        for channel in range(x.shape[1]):
            values = x[rows, channel]
            mean = values.sum() / values.size
            variance = ((values - mean) ** 2).sum() / values.size
            hat = (values - mean) / np.sqrt(variance + eps)
            out[rows, channel] = gamma[channel] * hat + beta[channel]
    return out


@pytest.mark.parametrize("eps", [1e-5, 1e-3, 0.5])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_group_of_rows_is_normalized_by_itself_with_one_gamma_and_beta(shape, eps):
    rows, groups, channels, height, width = shape
    x = images_of((rows, channels, height, width), seed=rows)
    layer = layer_with_random_parameters(channels, groups, seed=rows, eps=eps)
    expected = normalized_by_hand(x, layer.weight.detach().numpy(), layer.bias.detach().numpy(), groups, eps)
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach().numpy(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("group_of_sets", [[0], [1, 0], [0, 0, 0], [2, 2, 0, 1, 1, 0]])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_laid_out_sets_have_their_own_statistics_and_the_one_gamma_and_beta(group_of_sets, size):
    sets = len(group_of_sets)
    x = images_of((sets * size, 3, 3, 4), seed=size)
    layer = layer_with_random_parameters(3, 5, seed=7)
    with laid_out(nn.Sequential(layer), torch.tensor(group_of_sets)):
        y = layer(torch.from_numpy(x)).detach().numpy()
    expected = normalized_by_hand(x, layer.weight.detach().numpy(), layer.bias.detach().numpy(), sets, 1e-5)
    np.testing.assert_allclose(y, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("eps", [1e-5, 1e-3])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_one_group_is_batch_norm_on_batch_statistics(rows, eps):
    x = torch.from_numpy(images_of((rows, 4, 3, 3), rows))
    layer = layer_with_random_parameters(4, 1, eps=eps)
    expected = F.batch_norm(x, None, None, layer.weight, layer.bias, training=True, eps=eps)
    torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("group_of_sets", [None, [0, 1, 2], [2, 0], [1, 1, 0, 2, 2, 1]])
def test_localnorm_with_equal_parameters_in_all_groups_gives_the_same_bits(group_of_sets):
    ghost, local = layer_with_random_parameters(4, 3), LocalNorm2d(4, 3)
    with torch.no_grad():
        local.weight.copy_(ghost.weight)
        local.bias.copy_(ghost.bias)
    x = torch.from_numpy(images_of((12, 4, 3, 5)))
    with laid_out(
        nn.Sequential(ghost, local), None if group_of_sets is None else torch.tensor(group_of_sets)
    ):
        assert torch.equal(ghost(x), local(x))


@pytest.mark.parametrize("group_of_sets", [None, [0, 1, 2], [1, 0], [1, 1, 0, 2, 2, 1]])
def test_gradients_equal_finite_differences(group_of_sets):
    layer = layer_with_random_parameters(2, 3, seed=1, dtype=torch.float64)
    x = torch.from_numpy(images_of((6, 2, 2, 3), 2)).double().requires_grad_()
    sets = None if group_of_sets is None else torch.tensor(group_of_sets)

    def normalized(x, weight, bias):
        with laid_out(layer, sets):
            return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(normalized, (x, layer.weight, layer.bias))


def test_the_gradient_of_gamma_is_the_sum_of_those_of_localnorm_s_groups():
    ghost, local = GhostBatchNorm2d(3, 4), LocalNorm2d(3, 4)
    x = torch.from_numpy(images_of((8, 3, 4, 4)))
    upstream = torch.from_numpy(images_of((8, 3, 4, 4), seed=1))
    for layer in (ghost, local):
        (layer(x) * upstream).sum().backward()
    for name in ("weight", "bias"):
        one, many = getattr(ghost, name).grad, getattr(local, name).grad
        torch.testing.assert_close(one, many.sum(0), atol=1e-4, rtol=1e-5)


def test_training_and_evaluation_give_the_same_bits_and_there_is_no_other_state():
    layer, x = layer_with_random_parameters(3, 2), torch.from_numpy(images_of((4, 3, 5, 5)))
    assert torch.equal(layer.train()(x), layer.eval()(x))
    state = GhostBatchNorm2d(5, 3).state_dict()
    assert sorted(state) == ["bias", "weight"]
    assert torch.equal(state["weight"], torch.ones(5))
    assert torch.equal(state["bias"], torch.zeros(5))


def test_a_single_value_a_channel_gives_beta():
    layer = layer_with_random_parameters(3, 4)
    y = layer(torch.full((4, 3, 1, 1), 1e6))
    assert torch.equal(y[:, :, 0, 0], layer.bias.expand(4, 3))


def test_channels_last_gives_the_same_numbers():
    layer, x = layer_with_random_parameters(3, 2), torch.from_numpy(images_of((8, 3, 5, 5)))
    again = layer(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(again, layer(x), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("rows", "groups"), [(5, 2), (1, 3), (101, 10), (3, 4)])
def test_a_batch_that_does_not_divide_is_an_error_that_names_both_numbers(rows, groups):
    with pytest.raises(LnbenchError, match=rf"\b{rows}\b.*\b{groups}\b"):
        GhostBatchNorm2d(2, groups)(torch.zeros(rows, 2, 3, 3))


@pytest.mark.parametrize("shape", [(4, 3, 5, 5), (4, 2, 5), (4, 2)])
def test_another_shape_is_an_error_that_names_it(shape):
    with pytest.raises(LnbenchError) as caught:
        GhostBatchNorm2d(2, 2)(torch.zeros(shape))
    assert str(tuple(shape)) in str(caught.value)


@pytest.mark.parametrize(("channels", "groups"), [(0, 1), (1, 0), (-3, 2), (2, -1)])
def test_fewer_than_one_channel_or_group_is_an_error(channels, groups):
    with pytest.raises(LnbenchError, match=f"GhostBatchNorm2d.*{min(channels, groups)}"):
        GhostBatchNorm2d(channels, groups)
