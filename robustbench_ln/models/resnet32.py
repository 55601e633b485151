"""The LocalNorm paper's ResNet32: pre-activation, three stages of five blocks with 16, 32 and 64 channels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from robustbench_ln.errors import LnbenchError


class PreActivationBlock(nn.Module):
    """Two times norm, ReLU and a 3x3 convolution, added to the input.

    Where the number of channels changes, the input's place is taken by a strided 1x1 convolution of the
    first norm and ReLU, and the first 3x3 convolution has the same stride 2.

    Args:
        inputs: number of channels that come in.
        outputs: number of channels that go out.
        norm: builds the norm of a number of channels.

    Shape:
        Input (N, inputs, H, W); output (N, outputs, H, W), or half of H and W, rounded up, where the number
        of channels changes.
    """

    def __init__(self, inputs: int, outputs: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.norm1 = norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.norm2 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.relu = nn.ReLU()
        self.projection = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output for a batch (N, C, H, W)."""
        activated = self.relu(self.norm1(x))
        shortcut = x if self.projection is None else self.projection(activated)
        branch: Tensor = self.conv2(self.relu(self.norm2(self.conv1(activated))))
        return branch + shortcut


class ResNet32(nn.Module):
    """A 3x3 convolution, fifteen pre-activation blocks, norm and ReLU, mean over the map, one dense layer.

    Args:
        image_shape: (C, H, W) of the images; H and W at least 8.
        num_classes: number of outputs.
        norm: builds the norm of a number of channels.

    Shape:
        Input (N, C, H, W); output (N, num_classes) logits.

    Raises:
        LnbenchError: images below 8x8.

    Source:
        He et al. 2016, arXiv 1603.05027, with the LocalNorm authors' code for what the paper leaves open:
        biases in all convolutions, 1x1 projections at the two changes of width alone, taken after the first
        norm and ReLU of their block; zero biases. Deviations: strided convolutions are padded on all four
        sides, Keras pads images of even size on the right and below alone; the he-normal kernels are not
        cut off at two deviations.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], num_classes: int, norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if min(height, width) < 8:
            raise LnbenchError(
                f"Network 'resnet32' needs images of 8x8 or more, but they are {height}x{width}.",
                "Use --image-size 32 for a folder of images.",
            )
        widths = [16] + 5 * [16] + 5 * [32] + 5 * [64]
        self.stem = nn.Conv2d(channels, 16, 3, padding=1)
        self.blocks = nn.Sequential(
            *(PreActivationBlock(inputs, outputs, norm) for inputs, outputs in pairwise(widths))
        )
        self.head = nn.Sequential(
            norm(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.constant_(cast(Tensor, module.bias), 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images that went through the network's own normalization."""
        logits: Tensor = self.head(self.blocks(self.stem(x)))
        return logits
