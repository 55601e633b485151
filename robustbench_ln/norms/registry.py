"""The norms by name: what each is, which test-time modes fit it, and how to build one layer.

Importing this file does not import torch, so that commands can plan and list without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.plugins import Registry, bare, other_version

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NormInfo:
    """One norm.

    Attributes:
        name: short name, as on the command line; with `@` and a version where it is the user's.
        target: "module:builder", or the builder; it takes the number of channels and the norm's options.
        modes: the test-time modes that fit it; the first is its home mode, in which it is meant to be used.
        source: where it is defined.
        options: the builder's options with their defaults; None where one must be given.
        shared: whether all groups pass through one gamma and beta.
        named_modes: further modes that fit it, which are measured only where they are named.
        origin: where the user's code is; empty for a built-in norm.
    """

    name: str
    target: str | Callable[..., nn.Module]
    modes: tuple[str, ...]
    source: str
    options: Mapping[str, int | float | None]
    shared: bool = False
    named_modes: tuple[str, ...] = ()
    origin: str = ""

    @property
    def has_groups(self) -> bool:
        """Whether a batch is split into a number of groups that the norm's options give."""
        return "groups" in self.options

    @property
    def home_mode(self) -> str:
        """The mode in which clean accuracy is reported: how the norm is meant to be used at test time."""
        return self.modes[0]


_LAYERS = "robustbench_ln.norms"
_EPS = {"eps": 1e-5}
_RUNNING = {"eps": 1e-5, "momentum": 0.1}
NORMS: Registry[NormInfo] = Registry(
    "norm",
    (
        NormInfo(
            "batchnorm",
            f"{_LAYERS}.batchnorm:BatchNorm2d",
            ("frozen", "single", "batch"),
            "Ioffe & Szegedy 2015",
            _RUNNING,
            named_modes=("blend",),
        ),
        NormInfo(
            "switchnorm",
            f"{_LAYERS}.switchnorm:SwitchNorm2d",
            ("frozen", "batch"),
            "Luo et al. 2018",
            _RUNNING,
        ),
        NormInfo(
            "localnorm",
            f"{_LAYERS}.localnorm:LocalNorm2d",
            ("batch", "single", "single-voting", "voting"),
            "Yin et al. 2019, arXiv 1902.06550",
            {"groups": None, **_EPS},
        ),
        NormInfo(
            "ghostbatchnorm",
            f"{_LAYERS}.ghostbatchnorm:GhostBatchNorm2d",
            ("batch", "single"),
            "Hoffer et al. 2017, arXiv 1705.08741",
            {"groups": None, **_EPS},
            shared=True,
        ),
        NormInfo("layernorm", f"{_LAYERS}.stateless:layer_norm", ("eval",), "Ba et al. 2016", _EPS),
        NormInfo(
            "groupnorm",
            f"{_LAYERS}.stateless:group_norm",
            ("eval",),
            "Wu & He 2018",
            {"channel_groups": 8, **_EPS},
        ),
        NormInfo(
            "instancenorm", f"{_LAYERS}.stateless:instance_norm", ("eval",), "Ulyanov et al. 2016", _EPS
        ),
        NormInfo("none", f"{_LAYERS}.stateless:no_norm", ("eval",), "no normalization", {}),
    ),
)


def find_norm(name: str) -> NormInfo:
    """Return what is known of a norm; of one of the user's in another version, all but how to build it.

    Raises:
        UnknownNameError: no norm has the name.
        LnbenchError: the user's code for it cannot be loaded.
    """
    found = NORMS.look_up(name)
    if "@" not in name or found.name == name:
        return found

    def refuse(*arguments: Any, **options: Any) -> nn.Module:
        raise other_version("norm", name, found.name, found.origin)

    return replace(found, name=name, target=refuse)


def norm_rank(name: str) -> int:
    """Return the place of a norm in tables: built-in ones as they stand here, then the user's."""
    known = list(NORMS)
    return known.index(name) if name in NORMS else len(known)


def check_version(name: str) -> None:
    """Make sure, without building it, that a norm is there in the version that its full name has.

    Raises:
        LnbenchError: it is not.
    """
    info = find_norm(name)
    if info.origin and info.name not in NORMS:
        raise other_version("norm", info.name, find_norm(bare(name)).name, info.origin)


def parse_norm(text: str) -> tuple[str, dict[str, int | float]]:
    """Return the full name and the options of `NAME[:OPTION=NUMBER[,OPTION=NUMBER...]]`.

    >>> parse_norm("localnorm:groups=5")
    ('localnorm', {'groups': 5})

    Raises:
        UnknownNameError: no norm, or no option of the norm, has the name.
        LnbenchError: not of that form.
    """
    name, _, rest = text.partition(":")
    info = find_norm(name)
    known = info.options
    options: dict[str, int | float] = {}
    for part in rest.split(",") if rest else []:
        option, _, number = (word.strip() for word in part.partition("="))
        if option not in known:
            raise UnknownNameError(f"option of norm {name}", option, known)
        if option in options:
            raise LnbenchError(f"Norm '{text}' gives its option '{option}' twice.", "Give it once.")
        try:
            options[option] = int(number) if number.lstrip("+-").isdigit() else float(number)
        except ValueError:
            raise LnbenchError(
                f"Norm '{text}': '{number}' is not a number.",
                "Write NAME:OPTION=NUMBER, such as localnorm:groups=5.",
            ) from None
    return info.name, options


def resolve_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a norm's options, given ones over defaults.

    Raises:
        UnknownNameError: no norm, or no option of the norm, has the name.
        LnbenchError: an option without default is missing, or a whole number is needed.
    """
    known = find_norm(name).options
    for option in given:
        if option not in known:
            raise UnknownNameError(f"option of norm {name}", option, known)
    return {
        option: _option(name, option, default, given.get(option, default))
        for option, default in known.items()
    }


def check_groups(name: str, given: Mapping[str, Any], batch_size: int) -> dict[str, Any]:
    """Return a norm's options, having checked that a batch divides into its groups.

    Raises:
        UnknownNameError: no norm, or no option of the norm, has the name.
        LnbenchError: an option is missing or wrong, or the batch does not divide.
    """
    resolved = resolve_options(name, given)
    groups = resolved["groups"] if find_norm(name).has_groups else 1
    if groups < 1:
        raise LnbenchError(
            f"Norm '{name}' has {groups} groups.", f"Choose 1 or more that divide a batch of {batch_size}."
        )
    if batch_size % groups:
        fitting = max(batch_size // groups, 1) * groups
        raise LnbenchError(
            f"A batch of {batch_size} images does not divide into {groups} groups.",
            f"Choose another number of groups, or a batch size such as {fitting}.",
        )
    return resolved


def _option(norm: str, option: str, default: float | None, value: Any) -> int | float:
    """Return an option's value: a whole number where the default is one or there is none, else a float."""
    if value is None:
        raise LnbenchError(
            f"Norm '{norm}' needs its option '{option}'.", f"Write {norm}:{option}=10, for example."
        )
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise LnbenchError(f"Option '{option}' of norm '{norm}' is {value!r}, but must be a finite number.")
    if option == "eps" and value <= 0:
        raise LnbenchError(f"Option 'eps' of norm '{norm}' is {value}, but must be above 0.")
    if option == "momentum" and not 0 <= value <= 1:
        raise LnbenchError(f"Option 'momentum' of norm '{norm}' is {value}, but must be from 0 to 1.")
    if isinstance(default, float):
        return float(value)
    if value != int(value):
        raise LnbenchError(f"Option '{option}' of norm '{norm}' is {value}, but must be a whole number.")
    return int(value)


def fits(norm: tuple[str, Mapping[str, Any]], wanted: tuple[str, Mapping[str, Any]]) -> bool:
    """Return whether a norm has the name and the options that are asked for."""
    return norm[0] == wanted[0] and all(norm[1].get(name) == value for name, value in wanted[1].items())


def build_norm(name: str, num_features: int, options: Mapping[str, Any] | None = None) -> nn.Module:
    """Build one layer for `num_features` channels.

    Raises:
        UnknownNameError: no norm, or no option of the norm, has the name.
        LnbenchError: an option is missing or has a value that the layer does not take.
    """
    resolved = resolve_options(name, options or {})
    info = find_norm(name)
    if not isinstance(info.target, str):
        return info.target(num_features, **resolved)
    module, _, attribute = info.target.partition(":")
    try:
        layer: nn.Module = getattr(import_module(module), attribute)(num_features, **resolved)
    except LnbenchError:
        raise
    except (TypeError, ValueError) as error:
        options_text = ", ".join(f"{option}={value}" for option, value in resolved.items())
        raise LnbenchError(
            f"Norm '{name}' with {options_text} does not fit a layer of {num_features} channels: {error}.",
            f"Choose other options: {name}:OPTION=NUMBER.",
        ) from error
    return layer
