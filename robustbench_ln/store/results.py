"""What can be read from results, whether they lie in a folder or in one packed file."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import canonical_json, short_hash

if TYPE_CHECKING:
    from robustbench_ln.store.stored import Counts, StoredModel

#: What is kept of a training beside its network: accuracies, and gamma and beta, epoch by epoch.
Log = Literal["history", "scales"]
LOGS: tuple[Log, ...] = get_args(Log)


class Results(ABC):
    """Measured cells with all that is known of them.

    What is returned may be shared between calls: read it, do not change it.

    Attributes:
        root: the folder, or the packed file.
    """

    root: Path

    @property
    @abstractmethod
    def report(self) -> Path:
        """Where the report goes unless told otherwise."""

    @abstractmethod
    def page(self, name: str) -> Path:
        """Return where another page of the results goes unless told otherwise.

        Raises:
            LnbenchError: a link stands there, which leads out of the folder.
        """

    @property
    @abstractmethod
    def table(self) -> Path | None:
        """Where the report writes the table of `load_results`; None where it does not."""

    # Models

    @abstractmethod
    def model_ids(self) -> list[str]:
        """Return the names of all trained networks, sorted."""

    @abstractmethod
    def model(self, model_id: str) -> StoredModel:
        """Return a trained network.

        Raises:
            LnbenchError: its card cannot be read.
        """

    @abstractmethod
    def log(self, model_id: str, name: Log) -> str | None:
        """Return the text of a network's history.csv or scales.csv; None where it has none."""

    def models(self) -> list[StoredModel]:
        """Return all trained networks, by name.

        Raises:
            LnbenchError: a card that cannot be read.
        """
        return [self.model(model_id) for model_id in self.model_ids()]

    def readable_models(self) -> tuple[list[StoredModel], list[str]]:
        """Return the trained networks whose cards can be read, and a sentence for each of the others."""
        models, problems = [], []
        for model_id in self.model_ids():
            try:
                models.append(self.model(model_id))
            except LnbenchError as error:
                problems.append(f"Left out a network. {error}")
        return models, problems

    # Cells

    @abstractmethod
    def cell_ids(self) -> set[str]:
        """Return the names of all finished cells."""

    @abstractmethod
    def record(self, cell_id: str) -> dict[str, Any]:
        """Return a cell's schema, identity and integer counts, the content of record.json.

        Raises:
            NewerVersionError: a newer lnbench wrote it.
            LnbenchError: it is missing or broken.
        """

    @abstractmethod
    def identity(self, cell_id: str) -> dict[str, Any]:
        """Return all that can change a cell's counts; the errors are those of `record`."""

    @abstractmethod
    def how(self, cell_id: str) -> dict[str, Any]:
        """Return how a cell was measured, the content of how.json; empty where it is not known."""

    @abstractmethod
    def counts(self, cell_id: str) -> Counts:
        """Return a cell's counts.

        Raises:
            LnbenchError: they are missing or broken.
        """

    def predictions(self, cell_id: str) -> npt.NDArray[np.int64]:
        """Return the predicted class of each image in use, (images,), by ascending index.

        Raises:
            LnbenchError: the cell cannot be read, or was packed, which leaves predictions out.
        """
        found = self.counts(cell_id).predictions
        if found is None:
            raise LnbenchError(
                f"Cell '{cell_id}' in '{self.root}' has no predictions: packed results leave them out.",
                "Read the results folder that it was packed from, or measure the cell again.",
            )
        return found

    # Runs and failures

    @abstractmethod
    def run_records(self) -> dict[str, dict[str, Any]]:
        """Return all invocations by run id, oldest first; unreadable ones are left out."""

    @abstractmethod
    def all_failures(self) -> dict[str, dict[str, Any]]:
        """Return all failures by `<cell_id>.<run_id>`, also of cells that were measured since."""

    def failure_records(self) -> dict[str, dict[str, Any]]:
        """Return the failures of cells that have not been measured since, by `<cell_id>.<run_id>`."""
        done = self.cell_ids()
        return {
            name: record
            for name, record in self.all_failures().items()
            if name.rpartition(".")[0] not in done
        }

    @abstractmethod
    def names(self) -> dict[str, list[str]]:
        """Return the sorted names of all `cells`, `failures`, `models` and `runs`."""

    def fingerprint(self) -> str:
        """Return a hash over all names: nothing in results is changed, so equal ones are equal results."""
        # Names of a stranger's packed file need not be text that UTF-8 can hold.
        text = json.dumps(self.names(), sort_keys=True, ensure_ascii=True)
        return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def checked_cell(source: Results, cell_id: str) -> tuple[dict[str, Any], Counts]:
    """Return a cell's record and counts, which agree with each other and with its name.

    Raises:
        LnbenchError: the cell cannot be read, or its name, record and counts do not agree.
    """
    record, counts = source.record(cell_id), source.counts(cell_id)
    hint = "Remove it to have it measured again."
    try:
        digest = short_hash(canonical_json(record["identity"]).encode())
    except ValueError as error:
        raise LnbenchError(f"Its identity cannot be written as canonical JSON: {error}.", hint) from error
    if cell_id.rpartition("-")[2] != digest:
        raise LnbenchError("Its name is not the hash of its identity: something changed it.", hint)
    shape = counts.confusion.shape
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0] or (counts.confusion < 0).any():
        raise LnbenchError(f"Its counts, of shape {shape}, are no confusion matrix.", hint)
    if record["counts"] != counts.record():
        raise LnbenchError("Its record's counts are not those of its confusion matrix.", hint)
    return record, counts


def choose_names(names: Sequence[str], patterns: Sequence[str], where: Path) -> list[str]:
    """Return the model names that match one of the patterns, pattern by pattern; all without a pattern.

    Args:
        names: of models.
        patterns: shell patterns over them, such as `mnist-*`; or their first parts, up to a dot.
        where: the results, for the error.

    Raises:
        LnbenchError: a pattern matches none.
    """
    chosen: dict[str, None] = {}
    for pattern in patterns or ("*",):
        found = [name for name in names if matches(name, pattern)]
        if not found:
            raise LnbenchError(
                f"No model in '{where}' matches '{pattern}'.", f"Models: {', '.join(names[:20])}."
            )
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def matches(name: str, pattern: str) -> bool:
    """Return whether a model's name, or its first parts up to a dot, match a shell pattern."""
    return any(fnmatch.fnmatchcase(name, tried) for tried in (pattern, f"{pattern}.*"))
