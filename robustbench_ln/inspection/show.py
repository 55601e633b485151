"""What results hold of one cell or one trained network: identity, numbers, and where they came from."""

from __future__ import annotations

import csv
import difflib
import fnmatch
import io
from dataclasses import dataclass
from typing import Any

from robustbench_ln.errors import LnbenchError
from robustbench_ln.home import without_home
from robustbench_ln.identity import label_of
from robustbench_ln.intervals import wilson_interval
from robustbench_ln.store.results import Results

_SHOWN_NAMES = 20


@dataclass(frozen=True)
class Shown:
    """A cell or a network.

    Attributes:
        kind: "cell" or "model".
        name: its own.
        document: what is known of it, as JSON values.
    """

    kind: str
    name: str
    document: dict[str, Any]


def show(results: Results, text: str) -> Shown:
    """Return what results hold of the one cell or network that a text names.

    Args:
        results: the store, or packed results.
        text: a name; the beginning of one; or a shell pattern, such as `mnist-*-s0.*`.

    Raises:
        LnbenchError: nothing is so named, several are, or it cannot be read.
    """
    models, cells = results.model_ids(), sorted(results.cell_ids())
    kind, name = _find(results, text, models, cells)
    return Shown(kind, name, _model(results, name) if kind == "model" else _cell(results, name))


def _find(results: Results, text: str, models: list[str], cells: list[str]) -> tuple[str, str]:
    named = [("model", name) for name in models] + [("cell", name) for name in cells]
    for found in (
        [(kind, name) for kind, name in named if name == text],
        [(kind, name) for kind, name in named if name.startswith(text)] if text else [],
        [(kind, name) for kind, name in named if fnmatch.fnmatchcase(name, text)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(name for _, name in found[:_SHOWN_NAMES])
            more = f", and {len(found) - _SHOWN_NAMES:,} more" if len(found) > _SHOWN_NAMES else ""
            raise LnbenchError(
                f"{len(found):,} cells and models in '{results.root}' match '{text}'.",
                f"Name one: {listed}{more}.",
            )
    beginnings = [label_of(name) for name in models]
    nearest = difflib.get_close_matches(text, [*beginnings, *models, *cells], n=1)
    raise LnbenchError(
        f"No cell or model in '{results.root}' is named '{text}'."
        + (f" Did you mean '{nearest[0]}'?" if nearest else ""),
        "lnbench list models, or lnbench results ls, says what is there.",
    )


def _model(results: Results, name: str) -> dict[str, Any]:
    model = results.model(name)
    history = results.log(name, "history")
    return {
        **model.card,
        "history": list(csv.DictReader(io.StringIO(history))) if history else [],
        "has_weights": model.has_weights,
        "where": _where(results, "models", name),
        "run": _run(results, model.run_id),
    }


def _cell(results: Results, name: str) -> dict[str, Any]:
    record, how = results.record(name), results.how(name)
    images, correct = record["counts"]["images"], record["counts"]["correct"]
    low, high = wilson_interval(correct, images)
    return {
        **record,
        "accuracy": correct / images if images else None,
        "interval": [float(low), float(high)] if images else None,
        "how": how,
        "where": _where(results, "cells", name),
        "run": _run(results, str(how.get("run_id", ""))),
    }


def _where(results: Results, kind: str, name: str) -> str:
    place = results.root / kind / name if results.root.is_dir() else results.root
    return without_home(str(place))


def _run(results: Results, run_id: str) -> dict[str, Any]:
    """Return the invocation that made something, without its whole request."""
    record = results.run_records().get(run_id)
    if not isinstance(record, dict):
        return {"run_id": run_id} if run_id else {}
    kept = ("command", "started", "versions", "hardware", "code")
    return {"run_id": run_id, **{key: record[key] for key in kept if key in record}}
