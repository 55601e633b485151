"""Draw confusion matrices in home modes, and tell how far predictions collapse onto few classes."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pandas as pd

from robustbench_ln.errors import LnbenchError
from robustbench_ln.report.exhibit import Exhibit, Table, csv_name, csv_uri
from robustbench_ln.report.formats import number, percent, sigma_text, visible
from robustbench_ln.report.inputs import DataGroup, NoiseGroup, spread_sigmas
from robustbench_ln.report.matrix_picture import NAMED_CLASSES, draw_matrices, pooling, ramp
from robustbench_ln.report.rows import rows_of
from robustbench_ln.store.results import Results
from robustbench_ln.wording import listed

_LISTED_CONFUSIONS = 10
Matrix = npt.NDArray[np.int64]


def draw_confusions(store: Results, data: DataGroup, noise: NoiseGroup, curve: str) -> Exhibit:
    """Draw the confusion matrices of one curve in its home mode at a few sigmas.

    Args:
        store: where the counts are.
        data: the data set.
        noise: the noise.
        curve: a `curve_label` under this noise.

    Raises:
        LnbenchError: counts that cannot be read.
    """
    home = noise.home[["curve_label", "sigma", "sigma_text", "accuracy", "mode", "cell"]]
    cells = home[home["curve_label"] == curve].drop_duplicates("sigma")
    cells = cells[cells["sigma"].isin(spread_sigmas(cells["sigma"]))].sort_values("sigma")
    matrices = [_confusion(store, cell, len(data.classes)) for cell in cells["cell"]]
    sigmas = [sigma_text(sigma) for sigma in cells["sigma"]]
    where = f"{curve} on {data.label} under {noise.label}"
    table = _tidy(cells, matrices, data.classes)
    return Exhibit(
        draw_matrices(
            [shares_of(matrix) for matrix in matrices], [f"sigma {sigma}" for sigma in sigmas], data.classes
        ),
        f"Confusion matrices of {where}. {_in_words(cells, matrices, data.classes)}",
        f"{curve}, mode {cells['mode'].iloc[0]}: share of each true class (row) by predicted class (column), "
        f"at sigma {listed(sigmas)}.{_pooling_note(len(data.classes))}",
        csv_uri(table),
        csv_name("confusion", data.label, noise.label, curve),
        [
            _confusion_list(where, cells, matrices, data.classes),
            *(
                [_matrix_table(where, cells, matrices, data.classes)]
                if len(data.classes) <= NAMED_CLASSES
                else []
            ),
        ],
        json.dumps({"kind": "confusion", "classes": data.classes, "ramp": ramp()}),
    )


def _pooling_note(classes: int) -> str:
    factor = pooling(classes)
    if factor == 1:
        return ""
    return f" Each pixel shows the largest share of {factor} by {factor} classes; the CSV has all of them."


def collapse_table(data: DataGroup, noise: NoiseGroup) -> Table:
    """Return how concentrated the predictions of each curve in its home mode are, by sigma."""
    cells = noise.home[["curve_label", "sigma", "top_share", "entropy_share"]]
    cells = cells.drop_duplicates(["curve_label", "sigma"])
    sigmas = sorted(cells["sigma"].unique())
    rows = []
    for curve, own in cells.groupby("curve_label", sort=False):
        by_sigma = own.set_index("sigma").reindex(sigmas)
        rows.append([curve, "most predicted class", *map(percent, by_sigma["top_share"])])
        rows.append([curve, "entropy", *map(percent, by_sigma["entropy_share"])])
    caption = (
        f"Collapse on {data.label} under {noise.label}, by sigma: share of all predictions in the most "
        "predicted class, and entropy of the predicted classes relative to uniform ones (100 % is uniform, "
        "0 % one class only)"
    )
    return Table(caption, ["network", "measure", *map(sigma_text, sigmas)], rows, heads=2)


def _confusion(store: Results, cell: str, classes: int) -> Matrix:
    confusion = store.counts(cell).confusion
    if confusion.shape != (classes, classes):
        raise LnbenchError(f"Cell '{cell}' counts {confusion.shape}, not {classes} classes.")
    return confusion


def shares_of(matrix: Matrix) -> npt.NDArray[np.float64]:
    """Return the share of each true class; NaN for a class without images."""
    totals = matrix.sum(1, keepdims=True)
    shares = np.full(matrix.shape, np.nan)
    np.divide(matrix, totals, out=shares, where=totals > 0)
    return shares


def _tidy(cells: pd.DataFrame, matrices: list[Matrix], classes: tuple[str, ...]) -> pd.DataFrame:
    """Return a row for each pair of classes that was seen, with its count and its share of the true class."""
    number, true, predicted = np.nonzero(matrices)
    counts = np.asarray(matrices)[number, true, predicted]
    return pd.DataFrame(
        {
            "sigma": cells["sigma"].to_numpy()[number],
            "true": [classes[label] for label in true],
            "predicted": [classes[label] for label in predicted],
            "count": counts,
            "share": counts / np.sum(matrices, 2)[number, true],
        }
    )


def _matrix_table(where: str, cells: pd.DataFrame, matrices: list[Matrix], classes: tuple[str, ...]) -> Table:
    rows = [
        [sigma_text(sigma), visible(name), *map(number, counts.tolist())]
        for sigma, matrix in zip(cells["sigma"], matrices, strict=True)
        for name, counts in zip(classes, matrix, strict=True)
    ]
    caption = f"Images of {where}, by true class (row) and predicted class (column)"
    return Table(caption, ["sigma", "true", *map(visible, classes)], rows, heads=2)


def _confusion_list(
    where: str, cells: pd.DataFrame, matrices: list[Matrix], classes: tuple[str, ...]
) -> Table:
    rows = []
    for sigma, matrix in zip(cells["sigma"], matrices, strict=True):
        wrong = np.where(np.eye(len(classes), dtype=bool), 0, matrix)
        for place in np.argsort(-wrong, axis=None, kind="stable")[:_LISTED_CONFUSIONS].tolist():
            true, predicted = divmod(place, len(classes))
            if count := int(wrong[true, predicted]):
                share = percent(count / matrix[true].sum())
                names = (visible(classes[label]) for label in (true, predicted))
                rows.append([sigma_text(sigma), *names, number(count), share])
    caption = f"Most frequent confusions of {where}"
    return Table(caption, ["sigma", "true", "predicted", "images", "share of the true class"], rows)


def _in_words(cells: pd.DataFrame, matrices: list[Matrix], classes: tuple[str, ...]) -> str:
    sentences = []
    for (text, accuracy), matrix in zip(rows_of(cells, "sigma_text", "accuracy"), matrices, strict=True):
        predicted = matrix.sum(0)
        top = int(predicted.argmax())
        sentences.append(
            f"At sigma {text}, {percent(accuracy)} are on the diagonal and the most predicted "
            f"class, {visible(classes[top])}, takes {percent(predicted[top] / predicted.sum())}."
        )
    return " ".join(sentences)
