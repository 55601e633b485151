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
        beside: how many networks it trained at a time.
    """

    host: str
    device: str
    threads: int
    beside: int

    @property
    def text(self) -> str:
        """Device, threads and trainings at a time; hosts are told apart but not named."""
        beside = f", {self.beside} networks at a time" if self.beside > 1 else ""
        return f"{self.device}, {self.threads} threads{beside}"


def by_machine(models: Sequence[StoredModel]) -> dict[Machine, list[StoredModel]]:
    """Return networks by what they were trained on."""
    found: dict[Machine, list[StoredModel]] = defaultdict(list)
    for model in models:
        how = model.card["how"]
        machine = Machine(
            how.get("host") or "", how.get("device") or "cpu", how.get("threads") or 0, how.get("beside") or 1
        )
        found[machine].append(model)
    return dict(found)


def epoch_seconds(results: Results, models: Sequence[StoredModel]) -> float:
    """Return the median seconds over all epochs after the first, which is slower, without preparing batches.

    Raises:
        UndecidedError: a history is not there or cannot be read, or a training had one epoch.
    """
    histories = [records_of(results, model, "history") for model in models]
    warm = [history[history["epoch"] > 1] for history in histories]
    if any(history.empty for history in warm):
        raise UndecidedError("a training of one epoch has no epoch after the first, which is slower")
    rows = pd.concat(warm)
    return float((rows["seconds"] - rows["loading_seconds"]).median())
