"""Errors that a user can mend: what is wrong, where, what was expected, and what to run next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class LnbenchError(ValueError):
    """A mistake in the input, or a state of the machine, that the user can mend.

    Attributes:
        message: what is wrong, where, and what was expected.
        hint: the next command or change that mends it; empty where the message says all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[LnbenchError], tuple[str, ...]]:
        """Travel between processes as message and hint, whatever a subclass is built from."""
        return LnbenchError, (self.message, self.hint)


class UnknownNameError(LnbenchError):
    """A name that no registry holds, with the nearest known name."""

    def __init__(self, kind: str, name: str, known: Iterable[str], more: str = "") -> None:
        names = sorted(known)
        nearest = difflib.get_close_matches(name, names, n=1)
        guess = f" Did you mean '{nearest[0]}'?" if nearest else ""
        listed = ", ".join(names) or "none"
        super().__init__(f"Unknown {kind} '{name}'.{guess}", f"Known: {listed}. {more}".rstrip())


class NewerVersionError(LnbenchError):
    """What a newer lnbench wrote: it is whole, and not to be removed, but this version cannot read it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Update lnbench to read it.")

    def __reduce__(self) -> tuple[type[LnbenchError], tuple[str, ...]]:
        """Stay what it is between processes."""
        return NewerVersionError, (self.message,)


def together(errors: Sequence[LnbenchError]) -> LnbenchError:
    """Return one error that says all of several, each in a line with its hint."""
    return errors[0] if len(errors) == 1 else LnbenchError("\n".join(map(str, errors)))


def first_line(error: object) -> str:
    r"""Return the first line of an error's text without what ends it, or its kind where it says nothing.

    >>> first_line(RuntimeError("no such file:\n'x'")), first_line(EOFError())
    ('no such file', 'EOFError')
    """
    line = next(iter(str(error).strip().splitlines()), "")
    return line.rstrip(".: ") or type(error).__name__
