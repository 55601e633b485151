"""The paper's networks as they are compared: the same weights' shapes, one norm or another."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from robustbench_ln.batches import in_memory_format
from robustbench_ln.models.registry import build_network
from robustbench_ln.norms.sets import by_set, laid_out

BATCH, GROUPS, CLASSES = 128, 8, 10
SHAPES = {"mnist-net": (1, 28, 28), "resnet32": (3, 32, 32), "vgg16": (3, 32, 32)}
#: Options of the norms that need some.
OPTIONS = {"localnorm": {"groups": GROUPS}}


def network(name: str, norm: str) -> nn.Module:
    """Return a network with random weights."""
    torch.manual_seed(0)
    return build_network(
        name,
        image_shape=SHAPES[name],
        num_classes=CLASSES,
        norm=norm,
        norm_options=OPTIONS.get(norm, {}),
    )


def images(name: str, count: int = BATCH) -> Tensor:
    """Return standard normal images."""
    return torch.randn(count, *SHAPES[name], generator=torch.Generator().manual_seed(1))


def training_step(name: str, norm: str, *, channels_last: bool, compiled: bool = False) -> Callable[[], None]:
    """Return one step of training: forward, backward and update."""
    model = network(name, norm).train()
    called = torch.compile(model) if compiled else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    batch = in_memory_format(images(name)) if channels_last else images(name)
    labels = torch.arange(BATCH) % CLASSES

    def step() -> None:
        with laid_out(model, None, sets_are_slices=channels_last):
            loss = F.cross_entropy(called(batch), labels)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def batch_forward(name: str, norm: str, *, channels_last: bool) -> Callable[[], None]:
    """Return one forward pass on the statistics of the batch."""
    model = network(name, norm).eval()
    groups = torch.arange(GROUPS if norm == "localnorm" else 1)
    batch = images(name)
    if channels_last:
        batch = in_memory_format(batch[by_set(BATCH, len(groups))])

    def forward() -> None:
        with torch.inference_mode(), laid_out(model, groups, sets_are_slices=channels_last):
            model(batch)

    return forward
