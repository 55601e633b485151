"""Severities: the published names, 1 to 5, of some sigmas of the standard noises.

Source: Hendrycks and Dietterich 2019, and its authors' code: `make_cifar_c.py` for images of 32 pixels,
`make_imagenet_c.py` for those of 224.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, get_args

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.noise.grid import canonical_sigma

Constants = Literal["cifar-c", "imagenet-c"]
SEVERITIES = (1, 2, 3, 4, 5)
#: The largest side in pixels of images that CIFAR-C's constants are meant for.
SMALL_SIDE = 64


def _shares(*photons: int) -> tuple[str, ...]:
    """Return sigma = 1/c of shot noise; ten digits, of which single precision keeps seven."""
    return tuple(canonical_sigma(Decimal(f"{1 / c:.10g}")) for c in photons)


#: By constants and noise: the sigmas of severities 1 to 5.
SIGMAS: dict[Constants, dict[str, tuple[str, ...]]] = {
    "cifar-c": {
        "gaussian": ("0.04", "0.06", "0.08", "0.09", "0.1"),
        "shot": _shares(500, 250, 100, 75, 50),
        "impulse": ("0.01", "0.02", "0.03", "0.05", "0.07"),
        "speckle": ("0.06", "0.1", "0.12", "0.16", "0.2"),
    },
    "imagenet-c": {
        "gaussian": ("0.08", "0.12", "0.18", "0.26", "0.38"),
        "shot": _shares(60, 25, 12, 5, 3),
        "impulse": ("0.03", "0.06", "0.09", "0.17", "0.27"),
        "speckle": ("0.15", "0.2", "0.35", "0.45", "0.6"),
    },
}
#: The noises that have severities.
GRADED = tuple(SIGMAS["cifar-c"])


def parse_severities(text: str) -> tuple[int, ...]:
    """Return the severities that `START:STOP` or a comma list names, in the order given.

    >>> parse_severities("1:5")
    (1, 2, 3, 4, 5)
    >>> parse_severities("1,3,5")
    (1, 3, 5)

    Raises:
        LnbenchError: not a whole number of 1 to 5, a range that runs downwards, or one named twice.
    """
    hint = "Write START:STOP or a comma list of whole numbers from 1 to 5: 1:5, 1,3,5."
    start, colon, stop = text.partition(":")
    named = [part.strip() for part in ((start, stop) if colon else text.split(","))]
    for part in named:
        if part not in map(str, SEVERITIES):
            raise LnbenchError(f"Severities '{text}': '{part}' is not a severity.", hint)
    numbers = [int(part) for part in named]
    if colon:
        if numbers[1] < numbers[0]:
            raise LnbenchError(f"Severities '{text}' run downwards.", hint)
        return tuple(range(numbers[0], numbers[1] + 1))
    if len(set(numbers)) < len(numbers):
        raise LnbenchError(f"Severities '{text}' name one more than once.", hint)
    return tuple(numbers)


def check_constants(name: str | None) -> Constants | None:
    """Return the name of constants that exist; None stays None.

    Raises:
        UnknownNameError: none have the name.
    """
    if name is not None and name not in SIGMAS:
        raise UnknownNameError("constants", name, get_args(Constants))
    return name


def constants_for(shape: Sequence[int]) -> Constants:
    """Return the constants meant for images of a shape (C, H, W): CIFAR-C's up to 64 pixels a side."""
    return "cifar-c" if max(shape[1:]) <= SMALL_SIDE else "imagenet-c"


def severity_sigmas(noise: str, severities: Sequence[int], constants: Constants) -> tuple[str, ...]:
    """Return the sigmas that severities name, as canonical decimal strings.

    Raises:
        LnbenchError: a noise without severities.
    """
    if noise not in GRADED:
        raise LnbenchError(
            f"Noise '{noise}' has no severities.",
            f"Noises with severities: {', '.join(GRADED)}. Others take --sigma.",
        )
    return tuple(SIGMAS[constants][noise][severity - 1] for severity in severities)


def severity_of(noise: str, sigma: float, constants: Constants) -> int | None:
    """Return the severity that a sigma is in some constants; None where it is none."""
    return _NAMED.get((constants, noise, sigma))


def severity_text(noise: str, sigma: float) -> str:
    """Return what a sigma is called in published tables, empty where it is in none.

    >>> severity_text("gaussian", 0.08), severity_text("gaussian", 0.07)
    ('cifar-c 3, imagenet-c 1', '')
    """
    named = ((constants, severity_of(noise, sigma, constants)) for constants in SIGMAS)
    return ", ".join(f"{constants} {severity}" for constants, severity in named if severity)


_NAMED = {
    (constants, noise, float(sigma)): severity
    for constants, noises in SIGMAS.items()
    for noise, sigmas in noises.items()
    for severity, sigma in zip(SEVERITIES, sigmas, strict=True)
}
