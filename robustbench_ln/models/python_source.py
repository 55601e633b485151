"""A source that is a function of the user's: what it says, and what its network takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robustbench_ln.devices import seeded
from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.python_network import Factory, call_factory, factory_version, find_factory
from robustbench_ln.models.source_names import SourceName
from robustbench_ln.user_code import allow, origin_of, reason


@dataclass(frozen=True)
class PythonNetwork:
    """A network of the user's, with what is known of it.

    Attributes:
        network: on the CPU, in evaluation mode.
        version: of its code.
        image_shape: (C, H, W) of its images.
        classes: number of outputs.
        class_names: of the outputs; None where the function does not say.
        mean, std: of each channel, as the function says; 0 and 1 where it does not.
        origin: where these come from.
    """

    network: nn.Module
    version: str
    image_shape: tuple[int, int, int]
    classes: int
    class_names: tuple[str, ...] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    origin: str


def make_network(named: SourceName, image_size: int | None) -> PythonNetwork:
    """Run a function of the user's and look at its network; worker processes may run it from now on, too.

    The function may have the attributes `image_size`, `classes`, `class_names`, `mean`, `std` and `version`.

    Raises:
        LnbenchError: no such module or function, a function that raises or returns no network, a network
            that does not take the images, or whose outputs are not (N, classes).
    """
    factory = find_factory(named.code, named.function)
    what = f"The network of '{named.function}' in {origin_of(factory)}"
    allow(named.code)
    with seeded(0, "weights"):
        network = call_factory(factory)
    size = image_size or getattr(factory, "image_size", None)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise LnbenchError(
            f"{what} does not say which size of images it takes.",
            f"Give --image-size N, or set {named.function}.image_size = N in the file.",
        )
    first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    shape = (3 if first is None else first.in_channels, size, size)
    classes = _outputs(network, shape, what)
    names = getattr(factory, "class_names", None)
    said = getattr(factory, "classes", None if names is None else len(names))
    if said is not None and said != classes:
        raise LnbenchError(
            f"{what} has {classes} outputs, but its function names {said} classes.",
            f"Mend {named.function}.{'classes' if names is None else 'class_names'}.",
        )
    mean, std = (_each(factory, key, usual, shape[0], what) for key, usual in (("mean", 0.0), ("std", 1.0)))
    known = hasattr(factory, "mean") or hasattr(factory, "std")
    return PythonNetwork(
        network,
        factory_version(factory),
        shape,
        classes,
        None if names is None else tuple(map(str, names)),
        mean,
        std,
        f"{named.function}'s attributes" if known else "images in [0, 1] as they are",
    )


def _outputs(network: nn.Module, shape: tuple[int, int, int], what: str) -> int:
    """Return the number of outputs, having run two black images."""
    size = "x".join(map(str, shape))
    try:
        with torch.inference_mode():
            logits: Any = network(torch.zeros(2, *shape))
    except Exception as error:
        raise LnbenchError(
            f"{what} does not take images of {size}: {reason(error)}.",
            "It is given (N, C, H, W) float32. Give another --image-size N, or mend it.",
        ) from error
    if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != 2 or logits.shape[1] < 2:
        came = f"a tensor of {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise LnbenchError(
            f"{what} returns {came} for 2 images of {size} in place of (2, classes).",
            "Return logits alone, one row an image and one column a class.",
        )
    return int(logits.shape[1])


def _each(factory: Factory, key: str, usual: float, channels: int, what: str) -> tuple[float, ...]:
    values: Sequence[float] | float = getattr(factory, key, usual)
    try:
        numbers = tuple(map(float, values)) if isinstance(values, Sequence) else (float(values),)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) not in (1, channels) or not all(map(math.isfinite, numbers)):
        raise LnbenchError(
            f"{what} has the attribute {key} = {values!r}.", f"Give {channels} numbers, or one for all."
        )
    return numbers * channels if len(numbers) == 1 else numbers
