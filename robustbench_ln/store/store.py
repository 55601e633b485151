"""Write once, look up by name. The layout is described in docs/reference/store.md.

models/<model_id>/   model.json (card), weights.safetensors, history.csv, scales.csv
cells/<cell_id>/     record.json (identity and integer counts), arrays.npz, how.json
runs/<run_id>.json   one invocation
failures/<cell_id>.<run_id>.json
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robustbench_ln.calibration import Calibration
from robustbench_ln.errors import LnbenchError, NewerVersionError
from robustbench_ln.identity import json_bytes, parse_json
from robustbench_ln.publish import check_writable, publish_directory, publish_file
from robustbench_ln.store.columns import flatten
from robustbench_ln.store.files import MOST_ARRAYS, as_counts, check_inflated, read_own
from robustbench_ln.store.results import Log, Results, choose_names
from robustbench_ln.store.stored import SCHEMA_VERSION, Counts, StoredModel, check_card, known_how

_OWN_FOLDERS = "Remove the link. To keep results elsewhere, name that folder with --results DIR."


class Store(Results):
    """A results folder.

    Args:
        root: the folder; it need not exist to be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def report(self) -> Path:
        """Where the report goes unless told otherwise."""
        return self.page("report.html")

    def page(self, name: str) -> Path:
        """Return a file of this name in the folder."""
        return self._own(self.root / name, "Name the page itself with --out FILE, or remove the link.")

    @property
    def table(self) -> Path:
        """Where the report writes the table of `load_results`."""
        return self.root / "results.csv"

    def check_writable(self) -> None:
        """Make sure, before any work, that results can be written.

        Raises:
            LnbenchError: the folder cannot be made or written.
        """
        check_writable(self.root, "Choose another folder with --results DIR or LNBENCH_RESULTS.")

    # Models

    def model_ids(self) -> list[str]:
        """Return the names of all trained networks, sorted."""
        return _names(self.root / "models")

    def model(self, model_id: str) -> StoredModel:
        """Return a trained network.

        Raises:
            LnbenchError: its card cannot be read.
        """
        return self._model(self.root / "models" / model_id)

    def log(self, model_id: str, name: Log) -> str | None:
        """Return the text of a network's history.csv or scales.csv; None where it has none.

        Raises:
            LnbenchError: it cannot be read.
        """
        path = self.root / "models" / model_id / f"{name}.csv"
        try:
            # Line ends as they are, so that a copy has the same bytes.
            return read_own(path, self.root).decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise LnbenchError(f"'{path}' cannot be read: {error}.", "Remove it, or mend it.") from error

    def find_recipe(self, recipe_id: str) -> StoredModel | None:
        """Return a network trained by a recipe, rather one with weights, and of several the first by name."""
        found = [self.model(name) for name in self.model_ids() if name.split(".")[-2:-1] == [recipe_id]]
        return min(found, key=lambda model: (not model.has_weights, model.id), default=None)

    def find_model(self, pattern: str) -> StoredModel:
        """Return the one network whose name matches a pattern, see `choose_names`.

        Raises:
            LnbenchError: no network, or several.
        """
        found = choose_names(self.model_ids(), [pattern], self.root)
        if len(found) > 1:
            raise LnbenchError(
                f"{len(found)} models in '{self.root}' match '{pattern}'.",
                f"Name one: {', '.join(found[:20])}.",
            )
        return self.model(found[0])

    def training_folder(self, recipe_id: str) -> Path:
        """Return where an unfinished training keeps its state, invisible to readers.

        Raises:
            LnbenchError: a link stands there or on the way, which leads out of the folder.
        """
        self._own(self.root / "models")
        return self._own(self.root / "models" / f".training-{recipe_id}")

    def publish_model(self, model_id: str, write: Callable[[Path], None]) -> StoredModel:
        """Publish a trained network whole; an equal one that is there already is kept.

        Args:
            model_id: its name.
            write: fills the folder that it is given.

        Raises:
            LnbenchError: a name that the store refuses, a link in the way, or a card that cannot be read.
            OSError: it cannot be written.
        """
        folder = self._entry("models", model_id)
        publish_directory(folder, write)
        return self._model(folder)

    def add_weights(self, model: StoredModel, weights: Callable[[], bytes]) -> None:
        """Give a network its weights, where it came without them, from packed results.

        Args:
            model: of this store.
            weights: called for the content of weights.safetensors where the network has none.

        Raises:
            LnbenchError: a link is in the way.
            OSError: they cannot be written.
        """
        if not model.has_weights:
            self._entry("models", model.id)
            publish_file(model.weights, weights())

    def _model(self, folder: Path) -> StoredModel:
        path = folder / "model.json"
        try:
            card = parse_json(read_own(path, self.root))
            if card["schema"] > SCHEMA_VERSION:
                raise NewerVersionError(f"'{path}' was written by a newer lnbench.")
            check_card(card)
        except LnbenchError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LnbenchError(
                f"Model card '{path}' cannot be read: {error}.", f"Remove '{folder}'."
            ) from error
        return StoredModel(folder.name, folder, card)

    # Cells

    def cell_ids(self) -> set[str]:
        """Return the names of all finished cells."""
        return set(_names(self.root / "cells"))

    def record(self, cell_id: str) -> dict[str, Any]:
        """Return the content of a cell's record.json.

        Raises:
            NewerVersionError: a newer lnbench wrote it.
            LnbenchError: it is missing or broken.
        """
        return self.flat_record(cell_id)[0]

    def flat_record(self, cell_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a cell's record, and the row that `flatten` makes of it; the errors are `record`'s."""
        # Joined in one go: of thousands of cells, joining takes as long as parsing.
        path = self.root.joinpath("cells", cell_id, "record.json")
        try:
            cell_id.encode()  # as the column of names
            record: dict[str, Any] = parse_json(read_own(path, self.root))
            if record["schema"] > SCHEMA_VERSION:
                raise NewerVersionError(f"'{path}': a newer lnbench wrote it.")
            row = flatten(record)
        except LnbenchError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise LnbenchError(
                f"'{path}': it is not a readable record ({type(error).__name__}: {error}).",
                "Remove the folder to have the cell measured again.",
            ) from error
        return record, row

    def identity(self, cell_id: str) -> dict[str, Any]:
        """Return all that can change a cell's counts; the errors are those of `record`."""
        identity: dict[str, Any] = self.record(cell_id)["identity"]
        return identity

    def how(self, cell_id: str) -> dict[str, Any]:
        """Return the content of a cell's how.json; empty where it is not known."""
        try:
            read = parse_json(read_own(self.root.joinpath("cells", cell_id, "how.json"), self.root))
        except (OSError, ValueError):
            return {}
        return known_how(read)

    def publish_cell(
        self, cell_id: str, identity: Mapping[str, Any], counts: Counts, how: Mapping[str, Any]
    ) -> bool:
        """Publish a finished cell; False when it was there already, which is kept.

        Args:
            cell_id: its name.
            identity: all that can change its counts.
            counts: of its images.
            how: where and when it was measured; no part of the identity.

        Raises:
            LnbenchError: a name that the store refuses, or a link in the way.
            OSError: it cannot be written.
            ValueError: a number that JSON cannot carry.
        """
        archive = _archive(counts)
        record = {"schema": SCHEMA_VERSION, "identity": identity, "counts": counts.record()}

        def write(folder: Path) -> None:
            (folder / "record.json").write_bytes(json_bytes(record))
            (folder / "arrays.npz").write_bytes(archive)
            (folder / "how.json").write_bytes(json_bytes(how))

        return publish_directory(self._entry("cells", cell_id), write)

    def add_predictions(self, cell_id: str, counts: Counts) -> None:
        """Give a cell its predictions, where it came without them, from packed results.

        Args:
            cell_id: a finished cell.
            counts: the same as the cell's, with predictions.

        Raises:
            LnbenchError: a name that the store refuses, or a link in the way.
            OSError: they cannot be written.
        """
        publish_file(self._entry("cells", cell_id) / "arrays.npz", _archive(counts))

    def counts(self, cell_id: str) -> Counts:
        """Read a cell's arrays; predictions are None for a cell that comes from packed results.

        Raises:
            LnbenchError: they are missing or broken.
        """
        path = self.root / "cells" / cell_id / "arrays.npz"
        try:
            content = io.BytesIO(read_own(path, self.root, MOST_ARRAYS))
            with np.load(content, allow_pickle=False) as arrays:
                check_inflated(arrays.zip, MOST_ARRAYS)
                predictions = as_counts(arrays["predictions"]) if "predictions" in arrays else None
                numbers = arrays.get("calibration")
                calibration = None if numbers is None else Calibration.from_numbers(as_counts(numbers))
                return Counts(as_counts(arrays["confusion"]), predictions, calibration)
        except Exception as error:
            # A broken archive raises from zipfile, zlib or numpy, each its own kinds.
            raise LnbenchError(
                f"'{path}' cannot be read: {error}.", "Remove the cell's folder and run again."
            ) from error

    # Runs and failures

    def publish_run(self, run_id: str, record: Mapping[str, Any]) -> None:
        """Write what is known of one invocation, over what was written of it before.

        Raises:
            LnbenchError: a name that the store refuses, or a link in the way.
            OSError: it cannot be written.
            ValueError: a number that JSON cannot carry.
        """
        publish_file(self._entry("runs", f"{run_id}.json"), json_bytes(record))

    def publish_failure(self, cell_id: str, run_id: str, record: Mapping[str, Any]) -> None:
        """Write why a cell could not be measured; the errors are those of `publish_run`."""
        publish_file(self._entry("failures", f"{cell_id}.{run_id}.json"), json_bytes(record))

    def _entry(self, kind: str, name: str) -> Path:
        """Return where something of a name goes.

        Raises:
            LnbenchError: the name, or a link, leads elsewhere; or the name would be hidden, is too long for
                a file, or no text that a file's name can be.
        """
        try:
            length = len(os.fsencode(name))
        except UnicodeEncodeError:
            length = 0
        if name.startswith(".") or {"/", "\\", "\0"} & set(name) or not 0 < length <= _LONGEST:
            shown = name if len(name) < 80 else f"{name[:80]}..."
            raise LnbenchError(f"{shown!r} is no name for something in '{self.root / kind}'.")
        self._own(self.root / kind)
        return self._own(self.root / kind / name)

    def _own(self, path: Path, hint: str = _OWN_FOLDERS) -> Path:
        """Return a path that something is written at, once no link stands there.

        Results come from strangers, too: a link in them must not say where files are written.
        """
        if path.is_symlink():
            raise LnbenchError(f"'{path}' is a link, and nothing is written through a link in results.", hint)
        return path

    def run_records(self) -> dict[str, dict[str, Any]]:
        """Return all invocations by run id, oldest first; unreadable ones are left out."""
        return _json_files(self.root / "runs")

    def all_failures(self) -> dict[str, dict[str, Any]]:
        """Return all failures by `<cell_id>.<run_id>`, also of cells that were measured since."""
        return _json_files(self.root / "failures")

    def names(self) -> dict[str, list[str]]:
        """Return the sorted names of all cells, failures, models and runs, readable or not."""
        return {
            kind: [name.removesuffix(".json") for name in _names(self.root / kind)]
            for kind in ("cells", "failures", "models", "runs")
        }


#: Bytes of a name: files have 255, of which a hidden name takes some.
_LONGEST = 200


def _archive(counts: Counts) -> bytes:
    """Return the content of a cell's arrays.npz."""
    arrays = {"confusion": counts.confusion}
    if counts.predictions is not None:
        dtype = np.uint16 if len(counts.confusion) <= 2**16 else np.uint32
        arrays["predictions"] = counts.predictions.astype(dtype)
    if counts.calibration is not None:
        arrays["calibration"] = np.array(counts.calibration.numbers(), np.int64)
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **arrays)
    return archive.getvalue()


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write a network's model.json."""
    (folder / "model.json").write_text(json.dumps(card, indent=1, sort_keys=True), encoding="utf-8")


def _names(folder: Path) -> list[str]:
    """Return the names of a folder's published entries, sorted; hidden ones are unfinished."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith("."))


def _json_files(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob("[!.]*.json")) if folder.is_dir() else []:
        try:
            found[path.stem] = parse_json(read_own(path, folder))
        except (OSError, ValueError):
            continue  # a foreign or broken file is no record of ours
    return found
