"""Draw accuracy against sigma: all networks in their home modes, and the modes of each network."""

from __future__ import annotations

import json
import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from robustbench_ln.modes import MODES
from robustbench_ln.report.drawing import WIDTH, Styles, as_picture, figure_style, line_styles, shorten
from robustbench_ln.report.exhibit import Exhibit, Table, csv_name, csv_uri
from robustbench_ln.report.formats import percent, sigma_text
from robustbench_ln.report.inputs import DataGroup, NoiseGroup
from robustbench_ln.report.lines import (
    add_legend,
    by_sigma,
    draw_chance,
    draw_lines,
    draw_printed,
    legend_rows,
    paper_handle,
    sigma_meaning,
)
from robustbench_ln.report.printed import printed_points
from robustbench_ln.report.repeats import interval_note

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
    styles = styles.only(list(cells["curve_label"]))
    printed = printed_points(cells, noise.spec.name)
    rings = [paper_handle()] if len(printed) else []
    # Several noises stand side by side.
    width = WIDTH if len(data.noises) == 1 else 5.0
    with figure_style():
        height = 0.46 * width + 0.7 + 0.2 * legend_rows(styles, width, len(rings))
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        draw_lines(axes, cells, "curve_label", styles)
        draw_chance(axes, 1 / len(data.classes))
        for row in printed.itertuples():
            draw_printed(axes, row.sigma, row.paper, styles.colours[row.curve_label])
        axes.set_title(f"accuracy under {noise.label}")
        axes.set_xlabel(sigma_meaning(noise.spec.family, width))
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
    styles = mode_styles(data).only(list(cells["mode_label"]))
    columns = 2 if len(models) == 4 else min(len(models), _PANELS)
    rows = -(-len(models) // columns)
    with figure_style():
        width = max(WIDTH * columns / _PANELS, 5.0)
        height = 2.7 * rows + 0.9 + 0.2 * legend_rows(styles, width)
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, model in zip(panels, models, strict=False):
            own = cells[cells["model_label"] == model]
            draw_lines(axes, own, "mode_label", styles)
            draw_chance(axes, 1 / len(data.classes), named=axes in panels[columns - 1 :: columns])
            axes.set_title(textwrap.fill(shorten(model, 90), 30))
            axes.set_xlabel("sigma")
        for position, axes in enumerate(panels):
            axes.set_visible(position < len(models))
            # The lowest panel of a column carries the numbers, also where the last row is not full.
            lowest = position + columns >= len(models)
            axes.tick_params(labelbottom=lowest)
            axes.xaxis.label.set_visible(lowest)
        add_legend(figure, styles, width, title=sigma_meaning(noise.spec.family, width))
        picture = as_picture(figure)
    where = f"{data.label} under {noise.label}"
    tables = []
    words = []
    for model in models:
        own = cells[cells["model_label"] == model]
        present = styles.only(list(own["mode_label"]))
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
    families = dict(zip(home["curve_label"], home["family"], strict=True))
    return line_styles(families, list(dict.fromkeys(families.values())))


def mode_styles(data: DataGroup) -> Styles:
    """Return the styles of a data set's modes; a mode looks the same in every report."""
    families = dict(zip(data.cells["mode_label"], data.cells["mode"], strict=True))
    ordered = sorted(families, key=lambda label: (MODES.index(families[label]), label))
    return line_styles({label: families[label] for label in ordered}, MODES)


def _in_words(cells: pd.DataFrame, label: str, styles: Styles) -> str:
    sentences = []
    for name in styles.labels:
        curve = cells[cells[label] == name].sort_values("sigma")
        first, last = curve.iloc[0], curve.iloc[-1]
        start = f"{percent(first['accuracy'])} at sigma {first['sigma_text']}"
        end = f"{percent(last['accuracy'])} at sigma {last['sigma_text']}"
        sentences.append(f"{name} has {start}" + (f" and {end}." if len(curve) > 1 else "."))
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
