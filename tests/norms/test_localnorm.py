"""LocalNorm2d against loops over groups and channels in plain numpy, and against PyTorch's own layers."""

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_ln import LnbenchError, LocalNorm2d
from robustbench_ln.norms.sets import laid_out, normalize_sets

# Images N, groups K, channels C, height, width.
SHAPES = [
    (1, 1, 1, 2, 3),
    (4, 1, 3, 4, 4),
    (4, 2, 3, 5, 2),
    (4, 4, 2, 3, 3),
    (12, 3, 5, 1, 4),
    (12, 4, 1, 4, 1),
    (20, 10, 4, 2, 2),
    (30, 5, 7, 1, 1),
]


def layer_with_random_parameters(channels, groups, seed, eps=1e-5, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    layer = LocalNorm2d(channels, groups, eps=eps).to(dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(groups, channels, generator=generator))
        layer.bias.copy_(torch.randn(groups, channels, generator=generator))
    return layer


def images_of(shape, seed):
    # Channels of different location and scale, so that a mix-up of channels or rows shows.
    values = np.random.default_rng(seed).normal(size=shape)
    channels = np.arange(shape[1]).reshape(1, -1, 1, 1)
    rows = np.arange(shape[0]).reshape(-1, 1, 1, 1)
    return (values * (1 + channels) + 0.5 * channels - 0.25 * rows).astype(np.float32)


def normalized_by_hand(x, gamma, beta, rows_of_sets, group_of_sets, eps):
    x = x.astype(np.float64)
    out = np.full(x.shape, np.nan)
    for rows, group in zip(rows_of_sets, group_of_sets, strict=True):
        for channel in range(x.shape[1]):
            values = [value for row in rows for value in x[row, channel].ravel()]
            mean = sum(values) / len(values)
            variance = sum((value - mean) ** 2 for value in values) / len(values)
            for row in rows:
                hat = (x[row, channel] - mean) / np.sqrt(variance + eps)
                out[row, channel] = gamma[group, channel] * hat + beta[group, channel]
    assert not np.isnan(out).any(), "the reference left out a row"
    return out


def gradients_by_hand(x, gamma, upstream, groups, eps):
    """Differentiate normalization by its own statistics: dx, dgamma, dbeta of sum(upstream * y)."""
    x, upstream = x.astype(np.float64), upstream.astype(np.float64)
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(gamma.shape), np.zeros(gamma.shape)
    for group in range(groups):
        rows = list(range(group, len(x), groups))
        for channel in range(x.shape[1]):
            values, dy = x[rows, channel], upstream[rows, channel]
            root = np.sqrt(values.var() + eps)
            hat = (values - values.mean()) / root
            dgamma[group, channel] = (dy * hat).sum()
            dbeta[group, channel] = dy.sum()
            dx[rows, channel] = gamma[group, channel] / root * (dy - dy.mean() - hat * (dy * hat).mean())
    return dx, dgamma, dbeta


@pytest.mark.parametrize("eps", [1e-5, 1e-3, 0.5])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_group_of_rows_is_normalized_by_itself(shape, eps):
    rows, groups, channels, height, width = shape
    x = images_of((rows, channels, height, width), seed=rows)
    layer = layer_with_random_parameters(channels, groups, seed=rows, eps=eps)

    y = layer(torch.from_numpy(x)).detach().numpy()

    expected = normalized_by_hand(
        x,
        layer.weight.detach().numpy(),
        layer.bias.detach().numpy(),
        [[row for row in range(rows) if row % groups == group] for group in range(groups)],
        range(groups),
        eps,
    )
    np.testing.assert_allclose(y, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "group_of_sets", [[0], [2, 0], [1, 1, 1], [0, 1, 2], [2, 2, 0, 1, 1, 0], [0, 1, 2, 0, 1, 2]]
)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_laid_out_sets_have_their_own_statistics_and_the_parameters_of_their_group(group_of_sets, size):
    sets, channels = len(group_of_sets), 3
    x = images_of((sets * size, channels, 3, 4), seed=size)
    layer = layer_with_random_parameters(channels, 3, seed=7)

    with laid_out(nn.Sequential(layer), torch.tensor(group_of_sets)):
        y = layer(torch.from_numpy(x)).detach().numpy()

    expected = normalized_by_hand(
        x,
        layer.weight.detach().numpy(),
        layer.bias.detach().numpy(),
        [[row for row in range(len(x)) if row % sets == one] for one in range(sets)],
        group_of_sets,
        1e-5,
    )
    np.testing.assert_allclose(y, expected, atol=1e-5, rtol=1e-5)
    assert layer.groups_of_sets is None


def test_training_and_evaluation_give_the_same_bits():
    layer, x = layer_with_random_parameters(3, 2, seed=0), torch.from_numpy(images_of((4, 3, 5, 5), 0))
    assert torch.equal(layer.train()(x), layer.eval()(x))


def test_channels_last_gives_the_same_numbers():
    layer, x = layer_with_random_parameters(3, 2, seed=0), torch.from_numpy(images_of((8, 3, 5, 5), 0))
    again = layer(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(again, layer(x), atol=1e-6, rtol=1e-6)


def test_rows_of_other_groups_do_not_enter_the_statistics():
    layer, x = layer_with_random_parameters(2, 3, seed=1), torch.from_numpy(images_of((6, 2, 4, 4), 1))
    changed = x.clone()
    changed[1::3] = 100 * changed[1::3] + 7  # every row of group 1
    before, after = layer(x), layer(changed)
    assert torch.equal(before[0::3], after[0::3])
    assert torch.equal(before[2::3], after[2::3])
    assert not torch.allclose(before[1::3], after[1::3])


@pytest.mark.parametrize("eps", [1e-5, 1e-3])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_one_group_is_batch_norm_on_batch_statistics(rows, eps):
    x = torch.from_numpy(images_of((rows, 4, 3, 3), rows))
    local = layer_with_random_parameters(4, 1, seed=rows, eps=eps)
    batch = nn.BatchNorm2d(4, eps=eps, track_running_stats=False).train()
    with torch.no_grad():
        batch.weight.copy_(local.weight[0])
        batch.bias.copy_(local.bias[0])
    torch.testing.assert_close(local(x), batch(x), atol=1e-6, rtol=1e-6)


def test_k_groups_are_k_batch_norms_on_every_kth_row():
    groups, x = 4, torch.from_numpy(images_of((12, 3, 4, 4), 5))
    local, y = LocalNorm2d(3, groups), torch.empty(12, 3, 4, 4)
    for group in range(groups):
        y[group::groups] = nn.BatchNorm2d(3, affine=False, track_running_stats=False)(x[group::groups])
    torch.testing.assert_close(local(x), y, atol=1e-6, rtol=1e-6)


def test_gradients_equal_the_formula():
    rows, groups, channels = 6, 3, 2
    x = images_of((rows, channels, 3, 2), seed=3)
    upstream = np.random.default_rng(4).normal(size=x.shape)
    layer = layer_with_random_parameters(channels, groups, seed=5, eps=1e-3, dtype=torch.float64)
    tensor = torch.from_numpy(x).double().requires_grad_()

    (layer(tensor) * torch.from_numpy(upstream)).sum().backward()

    dx, dgamma, dbeta = gradients_by_hand(x, layer.weight.detach().numpy(), upstream, groups, 1e-3)
    np.testing.assert_allclose(tensor.grad, dx, atol=1e-10)
    np.testing.assert_allclose(layer.weight.grad, dgamma, atol=1e-10)
    np.testing.assert_allclose(layer.bias.grad, dbeta, atol=1e-10)


@pytest.mark.parametrize("group_of_sets", [None, [0, 1, 2], [2, 0], [1, 1, 0, 2, 2, 1]])
def test_gradients_equal_finite_differences(group_of_sets):
    layer = layer_with_random_parameters(2, 3, seed=1, dtype=torch.float64)
    x = torch.from_numpy(images_of((6, 2, 2, 3), 2)).double().requires_grad_()
    sets = None if group_of_sets is None else torch.tensor(group_of_sets)

    def normalized(x, weight, bias):
        with laid_out(layer, sets):
            return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(normalized, (x, layer.weight, layer.bias))


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_single_value_a_channel_gives_beta_and_finite_gradients(rows):
    layer = layer_with_random_parameters(3, rows, seed=2, dtype=torch.float64)
    x = torch.full((rows, 3, 1, 1), 1e6, dtype=torch.float64, requires_grad=True)

    y = layer(x)
    y.sum().backward()

    assert torch.equal(y[:, :, 0, 0], layer.bias)
    assert torch.equal(x.grad, torch.zeros_like(x))
    assert torch.equal(layer.weight.grad, torch.zeros_like(layer.weight))
    assert torch.equal(layer.bias.grad, torch.ones_like(layer.bias))


@pytest.mark.parametrize("height_width", [(1, 1), (1, 2), (3, 3)])
def test_a_constant_map_gives_beta(height_width):
    layer = layer_with_random_parameters(2, 2, seed=4)
    y = layer(torch.full((2, 2, *height_width), 0.75))
    torch.testing.assert_close(y, layer.bias[:, :, None, None].expand(2, 2, *height_width), atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_single_value_that_is_not_finite_stays_visible(value):
    y = LocalNorm2d(1, 2)(torch.tensor([value, 1.0]).reshape(2, 1, 1, 1))
    assert y[0].isnan().all()
    assert y[1].isfinite().all()


@pytest.mark.parametrize(("rows", "groups"), [(5, 2), (1, 3), (101, 10), (3, 4)])
def test_a_batch_that_does_not_divide_is_an_error_that_names_both_numbers(rows, groups):
    with pytest.raises(LnbenchError, match=rf"\b{rows}\b.*\b{groups}\b"):
        LocalNorm2d(2, groups)(torch.zeros(rows, 2, 3, 3))


def test_an_empty_batch_is_an_error():
    with pytest.raises(LnbenchError, match=r"\b0 rows"):
        LocalNorm2d(2, 2)(torch.zeros(0, 2, 3, 3))


@pytest.mark.parametrize("shape", [(4, 3, 5, 5), (4, 2, 5), (4, 2), (4, 2, 5, 5, 5)])
def test_another_shape_is_an_error_that_names_it(shape):
    with pytest.raises(LnbenchError) as caught:
        LocalNorm2d(2, 2)(torch.zeros(shape))
    assert str(tuple(shape)) in str(caught.value)


@pytest.mark.parametrize(("channels", "groups"), [(0, 1), (1, 0), (-3, 2), (2, -1)])
def test_fewer_than_one_channel_or_group_is_an_error(channels, groups):
    with pytest.raises(LnbenchError, match=str(min(channels, groups))):
        LocalNorm2d(channels, groups)


def test_parameters_start_as_ones_and_zeros_for_each_group_and_there_is_no_other_state():
    state = LocalNorm2d(5, 3).state_dict()
    assert sorted(state) == ["bias", "weight"]
    assert torch.equal(state["weight"], torch.ones(3, 5))
    assert torch.equal(state["bias"], torch.zeros(3, 5))


def test_the_layer_forgets_its_layout_when_the_body_raises():
    layer = LocalNorm2d(2, 2)
    with pytest.raises(KeyError), laid_out(layer, torch.tensor([1, 0])):
        assert layer.groups_of_sets is not None
        raise KeyError
    assert layer.groups_of_sets is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_maps_keep_their_dtype_and_stay_near_the_exact_numbers(dtype):
    x = torch.from_numpy(images_of((8, 3, 6, 6), 9))
    layer = layer_with_random_parameters(3, 2, seed=9)
    y = layer(x.to(dtype))
    assert y.dtype == dtype
    step = torch.finfo(dtype).eps
    torch.testing.assert_close(y.float(), layer(x), atol=16 * step, rtol=16 * step)


def test_normalize_sets_is_all_but_invariant_to_scale_and_shift_of_a_set():
    x = torch.from_numpy(images_of((6, 2, 5, 5), 3)).double()
    ones, zeros = torch.ones(3, 2, dtype=torch.float64), torch.zeros(3, 2, dtype=torch.float64)
    moved = x.clone()
    for number, (scale, shift) in enumerate([(2.0, 1.0), (0.5, -3.0), (7.0, 100.0)]):
        moved[number::3] = scale * moved[number::3] + shift
    torch.testing.assert_close(
        normalize_sets(moved, ones, zeros, eps=1e-12), normalize_sets(x, ones, zeros, eps=1e-12)
    )


def test_layouts_nest_and_come_back():
    layer = LocalNorm2d(2, groups=3)
    outer, inner = torch.tensor([0, 1]), torch.tensor([2])
    with laid_out(layer, outer):
        with laid_out(layer, inner):
            assert layer.groups_of_sets is inner
        assert layer.groups_of_sets is outer
    assert layer.groups_of_sets is None
