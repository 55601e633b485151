"""Seeds as they are written on the command line: `0:4` or `0,3,7`."""

from __future__ import annotations

import re

from robustbench_ln.errors import LnbenchError

_MOST = 1000


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a text names, each once.

    Args:
        text: numbers from 0 on and ranges START:STOP of all whole numbers between, both included, separated
            by commas.

    Raises:
        LnbenchError: it names none, a range runs backwards, or there are more than 1,000.

    >>> parse_seeds("0:2,7")
    (0, 1, 2, 7)
    """
    seeds: dict[int, None] = {}
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*(?::\s*([0-9]{1,9})\s*)?", part, re.ASCII)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise LnbenchError(
                f"'{text}' names no seeds.", "Write numbers from 0 to 999999999: 0:4, or 0,3,7."
            )
        if last - first >= _MOST or len(seeds) + last - first >= _MOST:
            raise LnbenchError(f"'{text}' names more than {_MOST:,} seeds.", "Give fewer.")
        seeds.update(dict.fromkeys(range(first, last + 1)))
    return tuple(seeds)
