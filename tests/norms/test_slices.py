"""Sets that are slices of an ordered batch come to what sets of every G-th row come to."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from robustbench_ln.batches import in_memory_format
from robustbench_ln.norms import sets as sets_module
from robustbench_ln.norms.registry import NORMS, build_norm
from robustbench_ln.norms.sets import by_set, laid_out, normalize_sets
from robustbench_ln.norms.slices import NormalizeSlices

SHAPES = [(8, 3, 4, 5), (6, 1, 3, 3), (12, 5, 1, 1), (4, 2, 7, 1), (2, 3, 2, 2)]


def formats(x):
    """The same values in each memory format."""
    return x.contiguous(), torch.empty_like(x, memory_format=torch.channels_last).copy_(x)


@pytest.mark.parametrize(
    ("shape", "sets"), [(shape, sets) for shape in SHAPES for sets in range(1, 13) if shape[0] % sets == 0]
)
def test_rows_ordered_by_set_are_slices(shape, sets):
    rows = shape[0]
    torch.manual_seed(sets)
    x, weight, bias = torch.randn(shape) * 3 + 5, torch.randn(sets, shape[1]), torch.randn(sets, shape[1])
    order = by_set(rows, sets)
    # Written out: set g has rows g, g + G, g + 2 G ...
    assert order.tolist() == [row for first in range(sets) for row in range(first, rows, sets)]
    wanted = normalize_sets(x, weight, bias, 1e-5)
    for ordered in formats(x[order]):
        found = normalize_sets(ordered, weight, bias, 1e-5, sets_are_slices=True)
        np.testing.assert_allclose(found[order.argsort()], wanted, atol=2e-5)
        assert found.stride() == ordered.stride() or 1 in shape[1:]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("shape", "sets"), [((6, 2, 3, 3), 2), ((6, 3, 2, 1), 3), ((8, 1, 2, 2), 4)])
def test_gradients_are_those_of_the_formula(shape, sets, channels_last):
    torch.manual_seed(0)
    x = formats(torch.randn(shape, dtype=torch.float64))[channels_last].requires_grad_()
    weight, bias = (torch.randn(sets, shape[1], dtype=torch.float64, requires_grad=True) for _ in range(2))
    torch.autograd.gradcheck(NormalizeSlices.apply, (x, weight, bias, 1e-5))


@pytest.mark.parametrize("norm", ["batchnorm", "switchnorm", "localnorm", "ghostbatchnorm"])
@pytest.mark.parametrize("sets", [1, 2, 4, 12])
@pytest.mark.parametrize("training", [False, True])
def test_every_set_norm_takes_slices(norm, sets, training):
    torch.manual_seed(1)
    layer = build_norm(norm, 3, {"groups": 4} if NORMS[norm].has_groups else None).train(training)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter) / 3)
    groups = torch.arange(sets) % 4 if norm == "localnorm" else torch.zeros(sets, dtype=torch.int64)
    x, order = torch.randn(12, 3, 4, 4), by_set(12, sets)
    gradients = []
    for rows, slices in ((x, False), (in_memory_format(x[order]), True)):
        leaf = rows.clone().requires_grad_()
        with laid_out(layer, groups, sets_are_slices=slices):
            out = layer(leaf)
        out.square().sum().backward()
        place = order.argsort() if slices else slice(None)
        gradients.append(
            (out.detach()[place], leaf.grad[place], *(p.grad.clone() for p in layer.parameters()))
        )
        layer.zero_grad()
    for found, wanted in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-4, rtol=1e-4)


def test_the_layers_own_groups_are_slices_too():
    for norm in ("localnorm", "ghostbatchnorm"):
        torch.manual_seed(2)
        layer = build_norm(norm, 3, {"groups": 4})
        x, order = torch.randn(8, 3, 5, 5), by_set(8, 4)
        with laid_out(layer, None, sets_are_slices=True):
            ordered = layer(x[order])
        np.testing.assert_allclose(ordered.detach()[order.argsort()], layer(x).detach(), atol=1e-5)
        assert not layer.sets_are_slices


def test_half_precision_takes_gradients():
    layer = build_norm("localnorm", 4, {"groups": 2})
    x = in_memory_format(torch.randn(8, 4, 6, 6)).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16), laid_out(layer, None, sets_are_slices=True):
        out = layer(x)
    out.float().square().sum().backward()
    assert x.grad.dtype == out.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("channels", [1, 3])
def test_images_on_a_cpu_lie_channels_last(channels):
    images = torch.randn(5, channels, 4, 6)
    found = in_memory_format(images)
    assert torch.equal(found, images)
    assert found.stride() == (channels * 24, 1, 6 * channels, channels)
    assert in_memory_format(found).stride() == found.stride()


@pytest.mark.parametrize("values", [1, 100, 10**6])
@pytest.mark.parametrize("shape", SHAPES)
def test_sets_of_one_row_are_cut_for_the_cache_without_another_outcome(shape, values, monkeypatch):
    monkeypatch.setattr(sets_module, "_IN_CACHE", values)
    torch.manual_seed(0)
    x, weight, bias = torch.randn(shape) * 3 + 5, *(torch.randn(2, *shape[:2]).unbind())
    wanted = [F.instance_norm(row[None]) if row[0].numel() > 1 else torch.zeros_like(row[None]) for row in x]
    wanted = torch.cat(wanted) * weight[:, :, None, None] + bias[:, :, None, None]
    for laid in formats(x):
        with torch.inference_mode():
            found = normalize_sets(laid, weight, bias, 1e-5)
        np.testing.assert_allclose(found, wanted, atol=3e-5)
        np.testing.assert_allclose(normalize_sets(laid, weight, bias, 1e-5), wanted, atol=3e-5)
        assert found.stride() == laid.stride() or 1 in shape[1:]
