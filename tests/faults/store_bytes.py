"""What must come out bit for bit, and what a look at a store after a fault must show."""

from __future__ import annotations

from pathlib import Path

from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.gc import collect
from robustbench_ln.store.store import Store
from robustbench_ln.store.verify import verify

Bytes = dict[str, bytes]


def cells_of(folder: Path) -> Bytes:
    """Return the bytes of all cells of a folder's `results` that do not depend on the time."""
    return _bytes(folder, "cells/[!.]*/record.json", "cells/[!.]*/arrays.npz")


def trained_in(folder: Path) -> Bytes:
    """Return the same of all networks."""
    return _bytes(folder, "models/[!.]*/weights.safetensors", "models/[!.]*/scales.csv")


def _bytes(folder: Path, *patterns: str) -> Bytes:
    root = folder / "results"
    paths = [path for pattern in patterns for path in root.glob(pattern)]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def check_whole(root: Path) -> int:
    """Make sure that readers see whole things alone; return how many leftovers they do not see."""
    found = verify(root)
    assert found.wrong == []
    store = Store(root)
    table, problems = read_rows(store)
    assert problems == []
    assert store.readable_models()[1] == []
    assert set(table["cell"]) == store.cell_ids()
    assert not any(name.startswith(".") for names in store.names().values() for name in names)
    return len(collect(root, older_than=0, dry_run=True).removed)


def check_tidy(root: Path) -> None:
    """Let `gc` remove the leftovers; make sure that it removed them all and nothing else."""
    before = {path for path in root.rglob("*") if not _hidden(path, root)}
    collect(root, older_than=0, trainings=True)
    assert set(root.rglob("*")) == before
    assert verify(root).wrong == []


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
