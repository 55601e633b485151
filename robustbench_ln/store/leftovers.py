"""What killed processes leave in a results folder or among decoded images: hidden, and read by nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: `half` is something that was being written, or a link in the place of a training's folder; `state` an
#: unfinished training's state, with which a later training goes on; `remains` such a folder that none goes on
#: with.
Kind = Literal["half", "state", "remains"]
_TRAINING = ".training-"
#: As `robustbench_ln.publish` names what it writes, until it is whole.
_HALF = re.compile(r"\..+\.[0-9a-f]{32}", re.DOTALL)


@dataclass(frozen=True)
class Leftover:
    """A hidden file or folder.

    Attributes:
        path: where it is.
        kind: what it is.
        size: bytes of all its files.
        changed: when it, or a file in it, was last written, in seconds since 1970.
    """

    path: Path
    kind: Kind
    size: int
    changed: float


def find_leftovers(root: Path) -> list[Leftover]:
    """Return what killed processes, or processes that still run, have left in a results folder, by path.

    Nothing published and no foreign file is among it.
    """
    models = list(_entries(root / "models"))
    named = [folder for folder in models if folder.name.startswith(_TRAINING)]
    links = [folder for folder in named if folder.is_symlink()]
    trainings = [folder for folder in named if folder.is_dir() and folder not in links]
    published = [folder for folder in models if not folder.name.startswith(".")]
    written_into = (root, *(root / kind for kind in ("cells", "failures", "models", "runs")))
    found = [one for folder in (*written_into, *published, *trainings) for one in find_half(folder)]
    found += [_leftover(link, "half") for link in links]
    trained = {
        folder.name.split(".")[-2]
        for folder in published
        if folder.name.count(".") > 1 and (folder / "weights.safetensors").is_file()
    }
    for folder in trainings:
        goes_on = (folder / "state.pt").is_file() and folder.name.removeprefix(_TRAINING) not in trained
        found.append(_leftover(folder, "state" if goes_on else "remains"))
    return sorted(found, key=lambda leftover: leftover.path)


def find_half(folder: Path) -> list[Leftover]:
    """Return what was being written right into a folder, by path; nothing where there is no such folder."""
    paths = sorted(path for path in _entries(folder) if _HALF.fullmatch(path.name))
    return [_leftover(path, "half") for path in paths]


def _entries(folder: Path) -> Iterator[Path]:
    # A link leads out of the store.
    if folder.is_dir() and not folder.is_symlink():
        yield from folder.iterdir()


def _leftover(path: Path, kind: Kind) -> Leftover:
    """Return a leftover; what another process removes meanwhile counts nothing."""
    files = [path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else ())]
    sizes, times = [0], [0.0]
    for file in files:
        try:
            known = file.lstat()
        except FileNotFoundError:
            continue
        sizes.append(0 if file.is_dir() and not file.is_symlink() else known.st_size)
        times.append(known.st_mtime)
    return Leftover(path, kind, sum(sizes), max(times))
