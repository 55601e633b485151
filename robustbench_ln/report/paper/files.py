"""The tables that stand beside a network's weights."""

from __future__ import annotations

import pandas as pd

from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.store import StoredModel


def read_history(model: StoredModel) -> pd.DataFrame | None:
    """Return a row an epoch of a network's training, None where it is not kept.

    Raises:
        LnbenchError: it cannot be read.
    """
    return _read(model, "history.csv", ["epoch", "seconds"])


def read_scales(model: StoredModel) -> pd.DataFrame | None:
    """Return gamma and beta by epoch and group, None where they were not kept.

    Raises:
        LnbenchError: they cannot be read.
    """
    wanted = ["epoch", "group", "gamma_mean", "gamma_var", "beta_mean", "beta_var"]
    return _read(model, "scales.csv", wanted)


def _read(model: StoredModel, name: str, wanted: list[str]) -> pd.DataFrame | None:
    path = model.folder / name
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise LnbenchError(f"{name} of '{model.id}' cannot be read: {error}.") from error
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        raise LnbenchError(f"{name} of '{model.id}' has no column {missing[0]}.")
    return table
