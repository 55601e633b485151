"""The sigma grid's grammar: `START:STOP[:STEP]` or a comma list, in decimal arithmetic."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from robustbench_ln.errors import LnbenchError

DEFAULT_POINTS = 9
MAX_POINTS = 1_000
#: What Decimal reads without underscores and without digits of other scripts.
_NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|s?nan|infinity)", re.IGNORECASE
)
_EXAMPLES = "Write START:STOP (nine points), START:STOP:STEP, or a comma list: 0:4, 0:1:0.05, 0,0.5,2."


def parse_sigmas(text: str) -> tuple[str, ...]:
    """Return the sigmas that a grid names, as canonical decimal strings in the order given.

    `START:STOP` gives nine points, `START:STOP:STEP` every STEP, both inclusive. Decimal arithmetic
    makes the third point of `0:1:0.1` exactly "0.2", so that equal sigmas have equal names.

    >>> parse_sigmas("0:4")
    ('0', '0.5', '1', '1.5', '2', '2.5', '3', '3.5', '4')
    >>> parse_sigmas("0:0.3:0.1")
    ('0', '0.1', '0.2', '0.3')

    Raises:
        LnbenchError: not a number, negative, descending, a step that does not divide the range,
            a point named twice, or more than 1,000 points.
    """
    values = _range(text) if ":" in text else [_decimal(part, text) for part in text.split(",")]
    if len(values) > MAX_POINTS:
        raise LnbenchError(
            f"Sigma grid '{text}' has {len(values):,} points.", f"At most {MAX_POINTS:,} are allowed."
        )
    names = tuple(canonical_sigma(value) for value in values)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LnbenchError(f"Sigma grid '{text}' names {twice} more than once.", "Name each sigma once.")
    return names


def canonical_sigma(value: Decimal) -> str:
    """Return the shortest plain decimal string of a value: `0.10` and `1e-1` are both "0.1"."""
    return format(value.normalize(), "f") if value else "0"


def _range(text: str) -> list[Decimal]:
    parts = [_decimal(part, text) for part in text.split(":")]
    if len(parts) > 3:
        raise LnbenchError(f"Sigma grid '{text}' has {len(parts)} parts.", _EXAMPLES)
    start, stop = parts[:2]
    if stop < start:
        raise LnbenchError(
            f"Sigma grid '{text}' runs downwards, from {start} to {stop}.", f"Write {stop}:{start} instead."
        )
    if len(parts) == 3 and not parts[2]:
        raise LnbenchError(f"Sigma grid '{text}' has a step of 0.", "Give a step above 0.")
    if stop == start:
        return [start]
    if len(parts) == 2:
        return [start + (stop - start) * point / (DEFAULT_POINTS - 1) for point in range(DEFAULT_POINTS)]
    step, span = parts[2], stop - start
    if span / step >= MAX_POINTS:
        raise LnbenchError(
            f"Sigma grid '{text}' has more than {MAX_POINTS:,} points.",
            f"At most {MAX_POINTS:,} are allowed.",
        )
    if span % step:
        raise LnbenchError(
            f"Sigma grid '{text}': the step {step} does not divide the range {start} to {stop}.",
            f"Stop at {stop - span % step} or change the step.",
        )
    return [start + step * point for point in range(int(span / step) + 1)]


def _decimal(part: str, text: str) -> Decimal:
    try:
        if not _NUMBER.fullmatch(part.strip()):
            raise InvalidOperation
        value = Decimal(part.strip())
    except InvalidOperation:
        what = f"'{part.strip()}' is not a number" if part.strip() else "a number is missing"
        raise LnbenchError(f"Sigma grid '{text}': {what}.", _EXAMPLES) from None
    if not value.is_finite():
        raise LnbenchError(f"Sigma grid '{text}': {value} is not a finite number.", _EXAMPLES)
    if value < 0:
        raise LnbenchError(f"Sigma grid '{text}': {value} is negative.", "Sigma is 0 or more.")
    if value and not -12 <= value.adjusted() <= 12:
        raise LnbenchError(
            f"Sigma grid '{text}': {part.strip()} is out of range.", "Sigma is 0, or 1e-12 to 1e12."
        )
    return value
