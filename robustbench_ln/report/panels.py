"""Panels of a fixed size in inches, with room for a legend below them.

matplotlib's own layouts draw the whole figure once more to find the same places.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

#: Inches left of a row for the numbers of its axis, right of it for what chance is called, between panels.
_LEFT, RIGHT, GAP = 0.58, 0.66, 0.2
#: Inches that numbers below an axis take, and a line of text.
NUMBERS, LINE = 0.27, 0.165
#: Inches below a panel without numbers.
_BETWEEN = 0.12


def panel_width(across: float, columns: int) -> float:
    """Return the inches that each of some panels side by side is wide, of a figure's width."""
    return (across - _LEFT - RIGHT - (columns - 1) * GAP) / columns


def make_panels(
    count: int, columns: int, across: float, *, height: float, above: float, below: float, foot: float
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, row by row, to be used within `figure_style`.

    Numbers of sigma stand below the lowest panel of each column, numbers of accuracy left of each row.

    Args:
        count: number of panels.
        columns: of them side by side.
        across: the figure's width in inches.
        height: of a panel.
        above: room above each panel, for its title.
        below: room below a panel with numbers.
        foot: room below all panels.
    """
    width, rows = panel_width(across, columns), -(-count // columns)
    ends = [min((row + 1) * columns, count) - 1 for row in range(rows)]
    rooms = [below if _is_lowest(end, count, columns) else _BETWEEN for end in ends]
    down = rows * (above + height) + sum(rooms) + foot
    figure = Figure(figsize=(across, down))
    panels: list[Axes] = []
    for position in range(count):
        row, column = divmod(position, columns)
        top = row * (above + height) + sum(rooms[:row]) + above
        left = _LEFT + column * (width + GAP)
        place = (left / across, 1 - (top + height) / down, width / across, height / down)
        axes = figure.add_axes(place)
        # An axis without numbers is not drawn at all, which saves most of a panel's time.
        axes.xaxis.set_visible(_is_lowest(position, count, columns))
        if column:
            axes.yaxis.set_visible(False)
            _draw_grid(axes)
        panels.append(axes)
    return figure, panels


def _draw_grid(axes: Axes) -> None:
    """Draw the lines that an axis of accuracy has where numbers stand."""
    lines = LineCollection(
        [[(0, share), (1, share)] for share in np.linspace(0, 1, 6)],
        transform=axes.get_yaxis_transform(),
        colors=mpl.rcParams["grid.color"],
        linewidths=mpl.rcParams["grid.linewidth"],
        zorder=0.5,
    )
    axes.add_collection(lines, autolim=False)


def _is_lowest(position: int, count: int, columns: int) -> bool:
    """Return whether no panel stands below one, also where the last row is not full."""
    return position + columns >= count
