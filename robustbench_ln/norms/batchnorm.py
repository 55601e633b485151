"""BatchNorm whose test-time statistics can be running averages or those of the images at hand."""

from __future__ import annotations

from torch import Tensor, nn

from robustbench_ln.norms.sets import SetNorm, normalize_blended, normalize_sets


class BatchNorm2d(SetNorm, nn.BatchNorm2d):
    """PyTorch's BatchNorm2d, which the test-time modes can switch to the statistics of the images at hand.

    In training, and in mode `frozen`, it is `torch.nn.BatchNorm2d`. In modes `single` and `batch` each
    set of rows is normalized by its own statistics, and no running statistics are read or written. In mode
    `blend` running statistics and those of the batch are blended; none are written.

    Args:
        num_features: number of channels C.
        eps: added to the variance inside the root.
        momentum: weight of the newest batch in the running statistics (Keras calls 1 - momentum so).

    Shape:
        Input and output (N, C, H, W).

    Source:
        Ioffe & Szegedy 2015; dynamic statistics as in Fig. 4 of arXiv 1902.06550.
    """

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize a batch (N, C, H, W)."""
        if self.groups_of_sets is None:
            return super().forward(input)
        self._check_input_dim(input)
        if self.source_weight is not None:
            assert self.running_mean is not None and self.running_var is not None  # it always tracks them
            running = (self.running_mean, self.running_var)
            return normalize_blended(input, running, self.source_weight, self.weight, self.bias, self.eps)
        sets = len(self.groups_of_sets)
        weight, bias = (each.expand(sets, self.num_features) for each in (self.weight, self.bias))
        return normalize_sets(input, weight, bias, self.eps, sets_are_slices=self.sets_are_slices)
