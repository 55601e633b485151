"""What the commands print: data on stdout, messages and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any
from unicodedata import category

from rich.console import Console
from rich.markup import escape

#: Exit code of a command that did only a part of what was asked.
SOME_FAILED = 3
#: Exit code of a command whose numbers do not meet a threshold that was asked for.
NOT_MET = 4
_SHOWN_PROBLEMS = 20

output = Console(highlight=False, soft_wrap=True)
messages = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str, *, quiet: bool = False) -> None:
    """Print a message for people."""
    if not quiet:
        messages.print(harmless(text), markup=False)


def say_problems(problems: Sequence[str], *, quiet: bool = False) -> None:
    """Print what was left out, the first twenty of many; under --json the document has them."""
    for problem in problems[:_SHOWN_PROBLEMS]:
        say(problem, quiet=quiet)
    if len(problems) > _SHOWN_PROBLEMS:
        say(f"... and {len(problems) - _SHOWN_PROBLEMS:,} more.", quiet=quiet)


def print_line(text: str = "") -> None:
    """Print a line of a command's data on stdout, for people."""
    output.print(harmless(text), markup=False)


def print_json(document: dict[str, Any]) -> None:
    """Print the one JSON document of a command on stdout."""
    sys.stdout.write(json.dumps({"schema": 1, **document}, allow_nan=False) + "\n")


def print_error(message: str, hint: str, *, as_json: bool) -> None:
    """Print an error: what, where, what was expected, and what to do."""
    if as_json:
        sys.stderr.write(json.dumps({"error": message, "hint": hint}) + "\n")
        return
    messages.print(f"[bold red]Error:[/] {escape(harmless(message))}")
    if hint:
        messages.print(escape(harmless(hint)))


def harmless(text: str) -> str:
    """Return a text without what steers a terminal, which names in a stranger's results may hold."""
    return "".join(
        repr(letter)[1:-1] if category(letter) == "Cc" and letter not in "\n\t" else letter for letter in text
    )
