"""Under autocast the layers take half-precision maps and keep their statistics in single precision."""

import numpy as np
import pytest
import torch

from robustbench_ln.norms.registry import NORMS, build_norm
from robustbench_ln.norms.sets import laid_out

GROUPS = 4


def expected(norm, x, sets):
    """Normalize by the statistics of sets of rows, in double precision; row r is in set r mod sets."""
    out = np.empty_like(x)
    for first in range(sets):
        rows = x[first::sets]
        if norm == "switchnorm":
            mean_in, var_in = rows.mean((2, 3), keepdims=True), rows.var((2, 3), keepdims=True)
            mean_ln, var_ln = rows.mean((1, 2, 3), keepdims=True), rows.var((1, 2, 3), keepdims=True)
            mean_bn, var_bn = rows.mean((0, 2, 3), keepdims=True), rows.var((0, 2, 3), keepdims=True)
            mean, var = (mean_in + mean_ln + mean_bn) / 3, (var_in + var_ln + var_bn) / 3
        else:
            mean, var = rows.mean((0, 2, 3), keepdims=True), rows.var((0, 2, 3), keepdims=True)
        out[first::sets] = (rows - mean) / np.sqrt(var + 1e-5)
    return out


@pytest.mark.parametrize("norm", ["batchnorm", "switchnorm", "localnorm", "ghostbatchnorm"])
@pytest.mark.parametrize("sets", [1, 4, 16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_statistics_of_half_precision_maps_are_single_precision(norm, sets, memory_format):
    torch.manual_seed(sets)
    # A mean of 30 deviations: statistics in half precision would lose the image.
    x = (30 + torch.randn(16, 8, 9, 9)).to(torch.bfloat16).to(memory_format=memory_format)
    layer = build_norm(norm, 8, {"groups": GROUPS} if NORMS[norm].has_groups else None).eval()
    groups = torch.arange(sets) % GROUPS if norm in ("localnorm", "ghostbatchnorm") else torch.zeros(sets)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), laid_out(layer, groups.long()):
        out = layer(x)
    wanted = expected(norm, x.double().numpy(), sets)
    np.testing.assert_allclose(out.double().numpy(), wanted, rtol=2**-8, atol=2e-4)
    assert out.dtype == torch.bfloat16


@pytest.mark.parametrize("norm", ["localnorm", "ghostbatchnorm", "batchnorm"])
def test_a_single_value_keeps_the_type_of_the_maps(norm):
    layer = build_norm(norm, 8, {"groups": GROUPS} if NORMS[norm].has_groups else None).eval()
    with (
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16),
        laid_out(layer, torch.zeros(4).long()),
    ):
        out = layer(torch.randn(4, 8, 1, 1).bfloat16())
    assert out.dtype == torch.bfloat16
    assert (out == 0).all()
