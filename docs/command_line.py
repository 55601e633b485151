"""What docs/reference/cli.md says of every command, written from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lnbench_cli.commands import COMMANDS, load
from lnbench_cli.main import app
from replication import markdown_table
from typer.main import get_command

_HEAD = ["option", "meaning", "variable, default, range"]


def commands() -> str:
    """Return the list of commands and a section for each, those of a group below it."""
    rows = [[f"[`lnbench {name}`](#lnbench-{name})", entry.help] for name, entry in COMMANDS.items()]
    whole = get_command(app)
    ends = [whole.epilog] if whole.epilog else []
    sections = [text for name in COMMANDS for text in _sections(load(name), f"lnbench {name}", "##")]
    return "\n\n".join([markdown_table(["command", "what it does"], rows), *ends, *sections])


def _sections(command: Any, path: str, marks: str) -> Iterator[str]:
    context = command.context_class(command, info_name=path)
    parts = [f"{marks} {path}", _text(command.help)]
    inner = getattr(command, "commands", {})
    if not inner:
        parts.append(f"    {' '.join(context.get_usage().removeprefix('Usage:').split())}")
    if command.epilog:
        parts.append(f"{command.epilog.replace('Example: ', 'Example: `', 1)}`")
    records = [
        record
        for parameter in command.params
        if not parameter.hidden and (record := parameter.get_help_record(context))
    ]
    if records:
        parts.append(markdown_table(_HEAD, list(map(_row, records))))
    yield "\n\n".join(parts)
    for name, one in inner.items():
        yield from _sections(one, f"{path} {name}", f"{marks}#")


def _row(record: tuple[str, str]) -> list[str]:
    """Divide what an option's help says from its default, environment variable and range in brackets."""
    name, text = record
    said, bracket, extra = text.rpartition("  [") if text.endswith("]") else (text, "", "")
    remarks = [_remark(part) for part in extra.removesuffix("]").split("; ")] if bracket else []
    return [f"`{re.sub(' <.*>$', '', name)}`", _escaped(said), ", ".join(remarks)]


def _remark(part: str) -> str:
    """Return a default without its word, a variable and a value as code, a range in words."""
    label, _, value = part.partition(": ")
    if label == "default" and value.startswith("("):
        return _escaped(value.removeprefix("(").removesuffix(")"))
    if label in ("default", "env var"):
        return f"`{value}`"
    return re.sub(r"^x>=", "at least ", re.sub(r"^(\S+)<=x<=(\S+)$", r"\1 to \2", part))


def _escaped(text: str) -> str:
    """Return plain text in which Markdown finds no marks."""
    return re.sub(r"([*<])", r"\\\1", text)


def _text(help_text: str | None) -> str:
    """Return a docstring's paragraphs, without the marks that keep line breaks on a terminal."""
    return (help_text or "").replace("\b\n", "").strip()
