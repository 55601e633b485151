"""Results in one file, to be read: records and counts without predictions and weights.

The file is a zip archive of NumPy arrays (.npz); docs/reference/store.md describes it. Nothing in it is
ever executed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.calibration import NOTHING, Calibration
from robustbench_ln.errors import LnbenchError, NewerVersionError
from robustbench_ln.identity import parse_json
from robustbench_ln.store.factored import Factored
from robustbench_ln.store.files import MOST_ARRAYS, MOST_DOCUMENTS, MOST_PACKED, check_inflated
from robustbench_ln.store.results import Log, Results
from robustbench_ln.store.stored import SCHEMA_VERSION, Counts, StoredModel, check_card, known_how

#: What the header calls the format.
FORMAT = "lnbench results"
_MENDING = "Pack the results again: lnbench results pack --results DIR --out FILE"


class PackedStore(Results):
    """Packed results: one file, to be read only.

    Args:
        root: the file.

    Raises:
        NewerVersionError: a newer lnbench wrote it.
        LnbenchError: it is not a file of packed results, or is damaged.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        header = self._json("header")
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise self._damaged("it has no header of lnbench's")
        if not isinstance(header.get("schema"), int):
            raise self._damaged("its header names no schema")
        if header["schema"] > SCHEMA_VERSION:
            raise NewerVersionError(f"'{root}' was written by a newer lnbench.")
        self._schema: int = header["schema"]

    @property
    def report(self) -> Path:
        """Where the report goes unless told otherwise: beside the file."""
        if self.root.suffix == ".html":
            return self.root.with_name(f"{self.root.name}.html")
        return self.root.with_suffix(".html")

    def page(self, name: str) -> Path:
        """Return a file beside this one, its name before the page's."""
        return self.root.with_name(f"{self.root.stem}-{name}")

    @property
    def table(self) -> None:
        """Nothing: whoever has the file has the table from `load_results`."""
        return

    # Models

    def model_ids(self) -> list[str]:
        """Return the names of all trained networks, sorted."""
        return sorted(self._documents["models"])

    def model(self, model_id: str) -> StoredModel:
        """Return a trained network, whose weights cannot be had.

        Raises:
            LnbenchError: there is none of that name, or its card is damaged.
        """
        card = self._packed_model(model_id)["card"]
        try:
            check_card(card)
        except ValueError as error:
            raise self._damaged(f"the card of '{model_id}' cannot be read: {error}") from error
        model = StoredModel(model_id, None, card)
        run = self._documents["runs"].get(model.run_id)
        return replace(model, command=run.get("command")) if isinstance(run, dict) else model

    def log(self, model_id: str, name: Log) -> str | None:
        """Return the text of a network's history.csv or scales.csv; None where it has none."""
        log = self._packed_model(model_id).get(name)
        if log is None:
            return None
        # Of JSON a text need not be one that a file can hold.
        if not isinstance(log, str) or not log.isascii():
            raise self._damaged(f"the {name} of '{model_id}' is no table")
        return log

    # Cells

    def cell_ids(self) -> set[str]:
        """Return the names of all cells."""
        return set(self.cells)

    @cached_property
    def cells(self) -> list[str]:
        """The names of all cells, sorted: the order of `identities` and `totals`."""
        names = self._json("cells")
        if not isinstance(names, list) or not all(isinstance(name, str) and _is_utf8(name) for name in names):
            raise self._damaged("its cells have no names")
        if len(set(names)) < len(names):
            raise self._damaged("two of its cells have one name")
        return names

    @cached_property
    def identities(self) -> Factored:
        """The identities of all cells."""
        return self._factored("identities", "identity_codes")

    def record(self, cell_id: str) -> dict[str, Any]:
        """Return a cell's schema, identity and integer counts, with the bytes of its record.json.

        Raises:
            LnbenchError: there is no such cell, or the file is damaged.
        """
        number = self._number(cell_id)
        return self._rests.document(number) | {
            "identity": self.identities.document(number),
            "counts": self.counts(cell_id).record(),
        }

    def identity(self, cell_id: str) -> dict[str, Any]:
        """Return all that can change a cell's counts; the errors are those of `record`."""
        return self.identities.document(self._number(cell_id))

    def how(self, cell_id: str) -> dict[str, Any]:
        """Return how a cell was measured; empty where it is not known."""
        return known_how(self._hows.document(self._number(cell_id)))

    def counts(self, cell_id: str) -> Counts:
        """Return a cell's counts; predictions are None, since they are not packed.

        Raises:
            LnbenchError: there is no such cell, or the file is damaged.
        """
        number = self._number(cell_id)
        confusions = self._confusions[int(self._classes[number])]
        calibration = Calibration.from_numbers(self.calibrations[number])
        return Counts(confusions[self._places[number]].astype(np.int64), None, calibration)

    def totals(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
        """Return images (cells,), correct (cells,) and predictions by class, (classes,) for each cell."""
        images, correct = np.zeros(len(self.cells), np.int64), np.zeros(len(self.cells), np.int64)
        predicted: list[npt.NDArray[np.int64]] = [images] * len(self.cells)
        for classes, confusions in self._confusions.items():
            numbers = np.flatnonzero(self._classes == classes)
            by_class = confusions.sum(1, dtype=np.int64)
            images[numbers] = by_class.sum(1)
            correct[numbers] = np.trace(confusions, axis1=1, axis2=2, dtype=np.int64)
            for number, counts in zip(numbers.tolist(), by_class, strict=True):
                predicted[number] = counts
        return images, correct, predicted

    @cached_property
    def calibrations(self) -> npt.NDArray[np.int64]:
        """The numbers of `Calibration` of all cells, (cells, numbers); zeros where it was not counted."""
        shape = (len(self.cells), len(NOTHING.numbers()))
        if self._schema < 2:
            return np.zeros(shape, np.int64)
        found = self._array("calibration")
        if found.shape != shape or found.dtype.kind != "u":
            raise self._damaged("'calibration' is not one row of counts a cell")
        return found.astype(np.int64)

    # Runs and failures

    def run_records(self) -> dict[str, dict[str, Any]]:
        """Return all invocations by run id, oldest first."""
        return dict(sorted(self._documents["runs"].items()))

    def all_failures(self) -> dict[str, dict[str, Any]]:
        """Return all failures by `<cell_id>.<run_id>`, also of cells that were measured since."""
        return dict(sorted(self._documents["failures"].items()))

    def names(self) -> dict[str, list[str]]:
        """Return the sorted names of all cells, failures, models and runs."""
        documents = {kind: sorted(self._documents[kind]) for kind in ("failures", "models", "runs")}
        return {"cells": self.cells, **documents}

    # The file

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.cells)}

    def _number(self, cell_id: str) -> int:
        if cell_id not in self._numbers:
            raise LnbenchError(f"'{self.root}' has no cell '{cell_id}'.")
        return self._numbers[cell_id]

    @cached_property
    def _rests(self) -> Factored:
        return self._factored("records", "record_codes")

    @cached_property
    def _hows(self) -> Factored:
        return self._factored("hows", "how_codes")

    @cached_property
    def _classes(self) -> npt.NDArray[Any]:
        classes = self._array("classes")
        if classes.shape != (len(self.cells),) or classes.dtype.kind != "u":
            raise self._damaged("its numbers of classes are not one a cell")
        return classes

    @cached_property
    def _confusions(self) -> dict[int, npt.NDArray[Any]]:
        """The counts by number of classes, each (cells, classes, classes)."""
        found = {}
        for classes, cells in zip(*np.unique(self._classes, return_counts=True), strict=True):
            confusions = self._array(f"confusion_{classes}")
            if (
                confusions.shape != (cells, classes, classes)
                or confusions.dtype.kind != "u"
                or 8 * int(classes) ** 2 > MOST_ARRAYS
            ):
                raise self._damaged(f"'confusion_{classes}' is not {cells} matrices of counts")
            found[int(classes)] = confusions
        return found

    @cached_property
    def _places(self) -> npt.NDArray[np.int64]:
        """The place of each cell among those with the same number of classes."""
        places = np.zeros(len(self.cells), np.int64)
        for classes in np.unique(self._classes):
            alike = self._classes == classes
            places[alike] = np.arange(alike.sum())
        return places

    @cached_property
    def _documents(self) -> dict[str, dict[str, Any]]:
        documents = self._json("documents")
        kinds = ("failures", "models", "runs")
        if not isinstance(documents, dict) or not all(
            isinstance(documents.get(kind), dict) for kind in kinds
        ):
            raise self._damaged("its models, runs and failures are not there")
        return documents

    def _packed_model(self, model_id: str) -> dict[str, Any]:
        found = self._documents["models"].get(model_id)
        if not isinstance(found, dict) or not isinstance(found.get("card"), dict):
            raise LnbenchError(f"'{self.root}' has no card of a model '{model_id}'.")
        return found

    def _factored(self, values: str, codes: str) -> Factored:
        table = self._json(values)
        try:
            found = Factored(table, self._array(codes))
            if found.codes.shape[1] != len(self.cells):
                raise ValueError(f"{found.codes.shape[1]} documents for {len(self.cells)} cells")
        except LnbenchError:
            raise
        except (ValueError, TypeError, AttributeError) as error:
            raise self._damaged(str(error)) from error
        return found

    def _json(self, member: str) -> Any:
        content = self._array(member)
        if content.nbytes > MOST_DOCUMENTS:
            raise self._damaged(f"'{member}' has {content.nbytes:,} bytes")
        try:
            return parse_json(content.tobytes())
        except ValueError as error:
            raise self._damaged(str(error)) from error

    def _array(self, member: str) -> npt.NDArray[Any]:
        with self.root.open("rb") as file:
            try:
                with np.load(file, allow_pickle=False) as arrays:
                    check_inflated(arrays.zip, MOST_PACKED)
                    found = arrays[member]
            except Exception as error:
                # A broken archive raises from zipfile, zlib or numpy, each its own kinds, some with advice on
                # pickles that no user should follow.
                raise self._damaged(f"'{member}' cannot be read") from error
        # Of a file in the archive that is no array, numpy returns the bytes.
        if not isinstance(found, np.ndarray):
            raise self._damaged(f"'{member}' is not an array")
        return found

    def _damaged(self, reason: str) -> LnbenchError:
        return LnbenchError(
            f"'{self.root}' is not a whole file of packed results: {reason}.",
            _MENDING,
        )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_only(path: Path) -> LnbenchError:
    """Return the error for an attempt to write into a file of packed results."""
    return LnbenchError(
        f"'{path}' is a file: packed results are read-only.",
        f"Choose a folder with --results DIR; lnbench results merge DIR '{path}' copies the results into it.",
    )
