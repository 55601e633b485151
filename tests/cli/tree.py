"""Every command and subcommand, as its words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lnbench_cli.commands import COMMANDS, load


def _paths() -> Iterator[tuple[str, ...]]:
    for name in COMMANDS:
        inner = getattr(load(name), "commands", None)
        yield from [(name, sub) for sub in inner] if inner else [(name,)]


PATHS = list(_paths())


def command_of(path: tuple[str, ...]) -> Any:
    """Return the command of some words, as click knows it."""
    command: Any = load(path[0])
    return command.commands[path[1]] if len(path) > 1 else command
