"""LocalNorm: the batch is split into groups with their own statistics and their own parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustbench_ln.norms.sets import (
    SetNorm,
    check_arguments,
    check_image_batch,
    normalize_sets,
    parameter,
)


class LocalNorm2d(SetNorm, nn.Module):
    r"""Local Normalization over a batch of feature maps.

    The N rows of a batch are split into K groups of N/K rows. Each group k normalizes its rows by its own
    mean and biased variance over (N/K, H, W), and scales and shifts them by its own parameters:

    .. math:: y = \gamma_k \frac{x - \mu_k}{\sqrt{\sigma_k^2 + \epsilon}} + \beta_k

    Statistics are always those of the rows at hand, in training and at test time: there are no running
    averages, and `train()` and `eval()` change nothing. Row r belongs to group r mod K.

    Args:
        num_features: number of channels C.
        groups: number of groups K.
        eps: added to the variance, once and inside the root.

    Attributes:
        weight: (groups, num_features), gamma of each group, ones at the start.
        bias: (groups, num_features), beta of each group, zeros at the start.

    Shape:
        Input and output (N, C, H, W), N a multiple of `groups`. How the test-time modes lay out other
        batches is described in `robustbench_ln.modes`.

    Raises:
        LnbenchError: `groups` or `num_features` below 1, `eps` not above 0, a batch that does not divide into
            the groups, or another number of channels.

    Example:
        >>> import torch
        >>> layer = LocalNorm2d(16, groups=4)
        >>> layer(torch.randn(8, 16, 5, 5)).shape
        torch.Size([8, 16, 5, 5])

    Source:
        Yin et al., arXiv 1902.06550, section 3. Deviations: the paper's text adds eps twice, the authors'
        code once, as here; the authors' groups are contiguous rows of the shuffled batch, here row r is in
        group r mod K, which for a shuffled batch is the same draw.
    """

    def __init__(self, num_features: int, groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        check_arguments("LocalNorm2d", num_features, groups, eps)
        self.num_features = num_features
        self.groups = groups
        self.eps = eps
        self.weight = parameter(groups, num_features, value=1.0)
        self.bias = parameter(groups, num_features, value=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize a batch (N, C, H, W)."""
        check_image_batch(x, self.num_features, "LocalNorm2d")
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if self.groups_of_sets is not None:
            weight, bias = (torch.index_select(each, 0, self.groups_of_sets) for each in (weight, bias))
        return normalize_sets(x, weight, bias, self.eps, sets_are_slices=self.sets_are_slices)

    def extra_repr(self) -> str:
        """Describe the layer in `print(model)`."""
        return f"{self.num_features}, groups={self.groups}, eps={self.eps}"
