"""What a training wrote down, as far as a claim needs it."""

from __future__ import annotations

import pandas as pd

from robustbench_ln.errors import LnbenchError
from robustbench_ln.experiments.checks import UndecidedError
from robustbench_ln.store.logs import read_log
from robustbench_ln.store.results import Log, Results
from robustbench_ln.store.stored import StoredModel


def records_of(results: Results, model: StoredModel, name: Log) -> pd.DataFrame:
    """Return what a training wrote down epoch by epoch.

    Raises:
        UndecidedError: it is not there, or cannot be read.
    """
    try:
        log = read_log(results, model.id, name)
    except LnbenchError as error:
        raise UndecidedError(str(error).rstrip(".")) from error
    if log is None:
        raise UndecidedError(f"{name}.csv of {model.id} is not there")
    return log
