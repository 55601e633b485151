"""What docs/reference/python.md says of each public name, written from its signature and docstring."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import robustbench_ln

_SECTION = re.compile(r"^(Args|Attributes|Example|Raises|Returns|Shape|Source|Warns):\n", re.MULTILINE)
_LISTS = ("Args", "Attributes", "Raises", "Warns")
_WIDTH = 100
_SYMBOLS = {
    **{rf"\{name}": chr(letter) for name, letter in (("gamma", 947), ("beta", 946), ("mu", 956))},
    **{rf"\{name}": chr(letter) for name, letter in (("sigma", 963), ("epsilon", 949), ("sum", 931))},
    "^2": "²",
}


def api() -> str:
    """Return a section for each public name."""
    return "\n\n".join(
        "\n\n".join([f"## {name}", _signature(name), *_described(inspect.getdoc(_named(name)) or "")])
        for name in robustbench_ln.__all__
    )


def _named(name: str) -> Any:
    return getattr(robustbench_ln, name)


def _signature(name: str) -> str:
    """Return how a name is called, on one line where it fits."""
    signature = inspect.signature(_named(name))
    parts, star = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        text = f"{'**' if parameter.kind is parameter.VAR_KEYWORD else ''}{parameter.name}"
        if parameter.annotation is not parameter.empty:
            text += f": {parameter.annotation}"
        if parameter.default is not parameter.empty:
            text += f" = {parameter.default!r}"
        parts.append(text)
    is_class = inspect.isclass(_named(name))
    before = f"{'class ' if is_class else ''}{name}("
    after = ")" if is_class else f") -> {signature.return_annotation}"
    line = f"{before}{', '.join(parts)}{after}"
    if len(line) > _WIDTH:
        line = "\n".join([before, *(f"    {part}," for part in parts), after])
    return f"```python\n{line}\n```"


def _described(docstring: str) -> Iterator[str]:
    """Yield a docstring of the Google convention as Markdown."""
    summary, *sections = _SECTION.split(docstring)
    yield re.sub(
        r"^\.\. math:: (.*)$", lambda match: f"    {_formula(match[1])}", summary.strip(), flags=re.MULTILINE
    )
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        text = textwrap.dedent(body).strip()
        yield f"**{title}**"
        if title == "Example":
            yield f"```pycon\n{text}\n```"
        elif title in _LISTS:
            yield "\n".join(_entry(entry) for entry in re.split(r"\n(?! )", text))
        else:
            yield text


def _entry(text: str) -> str:
    """Return an entry `names: what it is` of a list."""
    names, _, said = " ".join(text.split()).partition(": ")
    return f"- {', '.join(f'`{name}`' for name in names.split(', '))}: {said}"


def _formula(latex: str) -> str:
    """Return a formula in letters, readable without anything that typesets it."""
    text = re.sub(r"\\sqrt\{([^{}]*)\}", r"√(\1)", latex)
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1) / \2", text)
    for name, letter in _SYMBOLS.items():
        text = text.replace(name, letter)
    return text
