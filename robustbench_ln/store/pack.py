"""Pack results into one file: records and counts, cards and invocations, no predictions and no weights."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.calibration import NOTHING
from robustbench_ln.errors import LnbenchError
from robustbench_ln.publish import check_writable, named_file, publish_file
from robustbench_ln.store.factored import factor, smallest
from robustbench_ln.store.files import MOST_DOCUMENTS, MOST_PACKED
from robustbench_ln.store.packed import FORMAT, PackedStore
from robustbench_ln.store.results import LOGS, Results, checked_cell, choose_names
from robustbench_ln.store.stored import SCHEMA_VERSION, Counts


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Attributes:
        path: the file.
        cells: how many it holds.
        models: how many cards it holds.
        size: of the file, in bytes.
        problems: a sentence for each cell and card that was left out, since it cannot be read.
    """

    path: Path
    cells: int
    models: int
    size: int
    problems: list[str]


def pack(source: Results, out: Path | None = None, patterns: Sequence[str] = ()) -> Packed:
    """Write results as one file; the same results give the same bytes.

    Args:
        source: what to pack.
        out: the file; `results.npz` in a results folder when left out. A file of packed results that is
            there already is replaced, no other.
        patterns: pack only models whose name matches, with their cells, their failures and the invocations
            that made them; see `robustbench_ln.store.results.choose_names`.

    Raises:
        LnbenchError: no cell to pack or too many, a pattern that matches no model, or a file that cannot be
            written.
    """
    path = _target(source, out)
    problems: list[str] = []
    cells = {}
    for cell_id in sorted(source.cell_ids()):
        try:
            record, counts = checked_cell(source, cell_id)
        except LnbenchError as error:
            problems.append(f"Left out cell '{cell_id}'. {error}")
        else:
            slim = Counts(smallest(counts.confusion), None, counts.calibration)
            cells[cell_id] = (record, slim, source.how(cell_id))
    models: dict[str, dict[str, Any]] = {}
    trained_by: dict[str, str] = {}
    for model_id in source.model_ids():
        try:
            model = source.model(model_id)
            logs: dict[str, Any] = {name: source.log(model_id, name) for name in LOGS}
        except LnbenchError as error:
            problems.append(f"Left out model '{model_id}'. {error}")
        else:
            models[model_id] = {"card": model.card} | logs
            trained_by[model_id] = model.run_id
    runs, failures = source.run_records(), source.all_failures()
    if patterns:
        names = models.keys() | {_model_id(record) for record, *_ in cells.values()}
        chosen = set(choose_names(sorted(names), patterns, source.root))
        cells = {name: cell for name, cell in cells.items() if _model_id(cell[0]) in chosen}
        models = {name: model for name, model in models.items() if name in chosen}
        failures = {name: record for name, record in failures.items() if _model_id(record) in chosen}
        made_by = {how.get("run_id") for *_, how in cells.values()}
        made_by |= {trained_by[name] for name in models}
        made_by |= {name.rpartition(".")[2] for name in failures}
        runs = {name: record for name, record in runs.items() if name in made_by}
    if not cells:
        raise LnbenchError(
            f"There is nothing to pack: '{source.root}' holds no measured cell"
            f"{' of these models' if patterns else ' that can be read'}. {' '.join(problems[:1])}".strip(),
            "Measure some first: lnbench corrupt-eval",
        )
    content = packed_bytes(cells, {"models": models, "runs": runs, "failures": failures})
    publish_file(path, content)
    return Packed(path, len(cells), len(models), len(content), problems)


def packed_bytes(
    cells: Mapping[str, tuple[Mapping[str, Any], Counts, Mapping[str, Any]]],
    documents: Mapping[str, Any],
) -> bytes:
    """Return the content of a packed file; the same results give the same bytes.

    Args:
        cells: by name, the record, the counts and how it was measured.
        documents: `models` (by name `card`, and the text of each of `LOGS` or None), `runs` and `failures`.

    Raises:
        LnbenchError: more than `PackedStore` reads.
    """
    names = sorted(cells)
    records, counts, hows = [list(column) for column in zip(*(cells[name] for name in names), strict=True)]
    confusions = [own.confusion for own in counts]
    identities = factor([record["identity"] for record in records])
    # All of a record but its identity and what follows from the counts.
    rests = factor(
        [{key: record[key] for key in record if key not in ("identity", "counts")} for record in records]
    )
    ways = factor(hows)
    members = {
        "header": _text({"format": FORMAT, "schema": SCHEMA_VERSION}),
        "cells": _text(names),
        "identities": _text(identities.values),
        "identity_codes": identities.codes,
        "records": _text(rests.values),
        "record_codes": rests.codes,
        "hows": _text(ways.values),
        "how_codes": ways.codes,
        "documents": _text(documents),
        "calibration": smallest(
            np.array([(own.calibration or NOTHING).numbers() for own in counts], np.int64)
        ),
        "classes": smallest(np.array([len(confusion) for confusion in confusions])),
    }
    for classes in sorted({len(confusion) for confusion in confusions}):
        alike = [smallest(confusion) for confusion in confusions if len(confusion) == classes]
        members[f"confusion_{classes}"] = np.stack(alike)
    size = sum(array.nbytes for array in members.values())
    if size > MOST_PACKED or members["documents"].nbytes > MOST_DOCUMENTS:
        raise LnbenchError(
            f"{size:,} bytes are more than a packed file may hold.", "Pack some networks at a time, by name."
        )
    return _archive(members)


def _target(source: Results, out: Path | None) -> Path:
    """Return where the file goes."""
    if out is None and isinstance(source, PackedStore):
        raise LnbenchError(f"'{source.root}' is packed already.", "Name the new file with --out FILE.")
    path = named_file(source.root / "results.npz" if out is None else out, "--out FILE")
    if source.cell_ids():
        check_writable(path.parent, "Choose another file with --out FILE.")
    if path.exists():
        try:
            PackedStore(path)
        except LnbenchError as error:
            raise LnbenchError(
                f"'{path}' is there already and is not packed results of this version.",
                "Name another file with --out FILE, or remove it.",
            ) from error
    return path


def _model_id(record: Any) -> str:
    """Return the model that a cell or a failure is of; empty where a foreign record names none."""
    for key in ("identity", "model", "id"):
        record = record.get(key) if isinstance(record, dict) else None
    return record if isinstance(record, str) else ""


def _text(value: Any) -> npt.NDArray[np.uint8]:
    """Return a JSON value as the bytes of its text; ASCII, since names need not be valid UTF-8."""
    return np.frombuffer(json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii"), np.uint8)


def _archive(members: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return an .npz archive whose bytes depend on its content alone: no time, no machine's marks."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in members.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.create_system = 3
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=6)
    return packed.getvalue()
