"""Seconds of an epoch: what trainings of one norm took, on each machine apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from robustbench_ln.experiments.checks import UndecidedError
from robustbench_ln.experiments.records import records_of
from robustbench_ln.store.results import Results
from robustbench_ln.store.stored import StoredModel


@dataclass(frozen=True)
class Machine:
    """What a training ran on; seconds compare on the same one only.

    Attributes:
        host: the machine's name.
        device: "cpu", or the GPU's model.
        threads: of torch.
        cores: that the training could use; None where that was not kept.
        busy: threads that ran or waited on the machine, its own included; None where that was not kept.
    """

    host: str
    device: str
    threads: int
    cores: int | None
    busy: int | None

    @property
    def text(self) -> str:
        """Device, threads and load; hosts are told apart but not named."""
        load = "" if self.busy is None else f", {self.busy} busy on {self.cores or 'unknown'} cores"
        return f"{self.device}, {self.threads} threads{load}"


def by_machine(results: Results, models: Sequence[StoredModel]) -> dict[Machine, list[StoredModel]]:
    """Return networks by what they were trained on, and how busy it was."""
    found: dict[Machine, list[StoredModel]] = defaultdict(list)
    for model in models:
        how = model.card["how"]
        machine = Machine(
            how.get("host") or "",
            how.get("device") or "cpu",
            how.get("threads") or 0,
            how.get("cores"),
            _busy(results, model),
        )
        found[machine].append(model)
    return dict(found)


def epoch_seconds(results: Results, machine: Machine, models: Sequence[StoredModel]) -> float:
    """Return the median seconds over all epochs after the first, which is slower, without preparing batches.

    Args:
        results: where their histories are.
        machine: that trained them.
        models: the networks.

    Raises:
        UndecidedError: a history is not there or cannot be read, a training had one epoch, or the machine had
            more to do than it has cores, or may have had.
    """
    warm = [_warm(results, model) for model in models]
    if any(epochs.empty for epochs in warm):
        raise UndecidedError("a training of one epoch has no epoch after the first, which is slower")
    if machine.busy is None or machine.cores is None:
        raise UndecidedError("how busy the machine was is not on record")
    if machine.busy > machine.cores:
        raise UndecidedError(f"the machine had {machine.busy} threads to run on {machine.cores} cores")
    rows = pd.concat(warm)
    return float((rows["seconds"] - rows["loading_seconds"]).median())


def _warm(results: Results, model: StoredModel) -> pd.DataFrame:
    history = records_of(results, model, "history")
    return history[history["epoch"] > 1]


def _busy(results: Results, model: StoredModel) -> int | None:
    try:
        load = _warm(results, model)["load"].median()
    except UndecidedError:
        return None
    return None if pd.isna(load) else max(round(load), 1)
