"""A YAML file as plain values, where every value knows its line and every mistake is a sentence.

Stricter than YAML: keys are text, aliases, dates and repeated keys are refused, and nothing is built but
text, numbers, truth values, lists and mappings.
"""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from robustbench_ln.errors import LnbenchError

Location = tuple[Any, ...]
_MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_KINDS = ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")


#: PyYAML without libyaml takes seven times as long.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """YAML 1.1 with the numbers of YAML 1.2: 1e-3 is one, and 1:30 and 0_1 are texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("int", "float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"),
    list("-+.0123456789"),
)


class YamlFile:
    """A file that was read.

    Args:
        path: the file.

    Attributes:
        path: the file.
        value: what it holds.

    Raises:
        LnbenchError: unreadable, not YAML, or holding what is refused; with the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = self._compose()
        self._seen: set[int] = set()
        self._constructor = SafeConstructor()
        self.value = self._plain(self._root)

    def error(self, location: Location, message: str, hint: str = "") -> LnbenchError:
        """Return an error that points at the line of a location, as far as the file has it."""
        return self._error_at(self.line(location), message, hint)

    def _compose(self) -> yaml.Node:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise LnbenchError(f"Cannot read '{self.path}': {error.strerror}.") from error
        if len(content) > _MAX_BYTES:
            raise LnbenchError(
                f"'{self.path}' has {len(content):,} bytes.", f"At most {_MAX_BYTES:,} are read."
            )
        try:
            text = content.decode("utf-8")
            self._check_depth(text)
            root = yaml.compose(text, Loader=_Loader)
        except UnicodeDecodeError as error:
            raise LnbenchError(f"'{self.path}' is not a UTF-8 text: {error.reason}.") from error
        except yaml.YAMLError as found:
            mistake = _plain_error(text) or found
            mark = getattr(mistake, "problem_mark", None)
            problem = getattr(mistake, "problem", None) or str(mistake).splitlines()[0]
            line = int(mark.line) + 1 if mark else 1
            raise self._error_at(line, f"not YAML: {problem}.", "Mend that line.") from mistake
        if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
            raise self._error_at(1, "the file is empty.")
        return root

    def _check_depth(self, text: str) -> None:
        """Make sure that composing, which calls itself for each level in C, does not run out of stack."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise self._error_at(line, f"nested more than {_MAX_DEPTH} levels deep.")

    def _plain(self, node: yaml.Node) -> Any:
        line = _line_of(node)
        if id(node) in self._seen:
            raise self._error_at(line, "an alias points here.", "Write the values out.")
        self._seen.add(id(node))
        prefix, _, kind = node.tag.rpartition(":")
        if prefix != "tag:yaml.org,2002" or kind not in _KINDS:
            raise self._error_at(
                line, f"not YAML that is read here: {node.tag}.", "Write a text or a number."
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item) for item in node.value]
        try:
            # A date stays the text that it is.
            return (
                node.value
                if kind in ("str", "timestamp")
                else self._constructor.construct_object(_scalar(node))
            )
        except (ValueError, LookupError, AttributeError, ArithmeticError) as error:
            shown = node.value if len(node.value) < 40 else f"{node.value[:40]}..."
            raise self._error_at(line, f"'{shown}' is not a value of type {kind}.") from error

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error_at(_line_of(key), "a key must be a text.")
            if key.value in values:
                raise self._error_at(
                    _line_of(key), f"the key '{key.value}' stands here a second time.", "Keep one of them."
                )
            values[key.value] = self._plain(value)
        return values

    def line(self, location: Location) -> int:
        """Return the line of a location, or of the innermost part of it that the file has."""
        node, line = self._root, _line_of(self._root)
        for part in location:
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == part), None)
                if pair is None:
                    return line
                line, node = _line_of(pair[0]), pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = _line_of(node)
            else:
                return line
        return line

    def _error_at(self, line: int, message: str, hint: str = "") -> LnbenchError:
        return LnbenchError(f"{self.path}:{line}: {message}", hint)


def _line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: yaml.Node) -> yaml.ScalarNode:
    """Return a fresh node, since the constructor keeps what it has built."""
    return yaml.ScalarNode(node.tag, node.value, node.start_mark, node.end_mark)


def _plain_error(text: str) -> yaml.YAMLError | None:
    """Return what Python's own parser finds wrong, which names a nearer line than libyaml."""
    try:
        deque(yaml.parse(text, Loader=yaml.SafeLoader), maxlen=0)
    except yaml.YAMLError as error:
        return error
    except (ValueError, OverflowError):
        return None  # an escape that names no character
    return None
