"""How numbers are written: shares in per cent with two decimals, a missing number as a blank."""

from __future__ import annotations

import math

_NO_BREAK = "\u00a0"


def percent(share: float) -> str:
    r"""Return a share as per cent.

    >>> percent(0.97787)
    '97.79\xa0%'
    >>> percent(float("nan"))
    ''
    """
    return "" if math.isnan(share) else f"{100 * share:.2f}{_NO_BREAK}%"


def percent_range(low: float, high: float) -> str:
    r"""Return two shares as a range of per cent.

    >>> percent_range(0.96, 0.99)
    '96.00 to 99.00\xa0%'
    """
    return "" if math.isnan(low) else f"{100 * low:.2f} to {100 * high:.2f}{_NO_BREAK}%"


def number(value: float | int | None) -> str:
    """Return a whole number with separated thousands, any other with up to six digits; None is a blank.

    >>> number(12345), number(0.001), number(50.0), number(None)
    ('12,345', '0.001', '50', '')
    """
    if value is None or math.isnan(value):
        return ""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:g}"


def sigma_text(sigma: float) -> str:
    """Return a sigma as it stands on an axis or in a table."""
    return f"{sigma:g}"


def visible(text: str) -> str:
    """Return a text with what cannot be shown, such as control characters, replaced: SVG refuses those."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
