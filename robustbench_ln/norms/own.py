"""Norms of the user's: `register_norm` puts one beside the built-in ones. No torch is imported here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.norms.registry import NORMS, NormInfo
from robustbench_ln.user_code import messages_apart, origin_of, reason, version_of

if TYPE_CHECKING:
    from torch import nn

#: Modes of layers with their own behaviour, and of subclasses of a layer of this project.
_MODES = ("eval", "frozen", "batch", "single", "voting", "single-voting")
_OF_SETS = _MODES[2:]
Builder = TypeVar("Builder", bound=Callable[..., Any])


def register_norm(
    name: str, *, modes: Sequence[str] = ("eval",), source: str = "", version: str | None = None
) -> Callable[[Builder], Builder]:
    """Register a norm: a class, or a function that builds one layer for a number of channels.

    Its further parameters are the norm's options, numbers, each with its default: `NAME:eps=1e-3` on the
    command line. The layer takes (N, C, H, W) and returns the same shape, to any N.

    Args:
        name: at most 40 small letters, digits and -; none of a built-in norm.
        modes: the test-time modes that fit it, its home mode first. "eval" is the layer's own behaviour in
            evaluation. The others are of subclasses of `BatchNorm2d`, `SwitchNorm2d`, `LocalNorm2d` and
            `GhostBatchNorm2d` of this project.
        source: where it is defined, for tables.
        version: changes whenever its numbers do; default a hash of the file that it stands in. It is part of
            the full name, NAME@VERSION, under which networks and cells are stored.

    Returns:
        What leaves the class or function as it is.

    Raises:
        LnbenchError: a name that is taken, an unknown mode, or options that are no numbers.

    Example:
        >>> from torch import nn
        >>> from robustbench_ln import register_norm
        >>> @register_norm("batch-groups", version="1")
        ... def batch_groups(channels, parts=2, eps=1e-5):
        ...     return nn.GroupNorm(parts, channels, eps=eps)
    """

    def register(builder: Builder) -> Builder:
        origin = origin_of(builder)
        if not modes:
            raise LnbenchError(f"The norm '{name}' of {origin} has no mode.", 'Write modes=("eval",).')
        for mode in modes:
            if mode not in _MODES:
                raise UnknownNameError(f"mode of the norm '{name}' of {origin}", mode, _MODES)
        info = NormInfo(
            f"{name}@{version_of(builder, version)}",
            _Own(name, builder, origin, any(mode in _OF_SETS for mode in modes)),
            tuple(modes),
            source or origin,
            _options(name, builder, origin),
            origin=origin,
        )
        NORMS.admit(info)
        return builder

    return register


class _Own:
    """Builds layers by the user's function, and says what is wrong with what comes of it."""

    def __init__(self, name: str, builder: Callable[..., Any], origin: str, of_sets: bool) -> None:
        self._name, self._builder, self._origin, self._of_sets = name, builder, origin, of_sets

    def __call__(self, channels: int, **options: Any) -> nn.Module:
        from torch import nn

        from robustbench_ln.norms.sets import SetNorm

        what = f"The norm '{self._name}' of {self._origin}"
        given = "".join(f", {option}={value}" for option, value in options.items())
        try:
            with messages_apart():
                layer = self._builder(channels, **options)
        except LnbenchError:
            raise
        except Exception as error:
            raise LnbenchError(
                f"{what} cannot be built for {channels} channels{given}: {reason(error)}.",
                "Mend it, or choose other options.",
            ) from error
        if not isinstance(layer, nn.Module):
            raise LnbenchError(
                f"{what} is of type {type(layer).__name__} in place of torch.nn.Module.",
                "Return a layer from the function, or decorate the layer's class.",
            )
        if self._of_sets and not any(isinstance(module, SetNorm) for module in layer.modules()):
            raise LnbenchError(
                f"{what} has modes that lay out sets of images, but no layer of this project in it.",
                'Derive it from robustbench_ln.BatchNorm2d or another, or leave it modes=("eval",).',
            )
        # What tells it in a network, see `robustbench_ln.norms.convert.norm_of`.
        layer.lnbench_norm = self._name  # type: ignore[assignment]
        return layer


def _options(name: str, builder: Callable[..., Any], origin: str) -> dict[str, int | float | None]:
    """Return the options that a builder takes after the number of channels, with their defaults."""
    parameters = list(inspect.signature(builder).parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise LnbenchError(
            f"The norm '{name}' of {origin} takes no number of channels.",
            "Write def build(channels, eps=1e-5), or a class with such an __init__.",
        )
    options: dict[str, int | float | None] = {}
    for parameter in parameters[1:]:
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        if isinstance(default, bool) or not isinstance(default, int | float | None):
            raise LnbenchError(
                f"Option '{parameter.name}' of the norm '{name}' of {origin} has the default {default!r}, "
                "which is no number.",
                "Options are numbers: they stand on the command line and in names.",
            )
        options[parameter.name] = default
    return options
