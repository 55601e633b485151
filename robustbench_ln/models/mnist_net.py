"""The LocalNorm paper's MNIST network: 16c-16c-pool-32c-32c-pool-512d-1024d-output."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.pooling import MaxPool2d


class MnistNet(nn.Module):
    """Four valid 3x3 convolutions, each followed by ReLU and the norm, and three dense layers.

    Args:
        image_shape: (C, H, W) of the images; H and W at least 16.
        num_classes: number of outputs.
        norm: builds the norm of a number of channels.

    Shape:
        Input (N, C, H, W); output (N, num_classes) logits.

    Raises:
        LnbenchError: images too small for four valid convolutions and two poolings.

    Source:
        The LocalNorm authors' code: order conv, ReLU, norm; no norm after dense layers; dropout .25 after
        each pooling and after dense 512, .5 after dense 1024; Glorot-uniform kernels, zero biases.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], num_classes: int, norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if min(height, width) < 16:
            raise LnbenchError(
                f"Network 'mnist-net' needs images of 16x16 or more, but they are {height}x{width}.",
                "Use --image-size 28 for a folder of images.",
            )

        def block(inputs: int, outputs: int) -> list[nn.Module]:
            return [nn.Conv2d(inputs, outputs, 3), nn.ReLU(), norm(outputs)]

        self.features = nn.Sequential(
            *block(channels, 16),
            *block(16, 16),
            MaxPool2d(2),
            nn.Dropout(0.25),
            *block(16, 32),
            *block(32, 32),
            MaxPool2d(2),
            nn.Dropout(0.25),
        )
        side = [((length - 4) // 2 - 4) // 2 for length in (height, width)]
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(32 * side[0] * side[1], 512),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Linear(512, 1024),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(1024, num_classes),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.constant_(cast(Tensor, module.bias), 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images that went through the network's own normalization."""
        logits: Tensor = self.classifier(self.features(x))
        return logits
