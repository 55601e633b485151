"""Fewer searches for unreachable objects while a page is made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects between two searches; Python's own are a hundred times as frequent.
_OBJECTS = 100_000


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let Python search for unreachable objects less often within the context.

    Libraries, cells and pages are many objects that stay: going through them again and again takes a tenth of
    a page's time. What figures leave behind is still found.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _OBJECTS) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
