"""Which images a stored cell got right: its predictions beside the labels of its test images."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robustbench_ln.data.corrupted import open_corrupted
from robustbench_ln.data.dataset import DataSet, limited
from robustbench_ln.data.decoded import find_decoded
from robustbench_ln.data.names import takes_image_size
from robustbench_ln.data.open import open_data
from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.results import Results, checked_cell
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.targets import pair_with_data


class Labels:
    """The labels of test images: of data sets that were opened, and of others that are on this machine."""

    def __init__(self, data_dir: Path, corrupted: Path | None = None) -> None:
        self.of = cache(self._read)
        self._data_dir = data_dir
        self._corrupted = None if corrupted is None else open_corrupted(corrupted)
        self._opened: dict[str, DataSet] = {}

    def open(
        self, spec: str, models: Callable[[], list[StoredModel]], on_note: Callable[[str], None]
    ) -> list[str]:
        """Open a data set, decoding it on first use, and return the checksums of its test images.

        Args:
            spec: as on the command line.
            models: returns the networks, which say to which size images of a folder are brought.
            on_note: told before work that may take minutes.

        Raises:
            LnbenchError: data that cannot be opened, or a card that cannot be read.
        """
        if takes_image_size(spec):
            paired = pair_with_data(models(), spec, self._data_dir, None, on_note=on_note)
            opened = [data for _, data in paired]
        else:
            opened = [open_data(spec, self._data_dir, on_note=on_note)]
        self._opened |= {data.info.splits["test"].checksum: data for data in opened}
        return list(self._opened)

    def _read(self, name: str, checksum: str, limit: int | None) -> npt.NDArray[np.int64]:
        """Return the (images,) labels of the images in use, by ascending index.

        Raises:
            LnbenchError: no decoded data set on this machine has the checksum, nor has the folder of
                corrupted images.
        """
        data = self._opened.get(checksum) or find_decoded(checksum, self._data_dir)
        if data is not None:
            labels = data.arrays("test").labels
        elif self._corrupted is not None and self._corrupted.checksum == checksum:
            labels = self._corrupted.true_labels()
        else:
            raise LnbenchError(
                f"The test labels of '{name}' ({checksum[:6]}) are not on this machine.",
                "Name the folder of the corrupted images: --corrupted DIR"
                if name.startswith("corrupted:")
                else "Name them with --data SPEC, or where decoded data are with --data-dir DIR.",
            )
        return labels[limited(len(labels), limit)]


def right_images(store: Results, cell_id: str, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return for each image in use, (images,), by ascending index, whether a cell's prediction is right.

    Args:
        store: the results.
        cell_id: the cell.
        labels: (images,) of the images in use.

    Raises:
        LnbenchError: the cell cannot be read, has no predictions, or they do not fit the labels and its
            confusion matrix.
    """
    predictions = store.predictions(cell_id)
    _, counts = checked_cell(store, cell_id)
    hint = "Remove it to have it measured again."
    if len(predictions) != len(labels):
        raise LnbenchError(
            f"Cell '{cell_id}' has {len(predictions):,} predictions for {len(labels):,} images.", hint
        )
    confusion = np.zeros_like(counts.confusion)
    if max(predictions.max(initial=0), labels.max(initial=0)) < len(confusion):
        np.add.at(confusion, (labels, predictions), 1)
    if not np.array_equal(confusion, counts.confusion):
        raise LnbenchError(f"The predictions of cell '{cell_id}' are not those of its counts.", hint)
    return np.asarray(predictions == labels)
