"""Choose among names by patterns."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from robustbench_ln.errors import LnbenchError, UnknownNameError


def matching(kind: str, names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match one of the shell patterns, in their order; all without a pattern.

    Raises:
        LnbenchError: a pattern matches none.
    """
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            if not any(letter in pattern for letter in "*?["):
                raise UnknownNameError(f"name among the {kind}", pattern, names)
            raise LnbenchError(f"No name among the {kind} matches '{pattern}'.", f"lnbench list {kind}")
    return [
        name
        for name in names
        if not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]
