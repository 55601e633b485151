"""The paper's networks as they are compared: the same weights' shapes, one norm or another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from robustbench_ln.batches import in_memory_format, ordered_by_set
from robustbench_ln.devices import computing_in
from robustbench_ln.models.registry import build_network
from robustbench_ln.norms.sets import by_set, laid_out

BATCH, GROUPS, CLASSES = 128, 8, 10
SHAPES = {"mnist-net": (1, 28, 28), "resnet32": (3, 32, 32), "vgg16": (3, 32, 32)}
#: Options of the norms that need some.
OPTIONS = {"localnorm": {"groups": GROUPS}}


def network(name: str, norm: str, seed: int = 0) -> nn.Module:
    """Return a network with random weights."""
    torch.manual_seed(seed)
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


@dataclass(frozen=True)
class Setting:
    """How a network is computed.

    Attributes:
        channels_last: whether images lie channels last in memory; on a GPU weights too.
        device: where.
        dtype: of the products, see `robustbench_ln.devices.DTYPES`.
        compiled: whether by torch.compile.
    """

    channels_last: bool = True
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: str = "float32"
    compiled: bool = False

    @property
    def slices(self) -> bool:
        """Whether a set of rows is a slice of the batch."""
        return self.channels_last and ordered_by_set(self.device)

    def place(self, model: nn.Module) -> nn.Module:
        """Return a network where it is computed."""
        on_gpu = self.channels_last and self.device.type != "cpu"
        moved = model.to(self.device)
        return moved.to(memory_format=torch.channels_last) if on_gpu else moved

    def lay(self, batch: Tensor) -> Tensor:
        """Return images where and as they are computed."""
        moved = batch.to(self.device)
        if not self.channels_last:
            return moved
        on_cpu = self.device.type == "cpu"
        return in_memory_format(moved) if on_cpu else moved.contiguous(memory_format=torch.channels_last)

    def finish(self) -> None:
        """Wait for what a GPU still computes."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def training_step(name: str, norm: str, setting: Setting) -> Callable[[], None]:
    """Return one step of training: forward, backward and update."""
    model = setting.place(network(name, norm).train())
    called = torch.compile(model) if setting.compiled else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    batch = setting.lay(images(name))
    labels = torch.arange(BATCH, device=setting.device) % CLASSES

    def step() -> None:
        with (
            computing_in(setting.dtype, setting.device),
            laid_out(model, None, sets_are_slices=setting.slices),
        ):
            loss = F.cross_entropy(called(batch), labels)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        setting.finish()

    return step


def batch_forward(name: str, norm: str, setting: Setting) -> Callable[[], None]:
    """Return one forward pass on the statistics of the batch."""
    model = setting.place(network(name, norm).eval())
    called = torch.compile(model) if setting.compiled else model
    groups = torch.arange(GROUPS if norm == "localnorm" else 1, device=setting.device)
    batch = images(name)
    batch = setting.lay(batch[by_set(BATCH, len(groups))] if setting.slices else batch)

    def forward() -> None:
        with (
            torch.inference_mode(),
            computing_in(setting.dtype, setting.device),
            laid_out(model, groups, sets_are_slices=setting.slices),
        ):
            called(batch)
        setting.finish()

    return forward
