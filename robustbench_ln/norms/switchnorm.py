"""Switchable Normalization: a learned mixture of instance, layer and batch statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustbench_ln.norms.sets import SetNorm, check_image_batch, parameter, rows_per_set


class SwitchNorm2d(SetNorm, nn.Module):
    r"""Switchable Normalization over a batch of feature maps.

    Mean and variance are mixtures of those of instance norm (IN, over H, W), layer norm (LN, over C, H, W)
    and batch norm (BN, over N, H, W), with one softmax for the means and another for the variances:

    .. math:: y = \gamma \frac{x - \sum_k w_k \mu_k}{\sqrt{\sum_k w'_k \sigma_k^2 + \epsilon}} + \beta

    In training the BN part is that of the batch, and the running averages follow it. In evaluation (mode
    `frozen`) the BN part is the running averages; in mode `batch` it is that of the images at hand, and
    the running averages are neither read nor written.

    Args:
        num_features: number of channels C.
        eps: added to the mixed variance inside the root.
        momentum: weight of the newest batch in the running averages.

    Attributes:
        weight, bias: (num_features,), gamma and beta.
        mean_weight, var_weight: (3,), logits of IN, LN, BN, ones at the start.
        running_mean, running_var: (num_features,), zeros and ones at the start.

    Shape:
        Input and output (N, C, H, W).

    Source:
        Luo et al. 2018, arXiv 1806.10779. Deviation: all variances are biased, as in that paper's formula;
        its released code takes the unbiased variance for IN. Moments are computed in at least fp32, and
        the LN and BN variances, differences of moments, are clamped at 0.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.weight = parameter(num_features, value=1.0)
        self.bias = parameter(num_features, value=0.0)
        self.mean_weight = parameter(3, value=1.0)
        self.var_weight = parameter(3, value=1.0)
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize a batch (N, C, H, W)."""
        check_image_batch(x, self.num_features, "SwitchNorm2d")
        precise = x if x.dtype == torch.float64 else x.float()
        # Subtracting first keeps the digits of a feature map whose mean is large beside its spread, and takes
        # a quarter of the time of torch.var_mean.
        mean_in = precise.mean((2, 3))  # (N, C)
        centred = precise - mean_in[:, :, None, None]
        var_in = centred.square().mean((2, 3))
        square_in = var_in + mean_in.square()
        mean_ln = mean_in.mean(1, keepdim=True)  # (N, 1)
        var_ln = (square_in.mean(1, keepdim=True) - mean_ln.square()).clamp_min(0)
        mean_bn, var_bn = self._batch_moments(mean_in, square_in)  # broadcast against (N, C)

        mean_share = torch.softmax(self.mean_weight, 0)
        var_share = torch.softmax(self.var_weight, 0)
        mean = mean_share[0] * mean_in + mean_share[1] * mean_ln + mean_share[2] * mean_bn
        var = var_share[0] * var_in + var_share[1] * var_ln + var_share[2] * var_bn

        scale = self.weight * torch.rsqrt(var + self.eps)
        shift = (mean_in - mean) * scale + self.bias
        return torch.addcmul(shift[:, :, None, None], centred, scale[:, :, None, None]).to(x.dtype)

    def _batch_moments(self, mean_in: Tensor, square_in: Tensor) -> tuple[Tensor, Tensor]:
        if self.groups_of_sets is None and not self.training:
            return self.running_mean, self.running_var
        sets = 1 if self.groups_of_sets is None else len(self.groups_of_sets)
        size = rows_per_set(len(mean_in), sets)
        # Axis 0 counts the rows of a set where row r is in set r mod sets, axis 1 where sets are slices.
        shape, axis = ((sets, size, -1), 1) if self.sets_are_slices else ((size, sets, -1), 0)
        mean, square = (each.reshape(shape).mean(axis) for each in (mean_in, square_in))
        var = (square - mean.square()).clamp_min(0)
        if self.training and self.groups_of_sets is None:
            with torch.no_grad():
                self.running_mean.lerp_(mean[0].to(self.running_mean.dtype), self.momentum)
                self.running_var.lerp_(var[0].to(self.running_var.dtype), self.momentum)
        if self.sets_are_slices:
            return mean.repeat_interleave(size, 0), var.repeat_interleave(size, 0)
        return mean.repeat(size, 1), var.repeat(size, 1)

    def extra_repr(self) -> str:
        """Describe the layer in `print(model)`."""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
