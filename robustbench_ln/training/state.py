"""The state of an unfinished training: kept after each epoch, read when it goes on."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.publish import publish_file
from robustbench_ln.training.scales import GroupScales


@dataclass(frozen=True)
class Epoch:
    """What one epoch showed.

    Attributes:
        epoch: counted from 1.
        learning_rate: of its last step.
        loss: mean cross-entropy of the training batches, dropout on, while the weights moved.
        train_accuracy: of the same passes.
        test_accuracy: of the test images in the norm's home mode, after the epoch. Reported, never used to
            choose weights: the last epoch's are kept.
        seconds: training alone.
        loading_seconds: of these, for preparing batches.
        load: of the machine, when it ended; see `robustbench_ln.threads.machine_load`.
    """

    epoch: int
    learning_rate: float
    loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float
    loading_seconds: float
    load: float = math.nan


@dataclass
class Progress:
    """What all finished epochs showed.

    Attributes:
        epochs: one an epoch.
        scales: of every group after every epoch.
    """

    epochs: list[Epoch] = field(default_factory=list)
    scales: list[GroupScales] = field(default_factory=list)


@contextmanager
def only_one_training(folder: Path, label: str) -> Iterator[None]:
    """Keep other processes from training the same network within the context.

    Args:
        folder: of the training's state; its name is the network's recipe.
        label: of the network, for the error.

    Raises:
        LnbenchError: another process trains it now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # The system frees the lock of a process that was killed.
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise LnbenchError(
            f"'{label}' is being trained by another process in the same results folder.",
            "Wait for it, then run the same command again.",
        ) from error


class TrainingState:
    """The state on disk.

    Args:
        folder: where it is kept.
        network: what is trained.
        optimizer: its optimizer.
        conditions: under which a training gives the same bits; another run goes on only under equal ones.
    """

    def __init__(
        self,
        folder: Path,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        conditions: dict[str, Any],
    ) -> None:
        self._path = folder / "state.pt"
        self._network, self._optimizer, self._conditions = network, optimizer, conditions

    def save(self, progress: Progress) -> None:
        """Keep the state after an epoch: one rename, so a kill leaves the old state or the new one."""
        buffer = io.BytesIO()
        content = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "progress": asdict(progress),
            "conditions": self._conditions,
        }
        torch.save(content, buffer)
        publish_file(self._path, buffer.getvalue())

    def restore(self) -> Progress:
        """Load the state of an unfinished training; return its finished epochs.

        Raises:
            LnbenchError: it cannot be read, or was begun under conditions that would give other bits.
        """
        if not self._path.exists():
            return Progress()
        anew = f"remove it to train from the start: rm -r '{self._path.parent}'."
        try:
            state = torch.load(self._path, weights_only=True, map_location="cpu")
            self._network.load_state_dict(state["network"])
            self._optimizer.load_state_dict(state["optimizer"])
            progress = Progress(
                [Epoch(**epoch) for epoch in state["progress"]["epochs"]],
                [GroupScales(**scales) for scales in state["progress"]["scales"]],
            )
            begun = state["conditions"]
        except Exception as error:
            # A truncated file raises from zipfile, pickle or torch, each its own kinds, with advice on
            # loading it unsafely that no user should follow.
            raise LnbenchError(
                f"The saved state of an unfinished training, '{self._path}', is truncated or "
                "not lnbench's own.",
                anew[0].upper() + anew[1:],
            ) from error
        if begun != self._conditions:
            raise LnbenchError(
                f"An unfinished training was begun with {_in_words(begun)}; now there are "
                f"{_in_words(self._conditions)}, which give other numbers.",
                f"{self._how_to_go_on(begun)}{anew}",
            )
        return progress

    def _how_to_go_on(self, begun: dict[str, Any]) -> str:
        """Return the option that brings the old conditions back, where one does."""
        different = [key for key in begun | self._conditions if begun.get(key) != self._conditions.get(key)]
        return f"Give --threads {begun['threads']}, or " if different == ["threads"] else "To go on here, "


def _in_words(conditions: dict[str, Any]) -> str:
    processes = conditions.get("ranks", 1)
    together = f"{processes} processes of " if processes > 1 else ""
    return (
        f"{together}{conditions.get('threads')} threads, torch {conditions.get('torch')} "
        f"on {conditions.get('device')}"
    )
