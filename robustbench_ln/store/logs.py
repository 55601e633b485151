"""The tables that a training leaves beside its network, epoch by epoch."""

from __future__ import annotations

import io
import math

import pandas as pd

from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.results import Log, Results

#: An epoch's number, learning rate of its last step, mean loss and accuracy of its training batches, test
#: accuracy after it, seconds of training, of these for preparing batches, and the machine's load.
HISTORY = (
    "epoch", "learning_rate", "loss", "train_accuracy", "test_accuracy", "seconds", "loading_seconds",
    "load",
)  # fmt: skip
#: Not kept from the beginning; missing values where it was not.
_LATER = ("load",)
_COLUMNS: dict[Log, tuple[str, ...]] = {
    "history": HISTORY,
    "scales": ("epoch", "group", "gamma_mean", "gamma_var", "beta_mean", "beta_var"),
}


def read_log(results: Results, model_id: str, name: Log) -> pd.DataFrame | None:
    """Return a network's log: of accuracy and seconds, or of gamma and beta by group.

    Args:
        results: the store, or packed results.
        model_id: the network.
        name: "history" or "scales".

    Returns:
        A row an epoch, or an epoch and group; None where it was not kept.

    Raises:
        LnbenchError: it cannot be read.
    """
    text = results.log(model_id, name)
    if text is None:
        return None
    try:
        table = pd.read_csv(io.StringIO(text))
    except ValueError as error:
        raise LnbenchError(f"{name}.csv of '{model_id}' cannot be read: {error}.") from error
    if name == "history":
        table = table.assign(**{column: math.nan for column in _LATER if column not in table})
    missing = [column for column in _COLUMNS[name] if column not in table.columns]
    if missing:
        raise LnbenchError(f"{name}.csv of '{model_id}' has no column {missing[0]}.")
    return table
