"""Exchange the norms of a trained network, keeping what they learned."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.norms.batchnorm import BatchNorm2d
from robustbench_ln.norms.ghostbatchnorm import GhostBatchNorm2d
from robustbench_ln.norms.localnorm import LocalNorm2d
from robustbench_ln.norms.registry import build_norm, find_norm, resolve_options
from robustbench_ln.norms.switchnorm import SwitchNorm2d


@dataclass(frozen=True)
class ConvertibleLayer:
    """A BatchNorm2d that a conversion replaces.

    Attributes:
        name: where it stands; the first place of a layer that is used in several.
        channels: C.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics; None for a cumulative average.
    """

    name: str
    channels: int
    eps: float
    momentum: float | None


def convertible_layers(model: nn.Module) -> list[ConvertibleLayer]:
    """Return the BatchNorm2d layers that `convert_norm` replaces, each once, in the network's order.

    BatchNorm1d layers are not among them: they keep their running statistics in every mode.

    Raises:
        LnbenchError: no BatchNorm2d, or a layer with running statistics that cannot be converted.
    """
    return [
        ConvertibleLayer(places[0], layer.num_features, layer.eps, layer.momentum)
        for layer, places in _batch_norms(model).items()
    ]


def convert_norm(model: nn.Module, norm: str, **options: Any) -> nn.Module:
    """Return a copy of a network in which every BatchNorm2d is replaced by another norm.

    Gamma and beta go into every group of the new layer; eps and, where the new norm has one, momentum are
    kept unless given; running statistics go along to a norm that has them. So a network converted to
    LocalNorm with one group equals the BatchNorm network on batch statistics.

    Args:
        model: a network with `torch.nn.BatchNorm2d` layers; it is not changed.
        norm: the new norm's name, see `robustbench_ln.norms.registry.NORMS`.
        **options: the new norm's options, such as `groups=8` for "localnorm".

    Returns:
        The converted copy, in the same training mode, dtype and device.

    Raises:
        LnbenchError: an unknown norm or option, a network without a BatchNorm2d, with one that lacks gamma
            and beta or running statistics that the new norm needs, or with other layers that have running
            statistics, such as SyncBatchNorm.

    Source:
        LocalNorm paper (arXiv 1902.06550), section 3.1.
    """
    if norm == "none":
        raise LnbenchError(
            "Converting to 'none' would drop what the norms learned.", "Build the network without norm."
        )
    resolve_options(norm, options)
    return _exchanged(model, lambda old, name: _replacement(old, name, norm, options))


def drop_norm(model: nn.Module) -> nn.Module:
    """Return a copy of a network without its BatchNorm2d layers: for fresh networks of norm "none".

    Raises:
        LnbenchError: as `convertible_layers`.
    """
    return _exchanged(model, lambda old, name: nn.Identity())


def norm_of(model: nn.Module) -> tuple[str, int]:
    """Return the norm that decides which modes fit a network, and its number of groups, 1 where it has none.

    Raises:
        LnbenchError: two kinds of norm, layers with different numbers of groups, or BatchNorm2d
            layers of PyTorch's own.
    """
    found: set[str] = set()
    groups: set[int] = set()
    own = [module for module in model.modules() if hasattr(module, "lnbench_norm")]
    inner = {id(part) for module in own for part in module.modules()}
    for module in own:
        found.add(find_norm(str(module.lnbench_norm)).name)
        groups.update(
            part.groups for part in module.modules() if isinstance(part, LocalNorm2d | GhostBatchNorm2d)
        )
    for module in model.modules():
        if id(module) in inner:
            continue
        if isinstance(module, LocalNorm2d):
            found.add("localnorm")
            groups.add(module.groups)
        elif isinstance(module, GhostBatchNorm2d):
            found.add("ghostbatchnorm")
            groups.add(module.groups)
        elif isinstance(module, SwitchNorm2d):
            found.add("switchnorm")
        elif isinstance(module, BatchNorm2d):
            found.add("batchnorm")
        elif isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
            raise LnbenchError(
                f"The network's {type(module).__name__} layers are PyTorch's own, "
                "which know running statistics alone.",
                "Convert BatchNorm2d first: convert_norm(model, 'batchnorm').",
            )
        elif isinstance(module, nn.InstanceNorm2d):
            found.add("instancenorm")
        elif isinstance(module, nn.GroupNorm):
            found.add("layernorm" if module.num_groups == 1 else "groupnorm")
    if len(found) > 1 or len(groups) > 1:
        what = f"norms {sorted(found)}" if len(found) > 1 else f"numbers of groups {sorted(groups)}"
        raise LnbenchError(f"The network mixes the {what}: no test-time mode fits all its layers.")
    return (found.pop() if found else "none"), (groups.pop() if groups else 1)


def _exchanged(model: nn.Module, new: Callable[[nn.BatchNorm2d, str], nn.Module]) -> nn.Module:
    """Return a copy of a network with a new layer in the place of each BatchNorm2d."""
    converted = copy.deepcopy(model)
    for old, places in _batch_norms(converted).items():
        layer = new(old, places[0])
        if not _plain(old):
            # timm's layer is a norm, a dropout and an activation in one.
            children = OrderedDict(old.named_children())
            layer = nn.Sequential(OrderedDict([("norm", layer), *children.items()])).train(old.training)
        for name in places:
            if name == "":
                return layer
            parent_name, _, attribute = name.rpartition(".")
            setattr(converted.get_submodule(parent_name), attribute, layer)
    return converted


def _batch_norms(model: nn.Module) -> dict[nn.BatchNorm2d, list[str]]:
    """Return each BatchNorm2d with the places where it stands: a layer used in two is named twice."""
    found: dict[nn.BatchNorm2d, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        kind = type(module).__name__
        if isinstance(module, nn.LazyBatchNorm2d) and module.has_uninitialized_params():
            raise LnbenchError(
                f"Layer '{name}' is a {kind} that has not seen an image yet, so its channels are not known.",
                "Call the network once on images of the right shape, then convert it.",
            )
        if isinstance(module, nn.BatchNorm2d):
            if not _plain(module) and [child for child, _ in module.named_children()] != ["drop", "act"]:
                raise LnbenchError(
                    f"Layer '{name}' is a {kind}, a BatchNorm2d that computes something else besides.",
                    "Nothing was changed.",
                )
            found.setdefault(module, []).append(name)
        elif isinstance(module, nn.SyncBatchNorm | nn.BatchNorm3d) or (
            getattr(module, "running_var", None) is not None and not isinstance(module, nn.BatchNorm1d)
        ):
            sync = isinstance(module, nn.SyncBatchNorm)
            raise LnbenchError(
                f"Layer '{name}' is a {kind}, whose running statistics cannot be converted: "
                "only those of BatchNorm2d can.",
                "Build the network with BatchNorm2d and load the same state." if sync else "",
            )
    if not found:
        raise LnbenchError("The network has no BatchNorm2d layer to convert.", "Nothing was changed.")
    return found


def _check_carries(new: nn.Module, attribute: str, channels: int, norm: str) -> None:
    """Make sure that a norm, which may be the user's, has what gamma or beta goes into.

    Raises:
        LnbenchError: it does not.
    """
    held = getattr(new, attribute, None)
    if not isinstance(held, torch.Tensor) or held.dim() == 0 or held.shape[-1] != channels:
        raise LnbenchError(
            f"Norm '{norm}' has no '{attribute}' of {channels} channels, which takes over "
            f"{'gamma' if attribute == 'weight' else 'beta'} in a conversion.",
            "Give the layer nn.Parameters 'weight' and 'bias' of shape (C,), or train with it from scratch.",
        )


def _plain(layer: nn.BatchNorm2d) -> bool:
    """Return whether a layer computes what PyTorch's own BatchNorm2d does, and no more."""
    return type(layer).forward in (nn.BatchNorm2d.forward, BatchNorm2d.forward)


def _replacement(old: nn.BatchNorm2d, name: str, norm: str, options: dict[str, Any]) -> nn.Module:
    if not old.affine:
        raise LnbenchError(f"Layer '{name}' has no gamma and beta to carry over (affine=False).")
    known = find_norm(norm).options
    own = {"eps": old.eps, "momentum": old.momentum}
    kept = {option: value for option, value in own.items() if option in known and value is not None}
    new = build_norm(norm, old.num_features, {**kept, **options})
    # Gamma and beta, (C,), broadcast into every group, (K, C).
    names = ["weight", "bias"]
    for attribute in names:
        _check_carries(new, attribute, old.num_features, norm)
    if getattr(new, "running_mean", None) is not None:
        if old.running_mean is None:
            raise LnbenchError(f"Layer '{name}' has no running statistics to carry over to norm '{norm}'.")
        names += ["running_mean", "running_var"]
        names += ["num_batches_tracked"] if hasattr(new, "num_batches_tracked") else []
    with torch.no_grad():
        for attribute in names:
            getattr(new, attribute).copy_(getattr(old, attribute))
    for attribute in ("weight", "bias"):
        getattr(new, attribute).requires_grad_(getattr(old, attribute).requires_grad)
    return new.to(old.weight.device, old.weight.dtype).train(old.training)
