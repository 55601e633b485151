"""Draw lines of accuracy against sigma on one pair of axes, and the legend that names them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from robustbench_ln.noise import NoiseFamily
from robustbench_ln.report.drawing import INK, MUTED, Styles
from robustbench_ln.report.exhibit import Table
from robustbench_ln.report.formats import percent, percent_range, sigma_text

#: Letters that an inch takes.
LETTERS = 12
#: Points of a line that have markers, at most.
_MARKED = 14
#: In front of the lines, and whole at the edge.
_ABOVE: dict[str, Any] = {"zorder": 4, "clip_on": False}


def draw_lines(axes: Axes, points: pd.DataFrame, label: str, styles: Styles, **how: Any) -> None:
    """Draw a line a label, with a band for its interval.

    Args:
        axes: where.
        points: columns `sigma`, `accuracy`, `low`, `high` and the label's.
        label: the column that names lines.
        styles: of these lines, no others.
        how: further options of the lines.
    """
    # Of a fine grid some points have markers, or lines are nothing but markers.
    longest = int(points.groupby(label, sort=False).size().max())
    how = {"markevery": -(-longest // _MARKED), **how}
    sns.lineplot(
        points,
        x="sigma",
        y="accuracy",
        hue=label,
        style=label,
        hue_order=styles.labels,
        style_order=styles.labels,
        palette=dict(styles.colours),
        markers=dict(styles.markers),
        dashes=dict(styles.dashes),
        estimator=None,
        legend=False,
        ax=axes,
        clip_on=False,
        zorder=3,
        **how,
    )
    for name, curve in points.groupby(label, sort=False):
        band = curve.sort_values("sigma")
        if len(band) > 1:
            axes.fill_between(
                band["sigma"], band["low"], band["high"], color=styles.colours[name], alpha=0.14, linewidth=0
            )
        else:
            axes.vlines(band["sigma"], band["low"], band["high"], color=styles.colours[name], linewidth=1)
    if points["sigma"].nunique() == 1:
        only = points["sigma"].iloc[0]
        axes.set_xlim(only - 0.5, only + 0.5)
        axes.set_xticks([only])
    axes.set_ylabel("")
    accuracy_axis(axes)


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
    """Draw the legend below the figure.

    Args:
        figure: where.
        styles: of the lines.
        width: of the figure, in inches.
        title: above the legend.
        more: entries after the lines'.
        how: further options of the legend, its place among them; else it is below the axes.
    """
    place: dict[str, Any] = {"loc": "outside lower left", **how}
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
    longest = max(min(len(label), 48) for label in styles.labels)
    return max(min(len(styles.labels) + more, int(LETTERS * width) // (longest + 8)), 1)


def legend_rows(styles: Styles, width: float, more: int = 0) -> int:
    """Return how many rows a legend has."""
    return -(-(len(styles.labels) + more) // legend_columns(styles, width, more))


def sigma_meaning(noise: NoiseFamily, width: float) -> str:
    """Return what sigma means, in lines that fit axes of a width in inches."""
    return textwrap.fill(f"sigma: {noise.sigma}", max(int(LETTERS * width) - 8, 12))


def by_sigma(caption: str, points: pd.DataFrame, label: str, names: Sequence[str]) -> Table:
    """Return a table of accuracies with their intervals: a row a sigma, a column a line."""
    texts = {
        (row.sigma, getattr(row, label)): f"{percent(row.accuracy)} ({percent_range(row.low, row.high)})"
        for row in points.itertuples()
    }
    sigmas: Sequence[float] = sorted(points["sigma"].unique())
    rows = [[sigma_text(sigma), *(texts.get((sigma, name), "") for name in names)] for sigma in sigmas]
    return Table(caption, ["sigma", *names], rows)
