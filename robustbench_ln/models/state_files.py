"""Weights from outside: read without executing anything, and fitted into a network by name and shape."""

from __future__ import annotations

import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from robustbench_ln.errors import LnbenchError

State = Mapping[str, Tensor]
_WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net")
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.")
#: Second classifiers of GoogLeNet and Inception, which are used in training alone.
_TRAINING_ONLY = ("AuxLogits.", "aux1.", "aux2.")
_SHOWN = 4


def read_state(path: Path) -> State:
    """Read a state dict from a file of safetensors or of torch, out of its common wrappers.

    A `.pt` or `.pth` file is a pickle: only tensors and plain containers are read from it, and nothing in
    it is executed.

    Raises:
        LnbenchError: unreadable, holding anything but tensors and containers, or no state dict.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            # Of pickles that torch did not write, which are refused here unless tensors are all they hold.
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LnbenchError(
            f"'{path}' holds more than tensors, or is no file of torch: it was not loaded, "
            "and nothing in it was executed.",
            "Save the weights alone: torch.save(network.state_dict(), FILE), or as safetensors.",
        ) from error
    except Exception as error:
        # A damaged pickle raises nearly anything; and torch names its own ways to load such a file, which
        # would execute what is in it.
        raise LnbenchError(
            f"'{path}' cannot be read as a state dict: it is truncated, or of another format.",
            "Save the weights alone: torch.save(network.state_dict(), FILE), or as safetensors.",
        ) from error
    return _unwrapped(content, path)


def fit_state(network: nn.Module, state: State, what: str, *, fresh: tuple[str, ...] = ()) -> None:
    """Load a state into a network; names and shapes must agree.

    Args:
        network: takes the weights.
        state: tensors by name, possibly all with a prefix such as `module.`.
        what: names the state in an error.
        fresh: names that keep the network's own values.

    Raises:
        LnbenchError: names that are missing or unexpected, shapes that differ, or values that no training
            leaves behind.
    """
    own = network.state_dict()
    renamed = _renamed(state, own)
    check_plain(renamed, what)
    problems = []
    for kind, names in (
        (
            "missing",
            [name for name in own if name not in renamed and name not in fresh and not _counter(name)],
        ),
        ("unexpected", [name for name in renamed if name not in own]),
        (
            "of another shape",
            [
                f"{name} {tuple(renamed[name].shape)} in place of {tuple(tensor.shape)}"
                for name, tensor in own.items()
                if name in renamed and name not in fresh and renamed[name].shape != tensor.shape
            ],
        ),
    ):
        if names:
            problems.append(f"{kind}: {_some(names)}")
    if problems:
        raise LnbenchError(
            f"The weights of {what} are not those of this network: {'; '.join(problems)}.",
            "Name the network that they were trained in with --network NETWORK.",
        )
    _check_values(renamed, what)
    merged = {name: own[name] if name in fresh else renamed.get(name, own[name]) for name in own}
    load_state(network, merged, versions=_known_versions(getattr(state, "_metadata", None)))


def _known_versions(versions: Any) -> Any:
    """Return the versions of layers' formats that came with a state; None where they are anything else."""
    known = isinstance(versions, Mapping) and all(
        isinstance(name, str) and isinstance(layer, dict) and isinstance(layer.get("version"), int)
        for name, layer in versions.items()
    )
    return versions if known else None


def _check_values(state: State, what: str) -> None:
    """Make sure that a training that went well may have left these values.

    Raises:
        LnbenchError: they are not finite, or variances below 0.
    """
    for kind, names in (
        ("not finite", [name for name, tensor in state.items() if not tensor.isfinite().all()]),
        ("below 0", [name for name in state if name.endswith("running_var") and (state[name] < 0).any()]),
    ):
        if names:
            raise LnbenchError(
                f"The weights of {what} are {kind}: {_some(names)}.",
                "Their training failed, or the file is damaged: take an earlier one.",
            )


def _some(names: Sequence[str]) -> str:
    """Return the first few of several names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def check_plain(state: State, what: str) -> None:
    """Make sure that tensors hold numbers that a network computes with.

    Raises:
        LnbenchError: they are complex, quantised or sparse, or have no values.
    """
    for name, tensor in state.items():
        if tensor.is_complex() or tensor.is_quantized or tensor.is_meta or tensor.layout != torch.strided:
            kind = "without values" if tensor.is_meta else f"of type {tensor.dtype}, {tensor.layout}"
            raise LnbenchError(
                f"The weights of {what} cannot be used: {name} is {kind.replace('torch.', '')}.",
                "Save them as dense real numbers, such as float32.",
            )


def bytes_held(state: State) -> int:
    """Return the bytes of a plain state's values; a tensor may claim more, by repeating some."""
    storages = [tensor.untyped_storage() for tensor in state.values()]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def load_state(network: nn.Module, state: State, versions: Any = None) -> None:
    """Load tensors by name; all must be there.

    Args:
        network: takes the weights.
        state: tensors by name.
        versions: of the layers' formats, as torch keeps them with a state dict. Where they are not known, the
            network's own stand in: a state that came by way of a format without them has those.

    Raises:
        RuntimeError: names or shapes differ.
    """
    versioned = OrderedDict(state)
    own = network.state_dict()._metadata  # type: ignore[attr-defined]
    versioned._metadata = versions if versions and set(own) <= set(versions) else own  # type: ignore[attr-defined]
    network.load_state_dict(versioned)


def tensor_named(state: State, network: nn.Module, name: str) -> Tensor | None:
    """Return the tensor that a state has for a name of a network, None where it has none."""
    return _renamed(state, network.state_dict()).get(name)


def _unwrapped(content: Any, path: Path) -> State:
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    ):
        raise LnbenchError(
            f"'{path}' holds no state dict, that is no tensors by name.",
            "Save one: torch.save(network.state_dict(), FILE), or as safetensors.",
        )
    if not content:
        raise LnbenchError(f"'{path}' holds no tensor.", "Save the network's state_dict().")
    return content


def _renamed(state: State, own: State) -> dict[str, Tensor]:
    """Return a state by the names of a network: without prefixes, and without what evaluation never uses."""
    names = list(state)
    for prefix in _PREFIXES * 2:
        if all(name.startswith(prefix) for name in names) and not any(
            name.startswith(prefix) for name in own
        ):
            names = [name.removeprefix(prefix) for name in names]
    renamed = dict(zip(names, state.values(), strict=True))
    # torchvision's files of DenseNet have the names of an early PyTorch.
    old = re.compile(r"(?<=denselayer)(\d+\.(?:norm|conv))\.(\d\.)")
    renamed = {old.sub(r"\1\2", name) if name not in own else name: renamed[name] for name in renamed}
    return {
        name: tensor
        for name, tensor in renamed.items()
        if name in own or not (name.startswith(_TRAINING_ONLY) or _counter(name))
    }


def _counter(name: str) -> bool:
    """Return whether a name counts BatchNorm's batches, which old files do not have and nothing reads."""
    return name.endswith("num_batches_tracked")
