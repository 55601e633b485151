"""Read the store as one table: a row a cell, counts and what follows from them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from robustbench_ln.metrics import CURVE, add_metrics
from robustbench_ln.store.store import SCHEMA_VERSION, Store

_WHOLE = ("groups", "limit", "batch_size", "set_size", "order_seed")


def load_results(path: str | Path) -> pd.DataFrame:
    """Read all finished cells of a results folder.

    Args:
        path: the results folder.

    Returns:
        One row a cell, sorted by model, noise, mode and sigma. Columns: `cell`; the identity (`model`,
        `benchmark`, `network`, `norm`, `groups`, `train_seed`, `data`, `checksum`, `limit`, `noise`, `clip`,
        `rescale`, `space`, `sigma`, `noise_seed`, `mode`, `vote`, `coupled`, `batch_size`, `set_size`,
        `order`, `order_seed`, `protocol`); the counts (`images`, `correct`, `classes`); and the metrics of
        `robustbench_ln.metrics.add_metrics`. Empty where there is no cell.

    Warns:
        UserWarning: a cell that cannot be read, which is left out.

    Example:
        >>> load_results("no-such-folder").empty
        True
    """
    rows, problems = read_rows(Path(path))
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    return rows


def read_rows(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of `load_results` and a sentence for each cell that cannot be read."""
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for cell_id in sorted(Store(root).cell_ids()):
        path = root / "cells" / cell_id / "record.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["schema"] > SCHEMA_VERSION:
                problems.append(f"Left out '{path}': a newer lnbench wrote it.")
                continue
            rows.append({"cell": cell_id, **flatten(record)})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(
                f"Left out '{path}': it is not a readable record ({type(error).__name__}: "
                f"{error}). Remove the folder to have the cell measured again."
            )
    return tabulate(rows), problems


def tabulate(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return flat rows as the table of `load_results`, metrics added."""
    frame = pd.DataFrame(rows, columns=["cell", *CURVE, "sigma", "images", "correct", "classes", "predicted"])
    # Columns keep one type whatever the store holds: a missing whole number is <NA>.
    frame = frame.astype(dict.fromkeys(_WHOLE, "Int64"))
    ordered = frame.sort_values(["model", "noise", "mode", "sigma", "cell"], ignore_index=True)
    return add_metrics(ordered)


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record's identity and counts as one flat row."""
    identity, counts = record["identity"], record["counts"]
    model, noise, mode = identity["model"], identity["noise"], identity["mode"]
    coupling = identity["coupling"] or {}
    return {
        "model": model["id"],
        "benchmark": model["benchmark"],
        "network": model["network"],
        "norm": model["norm"],
        "groups": model["norm_options"].get("groups"),
        "train_seed": model["seed"],
        "data": identity["data"]["name"],
        "checksum": identity["data"]["checksum"],
        "limit": identity["data"]["limit"],
        "noise": noise["name"],
        "clip": noise["clip"],
        "rescale": noise["rescale"],
        "space": noise["space"],
        "sigma": float(noise["sigma"]),
        "noise_seed": identity["seed"],
        "mode": mode["name"],
        "vote": mode["vote"],
        "coupled": identity["coupling"] is not None,
        "batch_size": coupling.get("batch_size"),
        "set_size": coupling.get("set_size"),
        "order": coupling.get("order"),
        "order_seed": coupling.get("order_seed"),
        "protocol": identity["protocol"],
        "images": int(counts["images"]),
        "correct": int(counts["correct"]),
        "classes": len(counts["predicted"]),
        "predicted": [int(count) for count in counts["predicted"]],
    }
