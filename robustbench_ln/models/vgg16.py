"""The network that the LocalNorm paper calls VGG19: VGG16 for small images, with one dense layer of 512."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.pooling import MaxPool2d

#: Output channels of the convolutions between two poolings.
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Vgg16(nn.Module):
    """Thirteen 3x3 convolutions, each followed by ReLU and the norm, five poolings and two dense layers.

    Args:
        image_shape: (C, H, W) of the images; H and W at least 32.
        num_classes: number of outputs.
        norm: builds the norm of a number of channels.

    Shape:
        Input (N, C, H, W), N at least 2 in training; output (N, num_classes) logits.

    Attributes:
        undecayed: layers whose kernels weight decay leaves alone: the last one, as in the authors' code.

    Raises:
        LnbenchError: images that five poolings leave nothing of, or a training batch of one image.

    Source:
        Simonyan & Zisserman 2014, configuration D, and the LocalNorm authors' code: order conv, ReLU, norm;
        dropout .3 after the first norm alone; dense 512, ReLU and a BatchNorm with running statistics for
        every norm, which no test-time mode changes; Glorot-uniform kernels, zero biases.
    """

    undecayed = ("classifier.4",)

    def __init__(
        self, image_shape: tuple[int, int, int], num_classes: int, norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if min(height, width) < 32:
            raise LnbenchError(
                f"Network 'vgg16' needs images of 32x32 or more, but they are {height}x{width}.",
                "Use --image-size 32 for a folder of images.",
            )
        layers: list[nn.Module] = []
        for stage in STAGES:
            for outputs in stage:
                layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU(), norm(outputs)]
                channels = outputs
            layers.append(MaxPool2d(2))
        layers.insert(3, nn.Dropout(0.3))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(512 * (height // 32) * (width // 32), 512),
            nn.ReLU(),
            # Keras' momentum .99 in PyTorch's terms.
            nn.BatchNorm1d(512, eps=1e-3, momentum=0.01),
            nn.Linear(512, num_classes),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.constant_(cast(Tensor, module.bias), 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images that went through the network's own normalization."""
        if self.training and len(x) == 1:
            raise LnbenchError(
                "Network 'vgg16' cannot train on a batch of 1 image: its dense BatchNorm needs two.",
                "Use a larger batch_size in the benchmark.",
            )
        logits: Tensor = self.classifier(self.features(x))
        return logits
