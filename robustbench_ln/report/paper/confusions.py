"""Confusion matrices, a row a norm and a column a sigma: the paper's Fig 15 to 17."""

from __future__ import annotations

import numpy as np
import pandas as pd

from robustbench_ln.experiments.evidence import Evidence, of_one_data_set
from robustbench_ln.norms.registry import norm_rank
from robustbench_ln.report.drawing import WIDTH, as_picture, figure_style, framed_axes, shorten
from robustbench_ln.report.exhibit import Exhibit, Picture, Table, csv_name, csv_uri
from robustbench_ln.report.formats import percent, sigma_text
from robustbench_ln.report.matrices import Matrix, shares_of
from robustbench_ln.report.matrix_picture import draw_scale, show_shares
from robustbench_ln.report.paper.item import Drawn, Item, Room, noise_name, of_pair, readings_of, unmeasured
from robustbench_ln.report.paper.pictures import find_images
from robustbench_ln.report.paper.points import home_label
from robustbench_ln.wording import listed

#: Up to so many classes are named beside the lowest left matrix.
_NAMED = 20
#: Inches.
_LARGEST, _RIGHT, _TOP, _BOTTOM = 1.5, 0.85, 0.3, 0.3
_LETTER = 0.07


def draw_confusion_grid(item: Item, room: Room) -> Drawn:
    """Draw an item whose form is "confusions": a figure for each benchmark and noise, all in one scale."""
    drawn = Drawn(remarks=unmeasured(item))
    for entry in item.evidence:
        home = _home(entry)
        for pair in readings_of(home):
            drawn.exhibits.append(_figure(item, entry, pair, of_pair(home, pair), room))
    return drawn


def _home(entry: Evidence) -> pd.DataFrame:
    """Return one cell for each norm, noise and sigma, in home modes: that of the lowest training seed."""
    cells = of_one_data_set(entry.cells)
    named = cells.assign(norm_label=home_label(cells), rank=cells["norm"].map(norm_rank))
    first = named.dropna(subset="norm_label").sort_values("train_seed", kind="stable")
    return first.drop_duplicates(["noise_text", "reading", "norm_label", "sigma"]).sort_index()


def _figure(item: Item, entry: Evidence, pair: tuple[str, str], cells: pd.DataFrame, room: Room) -> Exhibit:
    ordered = cells.sort_values(["rank", "norm_label", "sigma"], kind="stable")
    norms = list(dict.fromkeys(ordered["norm_label"]))
    sigmas = sorted(ordered["sigma"].unique())
    counts = {
        (row.norm_label, row.sigma): room.store.counts(row.cell).confusion for row in ordered.itertuples()
    }
    classes = _class_names(entry, int(ordered["classes"].max()), room)
    where = f"{entry.place} under {noise_name(*pair)}"
    seeds = listed([str(seed) for seed in sorted(ordered["train_seed"].unique())])
    return Exhibit(
        _draw(counts, norms, sigmas, classes),
        f"Confusion matrices on {where}. {_in_words(ordered, norms)}",
        f"{item.experiment.paper}. {where}: share of each true class (row) by predicted class (column), each "
        f"norm in its home mode, training seed {seeds}; classes in the order of their labels.",
        csv_uri(_tidy(counts, classes)),
        csv_name(item.name, entry.benchmark, *pair),
        [_collapse(where, ordered, norms, sigmas)],
    )


def _class_names(entry: Evidence, count: int, room: Room) -> tuple[str, ...]:
    data = find_images(entry, room)
    cards = [model.card.get("class_names") or () for model in entry.models]
    names = [tuple(map(str, card)) for card in cards] + ([data.info.classes] if data is not None else [])
    return next((own for own in names if len(own) == count), tuple(map(str, range(count))))


def _draw(
    counts: dict[tuple[str, float], Matrix], norms: list[str], sigmas: list[float], classes: tuple[str, ...]
) -> Picture:
    count = len(classes)
    named = [shorten(name, 11) for name in classes] if count <= _NAMED else []
    left = 0.42 + _LETTER * max(map(len, named), default=0)
    bottom = _BOTTOM + 0.85 * _LETTER * max(map(len, named), default=0)
    pitch = count + max(count // 8, 1)
    canvas = np.full((pitch * len(norms), pitch * len(sigmas)), np.nan)
    for row, norm in enumerate(norms):
        for column, sigma in enumerate(sigmas):
            if (norm, sigma) in counts:
                canvas[row * pitch : row * pitch + count, column * pitch : column * pitch + count] = (
                    shares_of(counts[norm, sigma])
                )
    canvas = canvas[: count - pitch, : count - pitch]
    side = min((WIDTH - left - _RIGHT) * count / canvas.shape[1], _LARGEST)
    across, down = (side * length / count for length in (canvas.shape[1], canvas.shape[0]))
    with figure_style():
        figure, axes = framed_axes(across, down, left=left, right=_RIGHT, top=_TOP, bottom=bottom)
        show_shares(axes, canvas)
        axes.set(xticks=[], yticks=[])
        middle = (count - 1) / 2
        for column, sigma in enumerate(sigmas):
            axes.annotate(
                f"sigma {sigma_text(sigma)}",
                (column * pitch + middle, -0.5),
                (0, 5),
                textcoords="offset points",
                ha="center",
            )
        for row, norm in enumerate(norms):
            axes.text(
                -0.3 / side * count - (left - 0.42) / side * count,
                row * pitch + middle,
                norm,
                rotation=90,
                ha="center",
                va="center",
                fontsize=9,
            )
        pad = 0.05 * count / side
        size = min(8.0, 72 * side / max(count, 1) * 0.9)
        for place, name in enumerate(named):
            for row in range(len(norms)):
                axes.text(-0.5 - pad, row * pitch + place, name, fontsize=size, ha="right", va="center")
            for column in range(len(sigmas)):
                axes.text(
                    column * pitch + place,
                    canvas.shape[0] - 0.5 + pad,
                    name,
                    fontsize=size,
                    rotation=90,
                    rotation_mode="anchor",
                    ha="right",
                    va="center",
                )
        figure.text(
            (left + across / 2) / (left + across + _RIGHT),
            0.05 / (bottom + down + _TOP),
            "predicted class",
            ha="center",
            fontsize=9,
        )
        draw_scale(
            axes.inset_axes((1 + 0.15 / across, max(1 - 1.6 / down, 0), 0.12 / across, min(1.6 / down, 1)))
        )
        return as_picture(figure)


def _tidy(counts: dict[tuple[str, float], Matrix], classes: tuple[str, ...]) -> pd.DataFrame:
    parts = []
    for (norm, sigma), matrix in counts.items():
        true, predicted = np.nonzero(matrix)
        found = matrix[true, predicted]
        parts.append(
            pd.DataFrame(
                {
                    "norm": norm,
                    "sigma": sigma,
                    "true": [classes[label] for label in true],
                    "predicted": [classes[label] for label in predicted],
                    "count": found,
                    "share": found / matrix.sum(1)[true],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _collapse(where: str, cells: pd.DataFrame, norms: list[str], sigmas: list[float]) -> Table:
    rows = []
    for norm in norms:
        own = cells[cells["norm_label"] == norm].set_index("sigma").reindex(sigmas)
        rows.append([norm, "on the diagonal", *map(percent, own["accuracy"])])
        rows.append([norm, "most predicted class", *map(percent, own["top_share"])])
        rows.append([norm, "entropy", *map(percent, own["entropy_share"])])
    caption = (
        f"Collapse on {where}, by sigma: share of all predictions in the most predicted class, and entropy "
        "of the predicted classes relative to uniform ones (100 % is uniform, 0 % one class only)"
    )
    return Table(caption, ["norm", "measure", *map(sigma_text, sigmas)], rows, heads=2)


def _in_words(cells: pd.DataFrame, norms: list[str]) -> str:
    sentences = []
    for norm in norms:
        last = cells[cells["norm_label"] == norm].iloc[-1]
        sentences.append(
            f"At sigma {sigma_text(last['sigma'])}, {norm} has {percent(last['accuracy'])} on the diagonal "
            f"and its most predicted class takes {percent(last['top_share'])}."
        )
    return " ".join(sentences)
