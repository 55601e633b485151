"""Read results as one table: a row a cell, counts and what follows from them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from robustbench_ln.calibration import belongs
from robustbench_ln.errors import LnbenchError
from robustbench_ln.metrics import CURVE, add_metrics
from robustbench_ln.noise.ready_made import corruption_of
from robustbench_ln.noise.severity import severity_text
from robustbench_ln.store.columns import COLUMNS, OPTIONAL, PIXELS, check_identities
from robustbench_ln.store.open import open_store
from robustbench_ln.store.packed import PackedStore
from robustbench_ln.store.results import Results
from robustbench_ln.store.store import Store
from robustbench_ln.store.versions import versioned_names


def load_results(path: str | Path) -> pd.DataFrame:
    """Read all finished cells of a results folder or of packed results.

    Args:
        path: the results folder, or the file that `lnbench results pack` wrote.

    Returns:
        One row a cell, sorted by model, noise, mode and sigma. Columns: `cell`; the identity (`model`,
        `benchmark`, `network`, `norm`, `groups`, `train_seed`, `data`, `checksum`, `limit`, `noise`, `clip`,
        `rescale`, `space`, `sigma`, `severity`, `noise_seed`, `mode`, `vote`, `blend`, `coupled`,
        `batch_size`, `set_size`, `order`, `order_seed`, `dtype`, `protocol`); the counts (`images`,
        `correct`, `classes`);
        and the metrics of `robustbench_ln.metrics.add_metrics`. Empty where there is no cell. `severity` is
        what a sigma is called in published tables, such as "cifar-c 3", and the severity of images that were
        corrupted elsewhere; empty for other sigmas.

    Raises:
        LnbenchError: a file that is not packed results, is damaged, or that a newer lnbench wrote.

    Warns:
        UserWarning: a cell that cannot be read, which is left out.

    Example:
        >>> load_results("no-such-folder").empty
        True
    """
    rows, problems = read_rows(open_store(Path(path)))
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    return rows


def read_rows(store: Results) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of `load_results` and a sentence for each cell that cannot be read."""
    if isinstance(store, PackedStore):
        return _finish(_packed_columns(store), store), []
    table, _, problems = read_cells(store)
    return table, problems


def read_cells(store: Results) -> tuple[pd.DataFrame, dict[str, dict[str, Any]], list[str]]:
    """Return the table of `read_rows`, the identity of each cell in it by cell id, and its sentences."""
    if not isinstance(store, Store):
        table, problems = read_rows(store)
        return table, {cell: store.identity(cell) for cell in table["cell"]}, problems
    rows: list[dict[str, Any]] = []
    identities: dict[str, dict[str, Any]] = {}
    problems = []
    for cell_id in sorted(store.cell_ids()):
        try:
            record, row = store.flat_record(cell_id)
        except LnbenchError as error:
            problems.append(f"Left out {error}")
        else:
            rows.append({"cell": cell_id, **row})
            identities[cell_id] = record["identity"]
    return _finish(_flat(rows), store), identities, problems


def tabulate(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return flat rows as the table of `load_results`, metrics added."""
    return _finish(_flat(rows))


def _flat(rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = ["cell", *CURVE, "sigma", "pixels", "images", "correct", "classes", "predicted", "calibration"]
    return pd.DataFrame(rows, columns=columns)


def _packed_columns(store: PackedStore) -> pd.DataFrame:
    """Return the flat rows of packed results, each different part of an identity read once for all cells."""
    identities = store.identities
    columns: dict[str, Any] = {"cell": store.cells}
    try:
        check_identities(identities.values)
        for name, (part, read) in {
            **{name: COLUMNS[name] for name in (*CURVE, "sigma")},
            "pixels": PIXELS,
        }.items():
            values = pd.Series([read(value) for value in identities.values[part]])
            columns[name] = values.array.take(identities.positions(part))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LnbenchError(
            f"The identities in '{store.root}' are not those of cells ({type(error).__name__}: {error}).",
            "Pack the results again.",
        ) from error
    columns["images"], columns["correct"], predicted = store.totals()
    whole = belongs(store.calibrations, columns["images"], columns["correct"]) & (columns["images"] > 0)
    if not whole.all():
        raise LnbenchError(
            f"The counts of cell '{store.cells[int(whole.argmin())]}' in '{store.root}' do not add up.",
            "Pack the results again.",
        )
    return pd.DataFrame(
        columns
        | {
            "classes": [len(counts) for counts in predicted],
            "predicted": predicted,
            "calibration": list(store.calibrations),
        }
    )


def _finish(frame: pd.DataFrame, store: Results | None = None) -> pd.DataFrame:
    if store is not None:
        frame["data"] = versioned_names(frame, lambda cell: str(store.how(cell).get("run_id", "")))
    frame = frame.drop(columns="pixels")
    # Columns keep one type whatever the store holds: a missing whole number is <NA>.
    frame = frame.astype(dict.fromkeys(sorted(OPTIONAL), "Int64"))
    ordered = frame.sort_values(["model", "noise", "mode", "sigma", "cell"], ignore_index=True)
    ordered.insert(ordered.columns.get_loc("sigma") + 1, "severity", _severities(ordered))
    return add_metrics(ordered)


def _severities(cells: pd.DataFrame) -> list[str]:
    """Return what each sigma is called in published tables, empty where it is in none."""
    names: dict[tuple[str, float], str] = {}
    pairs = list(zip(cells["noise"].astype(str), cells["sigma"], strict=True))
    for noise, sigma in dict.fromkeys(pairs):
        names[noise, sigma] = f"{sigma:g}" if corruption_of(noise) else severity_text(noise, sigma)
    return [names[pair] for pair in pairs]
