"""Write once, look up by name. The layout is described in docs/reference/store.md.

models/<model_id>/   model.json (card), weights.safetensors, history.csv
cells/<cell_id>/     record.json (identity and integer counts), arrays.npz, how.json
runs/<run_id>.json   one invocation
failures/<cell_id>.<run_id>.json
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import canonical_json
from robustbench_ln.publish import check_writable, publish_directory, publish_file

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Counts:
    """What one cell measured: integers that add up over shards of a data set.

    Attributes:
        confusion: (classes, classes) int64, [true, predicted].
        predictions: (images,) predicted class of each image in use, by ascending index.
    """

    confusion: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.int64]

    def record(self) -> dict[str, Any]:
        """Return the counts that `record.json` carries."""
        return {
            "images": int(self.confusion.sum()),
            "correct": int(np.trace(self.confusion)),
            "predicted": [int(count) for count in self.confusion.sum(0)],
        }


@dataclass(frozen=True)
class StoredModel:
    """A trained network in the store.

    Attributes:
        id: `<label>.<recipe>.<weights>`.
        folder: its directory.
        card: the content of model.json.
    """

    id: str
    folder: Path
    card: dict[str, Any]

    @property
    def weights(self) -> Path:
        """The weights, in safetensors' format."""
        return self.folder / "weights.safetensors"


class Store:
    """A results folder.

    Args:
        root: the folder; it need not exist to be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def report(self) -> Path:
        """Where the report goes unless told otherwise."""
        return self.root / "report.html"

    def check_writable(self) -> None:
        """Make sure, before any work, that results can be written.

        Raises:
            LnbenchError: the folder cannot be made or written.
        """
        check_writable(self.root, "Choose another folder with --results DIR or LNBENCH_RESULTS.")

    # Models

    def models(self) -> list[StoredModel]:
        """Return all trained networks, by name.

        Raises:
            LnbenchError: a card that cannot be read.
        """
        return [self._model(folder) for folder in _published(self.root / "models")]

    def find_recipe(self, recipe_id: str) -> StoredModel | None:
        """Return a network trained by a recipe, the first by name where there are several."""
        found = [
            folder
            for folder in _published(self.root / "models")
            if folder.name.split(".")[-2:-1] == [recipe_id]
        ]
        return self._model(found[0]) if found else None

    def find_model(self, name: str) -> StoredModel:
        """Return the one network of a name, or of a name's first parts.

        Raises:
            LnbenchError: no network, or several.
        """
        models = _published(self.root / "models")
        found = [folder for folder in models if folder.name == name or folder.name.startswith(f"{name}.")]
        if len(found) != 1:
            names = ", ".join(folder.name for folder in (found or models)[:20])
            what = f"matches {len(found)} models" if found else "is no model"
            raise LnbenchError(f"'{name}' {what} in '{self.root}'.", f"Models: {names or 'none'}.")
        return self._model(found[0])

    def training_folder(self, recipe_id: str) -> Path:
        """Return where an unfinished training keeps its state, invisible to readers."""
        return self.root / "models" / f".training-{recipe_id}"

    def publish_model(self, model_id: str, write: Callable[[Path], None]) -> StoredModel:
        """Publish a trained network whole; an equal one that is there already is kept."""
        folder = self.root / "models" / model_id
        publish_directory(folder, write)
        return self._model(folder)

    def _model(self, folder: Path) -> StoredModel:
        path = folder / "model.json"
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            if card["schema"] > SCHEMA_VERSION:
                raise LnbenchError(f"'{path}' was written by a newer lnbench.", "Update lnbench to read it.")
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, LnbenchError):
                raise
            raise LnbenchError(
                f"Model card '{path}' cannot be read: {error}.", f"Remove '{folder}'."
            ) from error
        return StoredModel(folder.name, folder, card)

    # Cells

    def cell_ids(self) -> set[str]:
        """Return the names of all finished cells."""
        return {folder.name for folder in _published(self.root / "cells")}

    def publish_cell(
        self, cell_id: str, identity: Mapping[str, Any], counts: Counts, how: Mapping[str, Any]
    ) -> bool:
        """Publish a finished cell; False when it was there already."""
        dtype = np.uint16 if len(counts.confusion) <= 2**16 else np.uint32
        arrays = io.BytesIO()
        np.savez_compressed(arrays, confusion=counts.confusion, predictions=counts.predictions.astype(dtype))
        record = {"schema": SCHEMA_VERSION, "identity": identity, "counts": counts.record()}

        def write(folder: Path) -> None:
            (folder / "record.json").write_text(canonical_json(record), encoding="utf-8")
            (folder / "arrays.npz").write_bytes(arrays.getvalue())
            (folder / "how.json").write_text(canonical_json(how), encoding="utf-8")

        return publish_directory(self.root / "cells" / cell_id, write)

    def counts(self, cell_id: str) -> Counts:
        """Read a cell's arrays.

        Raises:
            LnbenchError: they are missing or broken.
        """
        path = self.root / "cells" / cell_id / "arrays.npz"
        try:
            # numpy.load leaves a broken archive open when it opened the file itself.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return Counts(arrays["confusion"].astype(np.int64), arrays["predictions"].astype(np.int64))
        except Exception as error:
            # A broken archive raises from zipfile, zlib or numpy, each its own kinds.
            raise LnbenchError(
                f"'{path}' cannot be read: {error}.", "Remove the cell's folder and run again."
            ) from error

    # Runs and failures

    def publish_run(self, run_id: str, record: Mapping[str, Any]) -> None:
        """Write what is known of one invocation."""
        publish_file(self.root / "runs" / f"{run_id}.json", canonical_json(record).encode())

    def publish_failure(self, cell_id: str, run_id: str, record: Mapping[str, Any]) -> None:
        """Write why a cell could not be measured."""
        publish_file(self.root / "failures" / f"{cell_id}.{run_id}.json", canonical_json(record).encode())

    def run_records(self) -> dict[str, dict[str, Any]]:
        """Return all invocations by run id, oldest first; unreadable ones are left out."""
        return _json_files(self.root / "runs")

    def failure_records(self) -> dict[str, dict[str, Any]]:
        """Return the failures of cells that have not been measured since, by `<cell_id>.<run_id>`."""
        done = self.cell_ids()
        failures = _json_files(self.root / "failures")
        return {name: record for name, record in failures.items() if name.rpartition(".")[0] not in done}


def _published(folder: Path) -> list[Path]:
    """Return the published directories in a folder, sorted; hidden ones are unfinished."""
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _json_files(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob("[!.]*.json")) if folder.is_dir() else []:
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # a foreign or broken file is no record of ours
    return found
