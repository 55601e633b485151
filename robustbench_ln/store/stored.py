"""What results hold of a cell and of a trained network, wherever they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.calibration import Calibration
from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import canonical_json

#: Of cards, records and packed files. Version 2 counts calibration.
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Counts:
    """What one cell measured: integers that add up over shards of a data set.

    Attributes:
        confusion: (classes, classes) int64, [true, predicted].
        predictions: (images,) predicted class of each image in use, by ascending index; None for a cell
            that comes from packed results, which leave them out.
        calibration: how sure the network was; None where it was not counted.
    """

    confusion: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.int64] | None
    calibration: Calibration | None = None

    def record(self) -> dict[str, Any]:
        """Return the counts that `record.json` carries."""
        return {
            "images": int(self.confusion.sum()),
            "correct": int(np.trace(self.confusion)),
            "predicted": [int(count) for count in self.confusion.sum(0)],
            **({"calibration": self.calibration.numbers()} if self.calibration else {}),
        }


#: What every reader of a model's card relies on.
_CARD: dict[str, dict[str, type]] = {
    "recipe": {"benchmark": str, "network": str, "norm": str, "norm_options": dict, "seed": int},
    "how": {"run_id": str},
}
#: Numbers that pages show, where a card has them.
_SHOWN = (("parameters",), ("test_accuracy",), ("how", "seconds"), ("recipe", "data", "limit"))


def check_card(card: Mapping[str, Any]) -> None:
    """Make sure that a card has the parts that name a network, and numbers where readers expect them.

    Raises:
        ValueError: a part is missing, or of another type.
    """
    for part, keys in _CARD.items():
        if not isinstance(card.get(part), dict):
            raise ValueError(f"it has no {part}")
        for key, kind in keys.items():
            if not isinstance(card[part].get(key), kind):
                raise ValueError(f"its {part} has no {key}")
    for path in _SHOWN:
        value: Any = card
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None and not (isinstance(value, int | float) and abs(value) < 2**63):
            raise ValueError(f"its {' '.join(path)} is no number")


def known_how(value: Any) -> dict[str, Any]:
    """Return what is told of how a cell was measured; nothing where that is damaged."""
    try:
        canonical_json(value).encode()
    except ValueError:
        return {}
    return value if isinstance(value, dict) and isinstance(value.get("run_id", ""), str) else {}


@dataclass(frozen=True)
class StoredModel:
    """A trained network in the store.

    Attributes:
        id: `<label>.<recipe>.<weights>`.
        folder: its directory; None in packed results.
        card: the content of model.json.
        command: what trained it, where the network is packed and the command is known.
    """

    id: str
    folder: Path | None
    card: dict[str, Any]
    command: str | None = None

    @property
    def run_id(self) -> str:
        """The invocation that trained it; empty where the card does not name one."""
        how = self.card.get("how")
        return str(how.get("run_id", "")) if isinstance(how, dict) else ""

    @property
    def has_weights(self) -> bool:
        """Whether its weights are there, which packed results leave out."""
        return self.folder is not None and self.weights.is_file()

    @property
    def weights(self) -> Path:
        """The weights, in safetensors' format.

        Raises:
            LnbenchError: packed results leave them out.
        """
        if self.folder is None:
            raise LnbenchError(
                f"The weights of model '{self.id}' are not in the packed results, which leave them out.",
                f"Train it again: {self.command or 'lnbench train'}",
            )
        return self.folder / "weights.safetensors"
