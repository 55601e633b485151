"""Draw lines of accuracy against sigma on one pair of axes, and the legend that names them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from robustbench_ln.noise import NoiseFamily
from robustbench_ln.report.drawing import INK, LONGEST, MUTED, Styles
from robustbench_ln.report.exhibit import Table
from robustbench_ln.report.formats import percent, percent_range, sigma_text
from robustbench_ln.report.panels import LINE
from robustbench_ln.report.rows import rows_of

#: Letters that an inch takes.
LETTERS = 12
#: Points of a line that have markers, at most.
_MARKED = 14
#: In front of the lines, and whole at the edge.
_ABOVE: dict[str, Any] = {"zorder": 4, "clip_on": False}


def draw_lines(
    axes: Axes, points: pd.DataFrame, label: str, styles: Styles, sigmas: npt.ArrayLike | None = None
) -> None:
    """Draw a line a label, with a band for its interval.

    The lines are those of seaborn's `lineplot`, which takes as long as all else of a figure.

    Args:
        axes: where.
        points: columns `sigma`, `accuracy`, `low`, `high` and the label's.
        label: the column that names lines.
        styles: of these lines, no others.
        sigmas: all that the axis must have room for; the points' own when left out.
    """
    numbers = points[["sigma", "accuracy", "low", "high"]].to_numpy(dtype=np.float64)
    order = np.lexsort((numbers[:, 1], numbers[:, 0]))
    names, numbers = points[label].to_numpy()[order], numbers[order]
    curves = {name: numbers[names == name] for name in styles.labels}
    # Of a fine grid some points have markers.
    every = -(-max(map(len, curves.values())) // _MARKED)
    bands = {}
    for name, own in curves.items():
        sigma, accuracy, low, high = own.T
        axes.plot(
            sigma,
            accuracy,
            color=styles.colours[name],
            linestyle=styles.linestyle(name),
            marker=styles.markers[name],
            markevery=every,
            markeredgecolor="white",
            markeredgewidth=0.75,
            clip_on=False,
            zorder=3,
        )
        if len(own) > 1:
            bands[name] = np.concatenate([own[:, [0, 2]], own[::-1, [0, 3]]])
        else:
            axes.vlines(sigma, low, high, color=styles.colours[name], linewidth=1)
    shades = [styles.colours[name] for name in bands]
    axes.add_collection(
        PolyCollection(list(bands.values()), facecolors=shades, alpha=0.14, linewidths=0), autolim=False
    )
    _sigma_axis(axes, numbers[:, 0], sigmas)
    accuracy_axis(axes)


def _sigma_axis(axes: Axes, drawn: npt.ArrayLike, wanted: npt.ArrayLike | None) -> None:
    """Name the axis of sigma, and give it room for those that are wanted or, of one alone, around it."""
    known = np.unique(np.asarray(drawn if wanted is None else wanted, dtype=np.float64))
    axes.set_xlabel("sigma")
    if len(known) == 1:
        axes.set_xlim(known[0] - 0.5, known[0] + 0.5)
        axes.set_xticks(known)
    elif wanted is not None:
        edge = mpl.rcParams["axes.xmargin"] * (known[-1] - known[0])
        axes.set_xlim(known[0] - edge, known[-1] + edge)


def accuracy_axis(axes: Axes) -> None:
    """Let the upright axis run from 0 to 100 per cent."""
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def draw_chance(axes: Axes, chance: float, *, named: bool = True) -> None:
    """Draw the accuracy of guessing, a share of 1."""
    axes.axhline(chance, color=MUTED, linewidth=0.9, dashes=(4, 3), zorder=2)
    if named:
        axes.annotate(
            f"chance\n{100 * chance:.3g} %",
            (1.01, chance),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            color=MUTED,
        )


def draw_printed(axes: Axes, sigma: float, accuracy: float, colour: Any) -> None:
    """Draw a ring for a number that the paper prints."""
    axes.plot(
        [sigma], [accuracy], linestyle="", marker="o", markersize=8, mfc="none", mec=colour, mew=1.4, **_ABOVE
    )


def paper_handle() -> Line2D:
    """Return the entry of a legend for the numbers that the paper prints."""
    return Line2D([], [], linestyle="", marker="o", markersize=8, mfc="none", mec=INK, mew=1.4, label="paper")


def add_legend(
    figure: Figure,
    styles: Styles,
    width: float,
    *,
    title: str | None = None,
    more: Sequence[Artist] = (),
    **how: Any,
) -> None:
    """Draw the legend at the foot of a figure, whose room is `legend_room`.

    Args:
        figure: where.
        styles: of the lines.
        width: of the figure, in inches.
        title: above the legend.
        more: entries after the lines'.
        how: further options of the legend, its place among them.
    """
    across, down = figure.get_size_inches()
    place: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (0.1 / across, 0.02 / down),
        "borderaxespad": 0,
        **how,
    }
    figure.legend(
        handles=[*styles.handles(), *more],
        ncols=legend_columns(styles, width, len(more)),
        title=title,
        title_fontsize=9.5,
        alignment="left",
        **place,
    )


def legend_columns(styles: Styles, width: float, more: int = 0) -> int:
    """Return how many entries of a legend stand side by side."""
    longest = max(min(len(label), LONGEST) for label in styles.labels)
    return max(min(len(styles.labels) + more, int(LETTERS * width) // (longest + 8)), 1)


def legend_rows(styles: Styles, width: float, more: int = 0) -> int:
    """Return how many lines of text a legend has below each other."""
    lines = [label.count("\n") + 1 for label in styles.legend_labels()] + [1] * more
    columns = np.array_split(lines, legend_columns(styles, width, more))
    return max(int(column.sum()) for column in columns)


def legend_room(styles: Styles, width: float, *, title: str | None = None, more: int = 0) -> float:
    """Return the inches that a legend takes at the foot of a figure of a width."""
    above = 0.0 if title is None else 0.06 + LINE * (title.count("\n") + 1)
    return 0.12 + above + 0.2 * legend_rows(styles, width, more)


def sigma_meaning(noise: NoiseFamily, width: float) -> str:
    """Return what sigma means, in lines that fit axes of a width in inches."""
    return textwrap.fill(f"sigma: {noise.sigma}", max(int(LETTERS * width) - 8, 12))


def by_sigma(caption: str, points: pd.DataFrame, label: str, names: Sequence[str]) -> Table:
    """Return a table of accuracies with their intervals: a row a sigma, a column a line."""
    texts = {
        (sigma, name): f"{percent(accuracy)} ({percent_range(low, high)})"
        for sigma, name, accuracy, low, high in rows_of(points, "sigma", label, "accuracy", "low", "high")
    }
    sigmas: Sequence[float] = sorted(points["sigma"].unique())
    rows = [[sigma_text(sigma), *(texts.get((sigma, name), "") for name in names)] for sigma in sigmas]
    return Table(caption, ["sigma", *names], rows)
