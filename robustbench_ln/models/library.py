"""Networks of other packages, as these build them: fresh weights, their own BatchNorm2d layers."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from torch import nn

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.models.python_network import call_factory, check_python_network


def library_network(name: str, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Build another package's network with fresh weights, drawn from torch's global generator.

    Args:
        name: `torchvision:NAME`, `timm:NAME`, `efficientnet-lite0`, or the full name of a network of the
            user's, whose function is called and decides on images and classes itself.
        image_shape: (C, H, W) of the images.
        num_classes: number of outputs.

    Returns:
        A network from (N, C, H, W) to (N, num_classes) logits.

    Raises:
        UnknownNameError: the package has no such network.
        LnbenchError: the package is not installed, or its network does not take such images.
    """
    package, _, inner = name.partition(":")
    if package == "python":
        return call_factory(check_python_network(name))
    if package == "torchvision":
        return _torchvision(inner, image_shape[0], num_classes)
    if package == "timm":
        timm = optional_package("timm", "timm")
        check_timm_name(timm, inner)
        built: nn.Module = timm.create_model(inner, num_classes=num_classes, in_chans=image_shape[0])
        return built
    module = optional_package("efficientnet_lite_pytorch", "cars")
    # The package pads for a size that is fixed when the network is built.
    lite: nn.Module = module.EfficientNet.from_name(
        name, in_channels=image_shape[0], num_classes=num_classes, image_size=list(image_shape[1:])
    )
    return lite


def optional_package(module: str, extra: str) -> ModuleType:
    """Import a package that only an extra installs.

    Raises:
        LnbenchError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise LnbenchError(
            f"The package '{module.replace('_', '-')}' is not installed.",
            f"Install it: pip install 'robustbench_ln[{extra}]'",
        ) from error


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classification networks."""
    from torchvision import models

    names: list[str] = models.list_models(module=models)
    return names


def check_timm_name(timm: ModuleType, name: str) -> None:
    """Check that timm has a network.

    Raises:
        UnknownNameError: it has none of the name.
    """
    if not timm.is_model(name):
        import difflib

        near = difflib.get_close_matches(name, timm.list_models(), n=10, cutoff=0.4)
        raise UnknownNameError("timm network", name, near)


def _torchvision(name: str, channels: int, num_classes: int) -> nn.Module:
    from torchvision import models

    if name not in torchvision_names():
        raise UnknownNameError("torchvision network", name, torchvision_names())
    if channels != 3:
        raise LnbenchError(
            f"Network 'torchvision:{name}' takes images of 3 channels, but these have {channels}.",
            "Use colour images, or a network of timm, which takes any number of channels.",
        )
    # Without their second classifiers, whose outputs training would have to know of.
    extra = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    built: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **extra)
    return built
