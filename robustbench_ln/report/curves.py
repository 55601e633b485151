"""Draw accuracy against sigma: all networks in their home modes, and the modes of each network."""

from __future__ import annotations

import json
from operator import itemgetter

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from robustbench_ln.modes import MODES
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.report.drawing import WIDTH, Styles, as_picture, figure_style, fill, line_styles, shorten
from robustbench_ln.report.exhibit import Exhibit, Table, csv_name, csv_uri
from robustbench_ln.report.formats import percent, sigma_text
from robustbench_ln.report.inputs import DataGroup, NoiseGroup
from robustbench_ln.report.lines import (
    add_legend,
    by_sigma,
    draw_chance,
    draw_lines,
    draw_printed,
    legend_room,
    paper_handle,
    sigma_meaning,
)
from robustbench_ln.report.panels import GAP, LINE, NUMBERS, RIGHT, make_panels, panel_width
from robustbench_ln.report.printed import printed_points
from robustbench_ln.report.repeats import interval_note
from robustbench_ln.report.rows import rows_of

_COLUMNS = [
    "model", "data", "noise", "clip", "rescale", "space", "noise_seed", "mode", "coupled", "batch_size",
    "sigma", "images", "correct", "accuracy", "low", "high",
]  # fmt: skip
_PANELS = 3


def draw_home_curves(data: DataGroup, noise: NoiseGroup, styles: Styles) -> Exhibit:
    """Draw the curves of all networks in their home modes under one noise.

    Args:
        data: the data set.
        noise: with at least one cell in a home mode.
        styles: of all curves of the data set, from `home_styles`.
    """
    cells = noise.home
    styles = styles.only(cells["curve_label"].tolist())
    printed = printed_points(cells, noise.spec.name)
    rings = [paper_handle()] if len(printed) else []
    # Several noises stand side by side.
    width = WIDTH if len(data.noises) == 1 else 5.0
    title = fill(f"accuracy under {noise.label}", panel_width(width, 1) + RIGHT - 0.1, 10)
    meaning = sigma_meaning(noise.spec.family, width)
    with figure_style():
        figure, (axes,) = make_panels(
            1,
            1,
            width,
            height=0.46 * width - 0.3,
            above=0.12 + LINE * (title.count("\n") + 1),
            below=NUMBERS + LINE * (meaning.count("\n") + 1),
            foot=legend_room(styles, width, more=len(rings)),
        )
        draw_lines(axes, cells, "curve_label", styles)
        draw_chance(axes, 1 / len(data.classes))
        for row in printed.itertuples():
            draw_printed(axes, row.sigma, row.paper, styles.colours[row.curve_label])
        # Given a height, matplotlib measures no axis to find one.
        axes.set_title(title, y=1)
        axes.set_xlabel(meaning)
        add_legend(figure, styles, width, more=rings)
        picture = as_picture(figure)
        plot = _plot(axes, styles, 1 / len(data.classes))
    where = f"{data.label} under {noise.label}"
    return Exhibit(
        picture,
        f"Accuracy on {where} by sigma. {_in_words(cells, 'curve_label', styles)}",
        f"Accuracy on {where}, each network in its home mode. Bands: {interval_note(cells)} "
        f"Dashed: chance, {percent(1 / len(data.classes))}."
        + (" Rings: what the LocalNorm paper prints." if rings else ""),
        csv_uri(_plotted(cells, "curve_label", printed)),
        csv_name("curves", data.label, noise.label),
        [
            by_sigma(f"Accuracy on {where}, with 95 % interval", cells, "curve_label", styles.labels),
            *([_printed_table(where, printed)] if rings else []),
        ],
        plot,
    )


def draw_mode_curves(data: DataGroup, noise: NoiseGroup) -> Exhibit | None:
    """Draw the curves of every mode under one noise, a panel for each network with several.

    Returns:
        None where every network was measured in one mode only.
    """
    modes = noise.cells.groupby("model_label", sort=False)["mode_label"].nunique()
    models = list(modes.index[modes > 1])
    if not models:
        return None
    cells = noise.cells[noise.cells["model_label"].isin(models)]
    styles = mode_styles(data).only(cells["mode_label"].tolist())
    columns = 2 if len(models) == 4 else min(len(models), _PANELS)
    width = max(WIDTH * columns / _PANELS, 5.0)
    titles = [fill(shorten(model, 90), panel_width(width, columns) + GAP - 0.05, 9) for model in models]
    meaning = sigma_meaning(noise.spec.family, width)
    by_model = dict(list(cells.groupby("model_label", sort=False)))
    with figure_style():
        figure, panels = make_panels(
            len(models),
            columns,
            width,
            height=2.2,
            above=0.12 + LINE * (max(title.count("\n") for title in titles) + 1),
            below=NUMBERS + LINE,
            foot=legend_room(styles, width, title=meaning),
        )
        for position, (axes, model, title) in enumerate(zip(panels, models, titles, strict=True)):
            own = by_model[model]
            draw_lines(axes, own, "mode_label", styles.only(own["mode_label"].tolist()), cells["sigma"])
            draw_chance(axes, 1 / len(data.classes), named=(position + 1) % columns == 0)
            axes.set_title(title, y=1, fontsize=9)
        add_legend(figure, styles, width, title=meaning)
        picture = as_picture(figure)
    where = f"{data.label} under {noise.label}"
    tables = []
    words = []
    for model in models:
        own = by_model[model]
        present = styles.only(own["mode_label"].tolist())
        words.append(f"{model}: {_in_words(own, 'mode_label', present)}")
        caption = f"Accuracy of {model} on {where} by mode, with 95 % interval"
        tables.append(by_sigma(caption, own, "mode_label", present.labels))
    return Exhibit(
        picture,
        f"Accuracy on {where} by sigma and test-time mode. {' '.join(words)}",
        f"Accuracy on {where}, a panel for each network that was measured in several modes. "
        f"Bands: {interval_note(cells)} Dashed: chance, {percent(1 / len(data.classes))}.",
        csv_uri(_plotted(cells, "mode_label")),
        csv_name("modes", data.label, noise.label),
        tables,
    )


def home_styles(data: DataGroup) -> Styles:
    """Return the styles of a data set's curves in home modes, the same under every noise."""
    home = data.cells[data.cells["home"]]
    families = dict(rows_of(home, "curve_label", "family"))
    by_norm = {norm: family for family, norm in dict(rows_of(home, "family", "norm")).items()}
    names = list(dict.fromkeys(families.values()))
    if len(by_norm) < len(names):
        return line_styles(families, names)
    # A norm has one colour on the whole page, whichever others a data set was measured with.
    return line_styles(families, [by_norm.get(norm, norm) for norm in dict.fromkeys([*NORMS, *by_norm])])


def mode_styles(data: DataGroup) -> Styles:
    """Return the styles of a data set's modes; a mode looks the same in every report."""
    families = dict(rows_of(data.cells, "mode_label", "mode"))
    ordered = sorted(families, key=lambda label: (MODES.index(families[label]), label))
    return line_styles({label: families[label] for label in ordered}, MODES)


def _in_words(cells: pd.DataFrame, label: str, styles: Styles) -> str:
    points: dict[str, list[tuple[float, str]]] = {}
    for name, _, accuracy, sigma in sorted(
        rows_of(cells, label, "sigma", "accuracy", "sigma_text"), key=itemgetter(1)
    ):
        points.setdefault(name, []).append((accuracy, sigma))
    sentences = []
    for name in styles.labels:
        ends = dict.fromkeys((points[name][0], points[name][-1]))
        sentences.append(
            f"{name} has {' and '.join(f'{percent(share)} at sigma {at}' for share, at in ends)}."
        )
    return " ".join(sentences)


def _plot(axes: Axes, styles: Styles, chance: float) -> str:
    """Return what the page's script needs to draw the lines again: where the axes are, and the colours."""
    left, bottom, width, height = axes.get_position().bounds
    return json.dumps(
        {
            "kind": "curves",
            # From the upper left corner, as shares of the figure.
            "axes": [round(share, 5) for share in (left, 1 - bottom - height, width, height)],
            "sigma": [round(float(limit), 6) for limit in axes.get_xlim()],
            "lines": {label: to_hex(styles.colours[label]) for label in styles.labels},
            "dashes": {label: list(styles.dashes[label]) for label in styles.labels},
            "chance": chance,
        }
    )


def _printed_table(where: str, printed: pd.DataFrame) -> Table:
    rows = [
        [
            row.curve_label,
            row.item,
            sigma_text(row.sigma),
            percent(row.paper),
            percent(row.measured),
            f"{100 * (row.measured - row.paper):+.2f}",
        ]
        for row in printed.itertuples()
    ]
    columns = ["network", "in the paper", "sigma", "paper", "measured", "points above the paper"]
    return Table(f"What the LocalNorm paper prints for accuracy on {where}", columns, rows, heads=2)


def _plotted(cells: pd.DataFrame, label: str, printed: pd.DataFrame | None = None) -> pd.DataFrame:
    drawn = cells[[label, *_COLUMNS]]
    if printed is not None and len(printed):
        drawn = drawn.merge(printed[[label, "sigma", "paper"]], how="left", on=[label, "sigma"])
    return drawn.rename(columns={label: "line"})
