"""The networks by name; importing this file does not import torch."""

from __future__ import annotations

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


def check_network(name: str) -> str:
    """Return the name of a network that exists.

    Raises:
        UnknownNameError: no network has the name.
    """
    if name not in NETWORKS:
        raise UnknownNameError("network", name, NETWORKS)
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
        name: one of `NETWORKS`.
        image_shape: (C, H, W) of the images.
        num_classes: number of outputs.
        norm: a norm's name.
        norm_options: the norm's options.

    Raises:
        UnknownNameError: an unknown network, norm or option.
        LnbenchError: images or options that the network does not take.
    """
    module, _, attribute = NETWORKS[check_network(name)].partition(":")
    network: nn.Module = getattr(import_module(module), attribute)(
        image_shape, num_classes, lambda channels: build_norm(norm, channels, norm_options)
    )
    return network
