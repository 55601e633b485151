"""Registries of norms and noises, and how the user's own get into them and are found by name.

They come from entry points, whose names are read without importing their packages, or from the modules that
LNBENCH_PLUGINS names. Their full name is NAME@VERSION, so that results of two versions are told apart
wherever a norm or noise has a name. Importing this file does not import torch.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.user_code import VARIABLE, load_code, named_code, reason

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["norm", "noise"]
GROUPS: dict[Kind, str] = {"norm": "robustbench_ln.norms", "noise": "robustbench_ln.noises"}
_HINT = f"One of your own: {VARIABLE}=FILE.py, see docs/how-to/extend.md."


class Named(Protocol):
    """A norm or noise of a registry."""

    @property
    def name(self) -> str:
        """Its name, with its version where it is the user's."""

    @property
    def origin(self) -> str:
        """Where the user's code is; empty for a built-in one."""


Entry = TypeVar("Entry", bound=Named)


@dataclass(frozen=True)
class Offered:
    """A norm or noise that an installed package offers.

    Attributes:
        kind: "norm" or "noise".
        name: as on the command line.
        package: the distribution.
    """

    kind: Kind
    name: str
    package: str


def bare(name: str) -> str:
    """Return a name without its version.

    >>> bare("stripes@3f9a1c2b")
    'stripes'
    """
    return name.partition("@")[0]


class Registry(dict[str, Entry]):
    """The norms or the noises by name: the built-in ones, and the user's as they are loaded.

    Args:
        kind: "norm" or "noise".
        entries: the built-in ones.
    """

    def __init__(self, kind: Kind, entries: Iterable[Entry]) -> None:
        super().__init__((entry.name, entry) for entry in entries)
        self._kind = kind

    def admit(self, entry: Entry) -> None:
        """Put one of the user's in; the same file's own of that name is replaced.

        Raises:
            LnbenchError: a name that is taken or of other characters.
        """
        kind, name = self._kind, entry.name.rpartition("@")[0]
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name) or name.startswith("corrupted-"):
            raise LnbenchError(
                f"The {kind} '{name}' of {entry.origin} has no name that commands can take.",
                "Use at most 40 small letters, digits and -, a letter first, and not 'corrupted-'.",
            )
        for known in [one for one in self if bare(one) == name]:
            other = self[known]
            if not other.origin:
                raise LnbenchError(
                    f"The {kind} '{name}' of {entry.origin} has the name of the built-in {kind} '{name}'.",
                    "Give yours another name: a built-in one cannot be replaced.",
                )
            if other.origin != entry.origin:
                raise LnbenchError(
                    f"Both {other.origin} and {entry.origin} register a {kind} '{name}'.",
                    "Rename one of them.",
                )
            del self[known]
        self[entry.name] = entry

    def look_up(self, name: str) -> Entry:
        """Return the one of a name, with its version or without, loading the user's code for it.

        Returns:
            Where the name has a version, that one or the one that there is: the caller tells them apart by
            name.

        Raises:
            UnknownNameError: none has the name.
            LnbenchError: code that cannot be loaded.
        """
        if name in self:
            return self[name]
        loads: tuple[Callable[[], None], ...] = (
            lambda: None,
            partial(self._load_offered, bare(name)),
            load_named,
        )
        for load in loads:
            load()
            for known, entry in self.items():
                if entry.origin and bare(known) == bare(name):
                    return entry
        raise UnknownNameError(self._kind, name, {*self, *_offers(self._kind)}, _HINT)

    def offered(self) -> tuple[list[Offered], list[str]]:
        """Return what installed packages offer, without importing them, and what is wrong with it."""
        kind = self._kind
        found: list[Offered] = []
        problems: list[str] = []
        for name, points in _offers(kind).items():
            found.extend(Offered(kind, name, _package(point)) for point in points)
            packages = " and ".join(f"'{_package(point)}'" for point in points)
            if name in self and not self[name].origin:
                problems.append(
                    f"The {kind} '{name}' of package {packages} has the name of the built-in {kind} "
                    f"'{name}', which is used in its place."
                )
            elif len(points) > 1:
                problems.append(f"Both packages {packages} offer a {kind} '{name}': neither can be used.")
        return found, problems

    def _load_offered(self, name: str) -> None:
        """Import what an installed package offers of a name; what it imports registers itself."""
        points = _offers(self._kind).get(name, [])
        packages = [f"'{_package(point)}'" for point in points]
        if len(points) > 1:
            raise LnbenchError(
                f"Packages {' and '.join(packages)} both offer a {self._kind} '{name}'.",
                "Uninstall one of them.",
            )
        for point in points:
            self._import_offered(point)

    def _import_offered(self, point: EntryPoint) -> None:
        failure = _failure_of(point)
        what = f"The {self._kind} '{point.name}' of package '{_package(point)}'"
        if failure:
            raise LnbenchError(
                f"{what} cannot be loaded: {failure}.",
                f"Mend that package, or: pip uninstall {_package(point)}",
            )
        if not any(bare(known) == point.name for known in self):
            raise LnbenchError(
                f"{what} is not registered by '{point.value}'.",
                f"Decorate it there with @register_{self._kind}('{point.name}').",
            )


def other_version(kind: str, asked: str, there: str, origin: str) -> LnbenchError:
    """Return the error of code that has changed since something was made with it."""
    return LnbenchError(
        f"This needs {kind} '{asked}', but {origin} has '{there}'.",
        "Bring that version of the code back, or train and measure again with this one.",
    )


def load_named() -> None:
    """Load the code that LNBENCH_PLUGINS names; it registers itself.

    Raises:
        LnbenchError: code that cannot be loaded.
    """
    for code in named_code():
        load_code(code)


@cache
def _offers(kind: Kind) -> dict[str, list[EntryPoint]]:
    by_name: dict[str, list[EntryPoint]] = {}
    if not _any_offers():
        return by_name
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUPS[kind]):
        by_name.setdefault(point.name, []).append(point)
    return by_name


@cache
def _any_offers() -> bool:
    """Return whether any package has such entry points, by a look at files: the import takes long."""
    files = (
        file
        for folder in dict.fromkeys(sys.path)
        for kind in ("dist-info", "egg-info")
        for file in Path(folder or ".").glob(f"*.{kind}/entry_points.txt")
    )
    return any(b"[robustbench_ln." in file.read_bytes() for file in files)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


@cache
def _failure_of(point: EntryPoint) -> str:
    try:
        point.load()
    except (Exception, SystemExit) as error:
        return reason(error)
    return ""
