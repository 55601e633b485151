"""Badly lit test images, right or wrong with each norm: the paper's Fig 2."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from robustbench_ln.data.dataset import DataSet, limited
from robustbench_ln.experiments.evidence import Evidence, of_one_data_set
from robustbench_ln.experiments.needs import spread
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.report.drawing import WIDTH, as_picture, figure_style, shorten
from robustbench_ln.report.exhibit import Exhibit, Picture, Table, csv_name, csv_uri
from robustbench_ln.report.formats import sigma_text, visible
from robustbench_ln.report.lines import by_sigma
from robustbench_ln.report.paper.item import (
    Drawn,
    Item,
    Room,
    Sheet,
    noise_name,
    of_pair,
    readings_of,
    unmeasured,
)
from robustbench_ln.report.paper.pictures import as_tile, find_images, noisy_images
from robustbench_ln.report.paper.points import home_label, interval_sentence, line_points

_IMAGES, _COLUMNS, _PIXELS = 4, 5, 112
_RIGHT, _WRONG = ("\u2713", "#175c39"), ("\u2717", "#9c1f16")
#: Inches.
_GAP, _EDGE, _LINE, _TOP = 0.14, 0.1, 0.135, 0.28


def draw_images(item: Item, room: Room) -> Drawn:
    """Draw an item whose form is "images": a few test images, and what each norm in its home mode says."""
    drawn = Drawn(remarks=unmeasured(item))
    for entry in item.evidence:
        points = line_points(entry)
        if points.empty:
            continue
        data = find_images(entry, room)
        if data is None:
            drawn.remarks.append(f"The images of {entry.benchmark} are not on this machine.")
        for pair in readings_of(points):
            guesses = None if data is None else _guesses(entry, pair, data, room)
            if data is not None and guesses is None:
                drawn.remarks.append(
                    f"The cells of {entry.benchmark} under {pair[0]} hold no predictions of single images, "
                    "as in packed results, so no image is shown."
                )
            if data is not None and guesses is not None:
                drawn.exhibits.append(_figure(item, entry, pair, data, guesses))
            own = of_pair(points, pair)
            drawn.sheets.append(_accuracies(item, entry, pair, own))
    return drawn


def chosen_images(images: int, limit: int | None) -> npt.NDArray[np.int64]:
    """Return the (n,) indices of the test images to show: a fixed random choice of those in use."""
    used = limited(images, limit)
    order = np.random.Generator(np.random.Philox(0)).permutation(len(used))
    return np.sort(used[order[:_IMAGES]])


def _guesses(entry: Evidence, pair: tuple[str, str], data: DataSet, room: Room) -> pd.DataFrame | None:
    """Return what each norm takes each shown image for, None where a cell holds no predictions.

    Returns:
        Columns `norm`, `seed`, `sigma`, `index`, `true`, `predicted` and `right`, classes as positions; of
        each norm the network with the lowest training seed, in its home mode.
    """
    cells = of_pair(of_one_data_set(entry.cells), pair)
    cells = cells.assign(label=home_label(cells)).dropna(subset="label")
    cells = cells.sort_values(["train_seed"], kind="stable").drop_duplicates(["label", "sigma"])
    known = data.info.splits["test"].images
    limits = cells["limit"].dropna()
    # A smaller choice of images is part of a larger one.
    index = chosen_images(known, None if limits.empty else int(limits.min()))
    labels = data.arrays("test").labels[index]
    rows = []
    for cell in cells.itertuples():
        predictions = room.store.counts(cell.cell).predictions
        if predictions is None or len(predictions) != cell.images:
            return None
        used = limited(known, None if pd.isna(cell.limit) else int(cell.limit))
        found = predictions[np.searchsorted(used, index)]
        for one, true, predicted in zip(index.tolist(), labels.tolist(), found.tolist(), strict=True):
            rows.append((cell.label, cell.train_seed, cell.sigma, one, true, predicted, true == predicted))
    columns = ["norm", "seed", "sigma", "index", "true", "predicted", "right"]
    return pd.DataFrame(rows, columns=columns) if rows else None


def _figure(
    item: Item, entry: Evidence, pair: tuple[str, str], data: DataSet, guesses: pd.DataFrame
) -> Exhibit:
    names = data.info.classes
    table = guesses.assign(
        true=[names[label] for label in guesses["true"]],
        predicted=[names[label] for label in guesses["predicted"]],
    )
    cell = of_pair(entry.cells, pair).iloc[0]
    noise = NoiseSpec(cell["noise"], False, bool(cell["rescale"]), cell["space"])
    texts = tuple(sigma_text(sigma) for sigma in sorted(guesses["sigma"].unique()))
    sigmas = spread(texts, _COLUMNS)
    index = np.array(sorted(guesses["index"].unique()))
    tiles = {sigma: noisy_images(data, noise, sigma, index, entry.settings) for sigma in sigmas}
    where = f"{data.info.name} under {noise_name(*pair)}"
    return Exhibit(
        _draw(tiles, index, table),
        f"{len(index)} test images of {where}. {_in_words(table)}",
        f"{item.experiment.paper}. A fixed random choice of test images of {where}, and what each norm in "
        f"its home mode takes each for, training seed {int(guesses['seed'].min())}: {_RIGHT[0]} right, "
        f"{_WRONG[0]} wrong.",
        csv_uri(table),
        csv_name(item.name, entry.benchmark, pair[0], "images"),
        [_table(where, table)],
    )


def _draw(tiles: dict[str, FloatArray], index: npt.NDArray[np.int64], table: pd.DataFrame) -> Picture:
    norms = list(dict.fromkeys(table["norm"]))
    side = min((WIDTH - 2 * _EDGE - (len(tiles) - 1) * _GAP) / len(tiles), 1.4)
    letters = int(side / 0.062)
    # Under each image the norms' words, above each row its true class.
    pitch = side + _LINE * (2 * len(norms) + 2) + 0.06
    across = 2 * _EDGE + len(tiles) * side + (len(tiles) - 1) * _GAP
    down = _TOP + len(index) * pitch
    with figure_style():
        figure = Figure(figsize=(across, down))
        for row, one in enumerate(index):
            own = table[table["index"] == one]
            top = down - _TOP - row * pitch
            true = shorten(own["true"].iloc[0], 80)
            figure.text(_EDGE / across, (top - 0.02) / down, true, va="top", fontsize=9)
            for column, (sigma, images) in enumerate(tiles.items()):
                left = _EDGE + column * (side + _GAP)
                bottom = top - 1.35 * _LINE - side
                axes = figure.add_axes((left / across, bottom / down, side / across, side / down))
                axes.set_axis_off()
                axes.imshow(as_tile(images[row], _PIXELS), interpolation="none")
                if row == 0:
                    x = (left + side / 2) / across
                    figure.text(x, (down - 0.02) / down, f"sigma {sigma}", va="top", ha="center", fontsize=9)
                words = own[own["sigma"] == float(sigma)]
                for place, norm in enumerate(norms):
                    guess = words[words["norm"] == norm]
                    if guess.empty:
                        continue
                    mark, colour = _RIGHT if bool(guess["right"].iloc[0]) else _WRONG
                    y = bottom - 0.03 - 2 * place * _LINE
                    head = f"{mark} {shorten(norm, letters - 2)}"
                    figure.text(left / across, y / down, head, va="top", fontsize=7.5, color=colour)
                    word = shorten(guess["predicted"].iloc[0], letters)
                    figure.text(left / across, (y - _LINE) / down, word, va="top", fontsize=7.5)
        return as_picture(figure)


def _table(where: str, table: pd.DataFrame) -> Table:
    rows = [
        [
            str(row.index_),
            visible(row.true),
            sigma_text(row.sigma),
            row.norm,
            visible(row.predicted),
            "right" if row.right else "wrong",
        ]
        for row in table.rename(columns={"index": "index_"})
        .sort_values(["index_", "sigma"], kind="stable")
        .itertuples()
    ]
    columns = ["test image", "class", "sigma", "norm", "predicted", "outcome"]
    return Table(f"Predictions for the shown images of {where}", columns, rows, heads=2)


def _in_words(table: pd.DataFrame) -> str:
    return " ".join(
        f"{norm} is right in {int(own['right'].sum())} of {len(own)} cases."
        for norm, own in table.groupby("norm", sort=False)
    )


def _accuracies(item: Item, entry: Evidence, pair: tuple[str, str], points: pd.DataFrame) -> Sheet:
    lines = points.assign(line=points["norm_label"] + ", " + points["mode_label"])
    caption = (
        f"Accuracy of {entry.place} under {noise_name(*pair)} by norm and mode, with 95 % interval. "
        f"{interval_sentence(points)}"
    )
    names = list(dict.fromkeys(lines["line"]))
    return Sheet(
        by_sigma(caption, lines, "line", names),
        csv_uri(points),
        csv_name(item.name, entry.benchmark, pair[0], "accuracy"),
    )
