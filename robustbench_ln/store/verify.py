"""Read all that a store holds and name what is wrong with it; nothing is changed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robustbench_ln.errors import LnbenchError, NewerVersionError
from robustbench_ln.identity import content_hash, parse_json, recipe_id
from robustbench_ln.store.files import read_own
from robustbench_ln.store.leftovers import find_leftovers
from robustbench_ln.store.open import check_there, open_store
from robustbench_ln.store.packed import PackedStore
from robustbench_ln.store.results import LOGS, Results, checked_cell
from robustbench_ln.store.store import Store
from robustbench_ln.wording import counted

#: What folders of cells and of models hold.
_FILES = {
    "cells": {"record.json", "arrays.npz", "how.json"},
    "models": {"model.json", "weights.safetensors", *(f"{name}.csv" for name in LOGS)},
}
_AGAIN = "Remove it; the next lnbench corrupt-eval measures the cell again."


@dataclass(frozen=True)
class Finding:
    """Something of note.

    Attributes:
        where: a path in the results folder, or the same name in a packed file.
        what: a sentence.
        hint: what to do; empty where nothing has to be done.
    """

    where: str
    what: str
    hint: str = ""


@dataclass
class Verified:
    """What was found.

    Attributes:
        read: how many `models`, `cells`, `runs` and `failures` were read.
        wrong: what is damaged, foreign where readers look, or of a newer version.
        remarks: what is missing or left over, and harms no number.
    """

    read: dict[str, int] = field(default_factory=dict)
    wrong: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)


def verify(path: Path) -> Verified:
    """Read every network, cell, invocation and failure of a results folder or of packed results.

    Each cell's name, record, confusion matrix, calibration and predictions must agree, each network's name
    with its recipe and the values of its weights.

    Args:
        path: the results folder, or the packed file.

    Raises:
        LnbenchError: there is nothing at that path.
    """
    found = Verified()
    check_there(path)
    try:
        store = open_store(path)
        names = store.names()
    except LnbenchError as error:
        found.wrong.append(Finding(path.name, error.message, error.hint))
        return found
    folder = path if isinstance(store, Store) else None
    checks: dict[str, Callable[[Results, str], None]] = {
        "models": _check_model,
        "cells": _check_cell,
        "runs": _check_run,
        "failures": _check_failure,
    }
    for kind, check in checks.items():
        found.read[kind] = len(names[kind])
        for name in names[kind]:
            _note(found, kind, name, folder, partial(check, store, name))
    _remark_missing(found, store, names)
    if folder:
        _look_around(found, folder)
    return found


def _note(found: Verified, kind: str, name: str, folder: Path | None, check: Callable[[], None]) -> None:
    """Run one check and write down what it finds."""
    where = f"{kind}/{name}" if kind in _FILES or folder is None else f"{kind}/{name}.json"
    try:
        if folder:
            _check_place(folder, kind, name)
        check()
    except LnbenchError as error:
        message = error.message.replace(f"{folder}/", "")
        found.wrong.append(Finding(where, message, error.hint))


def _check_place(root: Path, kind: str, name: str) -> None:
    """Make sure that what readers find in a folder of the store is of the store."""
    foreign = "It is not lnbench's own."
    if kind not in _FILES:
        if not (root / kind / f"{name}.json").is_file():
            raise LnbenchError(foreign, "Move it elsewhere.")
        return
    folder = root / kind / name
    # A folder with nothing in it that a store writes was made by somebody else.
    if not folder.is_dir() or not any((folder / own).exists() for own in _FILES[kind]):
        raise LnbenchError(foreign, "Move it elsewhere.")
    strange = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.name not in _FILES[kind] and not entry.name.startswith(".")
    )
    if strange:
        raise LnbenchError(f"'{strange[0]}' in it is not lnbench's own.", "Move it elsewhere.")


def _check_cell(store: Results, cell_id: str) -> None:
    try:
        _, counts = checked_cell(store, cell_id)
    except NewerVersionError:
        raise
    except LnbenchError as error:
        raise LnbenchError(error.message, _AGAIN) from error
    if counts.predictions is not None:
        classes = len(counts.confusion)
        known = (counts.predictions >= 0) & (counts.predictions < classes)
        by_class = np.bincount(counts.predictions[known], minlength=classes)
        if counts.predictions.ndim != 1 or not known.all() or (by_class != counts.confusion.sum(0)).any():
            raise LnbenchError("Its predictions are not those of its confusion matrix.", _AGAIN)
    if isinstance(store, Store):
        _read_object(store.root / "cells" / cell_id / "how.json", store.root, _AGAIN)


def _check_model(store: Results, model_id: str) -> None:
    model = store.model(model_id)
    again = "Remove it; the next lnbench train trains the network again."
    _, recipe, weights = ("..." + model_id).rsplit(".", 2)
    try:
        digest = recipe_id(model.card["recipe"])
    except ValueError as error:
        raise LnbenchError(f"Its recipe cannot be written as canonical JSON: {error}.", again) from error
    if recipe != digest:
        raise LnbenchError("Its name is not the hash of its recipe: something changed it.", again)
    if model.card.get("weights") != weights:
        raise LnbenchError("Its card names other weights than its name.", again)
    for name in LOGS:
        log = store.log(model_id, name)
        if log is not None:
            _check_log(log, name)
    if model.has_weights:
        _check_weights(model.weights, weights, again)


def _check_log(text: str, name: str) -> None:
    """Make sure that a log is a table over epochs; earlier versions wrote fewer columns."""
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise LnbenchError(f"Its {name}.csv cannot be read: {error}.", "Mend it, or remove it.") from error
    if not rows or "epoch" not in rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise LnbenchError(f"Its {name}.csv is no table over epochs.", "Mend it, or remove it.")


def _check_weights(path: Path, digest: str, hint: str) -> None:
    # torch takes seconds to import, which a store without weights does not have to wait for.
    from safetensors import SafetensorError
    from safetensors.torch import load

    from robustbench_ln.store.weights import weights_hash

    try:
        found = weights_hash(load(path.read_bytes()))
    except (OSError, ValueError, SafetensorError, RuntimeError, KeyError) as error:
        raise LnbenchError(f"Its weights cannot be read: {error}.", hint) from error
    if found != digest:
        raise LnbenchError("Its weights are not those that its name and its card name.", hint)


def _check_run(store: Results, run_id: str) -> None:
    record = (
        _read_object(store.root / "runs" / f"{run_id}.json", store.root, "Remove it.")
        if isinstance(store, Store)
        else store.run_records()[run_id]
    )
    if not isinstance(record, dict) or not isinstance(record.get("command"), str):
        raise LnbenchError("It names no command.", "Remove it.")


def _check_failure(store: Results, name: str) -> None:
    record = (
        _read_object(store.root / "failures" / f"{name}.json", store.root, "Remove it.")
        if isinstance(store, Store)
        else store.all_failures()[name]
    )
    if not isinstance(record, dict) or not isinstance(record.get("reason"), str):
        raise LnbenchError("It names no reason.", "Remove it.")
    try:
        digest = content_hash(record["identity"])
    except (KeyError, TypeError, ValueError) as error:
        raise LnbenchError("It does not say what failed.", "Remove it.") from error
    if name.rpartition(".")[0].rpartition("-")[2] != digest:
        raise LnbenchError("Its name is not the hash of its identity: something changed it.", "Remove it.")


def _read_object(path: Path, root: Path, hint: str) -> dict[str, Any]:
    try:
        value = parse_json(read_own(path, root))
    except (OSError, ValueError) as error:
        raise LnbenchError(f"'{path.name}' cannot be read: {error}.", hint) from error
    if not isinstance(value, dict):
        raise LnbenchError(f"'{path.name}' is no JSON object.", hint)
    return value


def _remark_missing(found: Verified, store: Results, names: dict[str, list[str]]) -> None:
    """Remark what cells and networks name that is not there, once for all that name it."""
    wrong = {finding.where for finding in found.wrong}
    cells = [cell for cell in names["cells"] if f"cells/{cell}" not in wrong]
    models = [store.model(model) for model in names["models"] if f"models/{model}" not in wrong]
    of_models = Counter(store.identity(cell)["model"]["id"] for cell in cells)
    of_runs = Counter(str(store.how(cell).get("run_id", "")) for cell in cells)
    of_runs.update(model.run_id for model in models)
    found.remarks += [
        *_absent("models", of_models, names["models"], "cell"),
        *_absent("runs", of_runs, names["runs"], "record"),
    ]
    if not isinstance(store, PackedStore):
        found.remarks += [
            Finding(
                f"models/{model.id}",
                "It has no weights.",
                "Its cells count; to measure more, train or convert it again.",
            )
            for model in models
            if not model.has_weights
        ]


def _absent(kind: str, named: Counter[str], there: Iterable[str], what: str) -> list[Finding]:
    return [
        Finding(f"{kind}/{name}", f"It is not there, but named by {counted(named[name], what)}.")
        for name in sorted(named.keys() - {*there, ""})
    ]


def _look_around(found: Verified, root: Path) -> None:
    """Remark what lies in a results folder beside what readers look for."""
    derived = {"report.html", "results.csv", "results.npz", "paper.html"}
    kinds = {"cells", "failures", "models", "runs"}
    for entry in sorted(root.iterdir()):
        if entry.name in kinds and not entry.is_dir():
            found.wrong.append(Finding(entry.name, "It is no folder.", "Move it elsewhere."))
        elif not entry.name.startswith(".") and entry.name not in derived | kinds:
            found.remarks.append(Finding(entry.name, "It is not lnbench's own; nobody reads it."))
    says = {
        "half": ("A killed process left it, or one writes it now.", "lnbench results gc removes it."),
        "state": ("An unfinished training.", "lnbench train goes on with it."),
        "remains": ("A training that ended left it, or one begins now.", "lnbench results gc removes it."),
    }
    found.remarks += [
        Finding(str(leftover.path.relative_to(root)), *says[leftover.kind])
        for leftover in find_leftovers(root)
    ]
