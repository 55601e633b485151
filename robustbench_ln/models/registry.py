"""The networks by name; importing this file does not import torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from robustbench_ln.errors import UnknownNameError
from robustbench_ln.norms.registry import build_norm

if TYPE_CHECKING:
    from torch import nn

NETWORKS: dict[str, str] = {
    "mnist-net": "robustbench_ln.models.mnist_net:MnistNet",
    "resnet32": "robustbench_ln.models.resnet32:ResNet32",
    "vgg16": "robustbench_ln.models.vgg16:Vgg16",
}
#: Networks of other packages, see `robustbench_ln.models.library`.
LIBRARY_NETWORKS = ("torchvision:NAME", "timm:NAME", "efficientnet-lite0")


def is_library_network(name: str) -> bool:
    """Return whether a name is of the form of another package's or the user's; it is not looked up."""
    pattern = r"(torchvision|timm):[\w.-]+|python:[\w.-]+:\w+@[\w-]+"
    return name == "efficientnet-lite0" or re.fullmatch(pattern, name) is not None


def check_network(name: str) -> str:
    """Return the name of a network that exists, or of the form of another package's.

    Raises:
        UnknownNameError: no network has the name.
    """
    if name not in NETWORKS and not is_library_network(name):
        raise UnknownNameError("network", name, (*NETWORKS, *LIBRARY_NETWORKS))
    return name


def build_network(
    name: str,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    norm: str,
    norm_options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a network with fresh weights, drawn from torch's global generator.

    Args:
        name: one of `NETWORKS`, or of the form of `LIBRARY_NETWORKS`. In another package's network every
            BatchNorm2d is exchanged for the norm; eps and momentum stay its own where `norm_options` name
            none.
        image_shape: (C, H, W) of the images.
        num_classes: number of outputs.
        norm: a norm's name.
        norm_options: the norm's options.

    Raises:
        UnknownNameError: an unknown network, norm or option.
        LnbenchError: images or options that the network does not take, or a package that is not installed.
    """
    if is_library_network(name):
        from robustbench_ln.models.library import library_network
        from robustbench_ln.norms.convert import convert_norm, drop_norm

        fresh = library_network(name, image_shape, num_classes)
        return drop_norm(fresh) if norm == "none" else convert_norm(fresh, norm, **(norm_options or {}))
    module, _, attribute = NETWORKS[check_network(name)].partition(":")
    network: nn.Module = getattr(import_module(module), attribute)(
        image_shape, num_classes, lambda channels: build_norm(norm, channels, norm_options)
    )
    return network
