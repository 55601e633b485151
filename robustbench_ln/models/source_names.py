"""How a source of weights is named on the command line; importing this file does not import torch.

torchvision:NAME[:WEIGHTS]    WEIGHTS as torchvision names them, such as IMAGENET1K_V2; `none` is fresh
timm:NAME[:none]
efficientnet-lite0[:none]
python:MODULE:FUNCTION        a module, or a file *.py, whose function returns the network: it is run
FILE                          *.safetensors, *.pt or *.pth with a state dict
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.registry import is_library_network
from robustbench_ln.user_code import module_name

FORMS = (
    "torchvision:NAME[:WEIGHTS], timm:NAME, efficientnet-lite0, python:MODULE:FUNCTION, "
    "or a file *.safetensors, *.pt, *.pth"
)
_SUFFIXES = (".safetensors", ".pt", ".pth")


@dataclass(frozen=True)
class SourceName:
    """A source as named.

    Attributes:
        network: the network's name for `build_network`; empty for a file, which does not know it.
        weights: which weights; "none" for fresh ones, empty for the network's default.
        file: a local file of weights; None for a network of a package.
        code: the user's module or file *.py that makes the network; empty for other sources.
        function: of that module.
    """

    network: str
    weights: str
    file: Path | None
    code: str = ""
    function: str = ""


def is_source(text: str) -> bool:
    """Return whether a text names a source rather than networks of the store."""
    prefixed = re.match(r"(torchvision|timm|python):|efficientnet-lite0(:|$)", text) is not None
    return prefixed or text.endswith(_SUFFIXES) or Path(text).expanduser().is_file()


def parse_source(text: str) -> SourceName:
    """Return what a source names, without looking for it.

    Raises:
        LnbenchError: not of a source's form.
    """
    if re.match(r"(torchvision|timm|efficientnet-lite0)(:|$)", text):
        parts = text.split(":")
        network = ":".join(parts[: 1 if parts[0] == "efficientnet-lite0" else 2])
        weights = parts[len(network.split(":")) :]
        fixed = parts[0] == "torchvision"
        if (
            not is_library_network(network)
            or len(weights) > 1
            or (not fixed and weights and weights != ["none"])
        ):
            raise LnbenchError(f"'{text}' is not a valid source.", f"Write {FORMS}.")
        return SourceName(network, weights[0] if weights else "", None)
    if text.startswith("python:"):
        found = re.fullmatch(r"python:(.+):([A-Za-z_]\w*)", text, re.ASCII)
        if found is None or not re.fullmatch(r"[\w.-]+", module_name(found[1]), re.ASCII):
            raise LnbenchError(
                f"'{text}' is not a valid source.",
                "Write python:MODULE:FUNCTION or python:FILE.py:FUNCTION.",
            )
        return SourceName(f"python:{module_name(found[1])}:{found[2]}", "", None, found[1], found[2])
    path = Path(text).expanduser()
    if not text.endswith(_SUFFIXES):
        raise LnbenchError(
            f"'{text}' is no source of weights.", f"Write {FORMS}; or name a network in the store."
        )
    if not path.is_file():
        raise LnbenchError(f"The file of weights '{text}' does not exist.", f"Write {FORMS}.")
    return SourceName("", "", path)


def parse_channels(option: str, text: str | None) -> tuple[float, ...] | None:
    """Return the numbers of a comma list, one a channel or one for all; None stays None.

    Raises:
        LnbenchError: no comma list of numbers.
    """
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise LnbenchError(
            f"{option} '{text}' is no comma list of numbers.",
            f"Write {option} 0.485,0.456,0.406, for example.",
        ) from None
