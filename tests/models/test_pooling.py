"""Max pooling by way of channels_last."""

import pytest
import torch
from torch import nn

from robustbench_ln.models.pooling import MaxPool2d


@pytest.mark.parametrize("shape", [(3, 16, 24, 24), (2, 1, 8, 8), (2, 5, 7, 9)])
@pytest.mark.parametrize("training", [True, False])
def test_pooling_gives_the_bits_of_pytorch_s_own(training, shape):
    # Rounded, so that many windows hold their largest value twice.
    x = torch.randn(shape).mul(2).round().div(2)
    pooled = MaxPool2d(2).train(training)(x)
    assert torch.equal(pooled, nn.MaxPool2d(2)(x))
    assert pooled.is_contiguous()
