"""GhostBatchNorm: LocalNorm's small sets of rows with BatchNorm's one gamma and beta."""

from __future__ import annotations

from torch import Tensor, nn

from robustbench_ln.norms.sets import (
    SetNorm,
    check_arguments,
    check_image_batch,
    normalize_sets,
    parameter,
)


class GhostBatchNorm2d(SetNorm, nn.Module):
    r"""Ghost Batch Normalization over a batch of feature maps.

    The N rows of a batch are split into K groups of N/K rows. Each group k normalizes its rows by its own
    mean and biased variance over (N/K, H, W); all groups share one scale and shift:

    .. math:: y = \gamma \frac{x - \mu_k}{\sqrt{\sigma_k^2 + \epsilon}} + \beta

    It is `LocalNorm2d` whose groups have the same parameters, and so the control that separates what the
    groups' parameters add from what small sets add. Statistics are always those of the rows at hand, in
    training and at test time. Row r belongs to group r mod K.

    Args:
        num_features: number of channels C.
        groups: number of groups K.
        eps: added to the variance inside the root.

    Attributes:
        weight: (num_features,), gamma, ones at the start.
        bias: (num_features,), beta, zeros at the start.

    Shape:
        Input and output (N, C, H, W), N a multiple of `groups`. How the test-time modes lay out other
        batches is described in `robustbench_ln.modes`.

    Raises:
        LnbenchError: `groups` or `num_features` below 1, `eps` not above 0, a batch that does not divide into
            the groups, or another number of channels.

    Example:
        >>> import torch
        >>> layer = GhostBatchNorm2d(16, groups=4)
        >>> layer(torch.randn(8, 16, 5, 5)).shape
        torch.Size([8, 16, 5, 5])

    Source:
        Hoffer et al. 2017, arXiv 1705.08741, algorithm 1. Deviation: there are no running averages, so that
        it differs from LocalNorm in the parameters alone; the paper keeps them and uses them at test time.
    """

    def __init__(self, num_features: int, groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        check_arguments("GhostBatchNorm2d", num_features, groups, eps)
        self.num_features = num_features
        self.groups = groups
        self.eps = eps
        self.weight = parameter(num_features, value=1.0)
        self.bias = parameter(num_features, value=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize a batch (N, C, H, W)."""
        check_image_batch(x, self.num_features, "GhostBatchNorm2d")
        sets = self.groups if self.groups_of_sets is None else len(self.groups_of_sets)
        weight, bias = (each.expand(sets, self.num_features) for each in (self.weight, self.bias))
        return normalize_sets(x, weight, bias, self.eps, sets_are_slices=self.sets_are_slices)

    def extra_repr(self) -> str:
        """Describe the layer in `print(model)`."""
        return f"{self.num_features}, groups={self.groups}, eps={self.eps}"
