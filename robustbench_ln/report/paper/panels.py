"""Panels side by side, of fixed sizes in inches, with a legend below: no layout has to be searched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_ln.report.drawing import WIDTH, Styles
from robustbench_ln.report.lines import add_legend, legend_rows

_LEFT = 0.58
_LINE = 0.18


@dataclass(frozen=True)
class Panels:
    """A figure of equal panels.

    Attributes:
        figure: the figure.
        axes: the panels, row by row.
        width, height: of a panel, in inches.
        columns: panels of a full row.
    """

    figure: Figure
    axes: list[Axes]
    width: float
    height: float
    columns: int

    def first_of_row(self, position: int) -> bool:
        """Return whether a panel is the leftmost of its row."""
        return position % self.columns == 0

    def last_of_row(self, position: int) -> bool:
        """Return whether a panel is the rightmost of its row."""
        return position % self.columns == self.columns - 1 or position == len(self.axes) - 1


def make_panels(
    count: int,
    columns: int,
    *,
    height: float,
    above: float,
    below: float,
    right: float = 0.62,
    gap: float = 0.28,
    legend: Styles | None = None,
    more: Sequence[Artist] = (),
    foot: float = 0.0,
) -> Panels:
    """Return a figure of the report's width with panels, to be used within `figure_style`.

    Args:
        count: number of panels.
        columns: of them side by side.
        height: of a panel.
        above: room above each panel, for its title.
        below: room below each panel, for its axis.
        right: room right of the last panel.
        gap: between two panels.
        legend: lines that a legend names, below all panels.
        more: entries of the legend after the lines.
        foot: room below all panels where there is no such legend.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    width = (WIDTH - _LEFT - right - (columns - 1) * gap) / columns
    if legend is not None:
        foot = 0.12 + 0.2 * legend_rows(legend, WIDTH, len(more))
    down = rows * (above + height + below) + foot
    figure = Figure(figsize=(WIDTH, down))
    axes = []
    for position in range(count):
        row, column = divmod(position, columns)
        left = _LEFT + column * (width + gap)
        bottom = down - (row + 1) * (above + height + below) + below
        axes.append(figure.add_axes((left / WIDTH, bottom / down, width / WIDTH, height / down)))
    if legend is not None:
        add_legend(
            figure,
            legend,
            WIDTH,
            more=more,
            **_at_the_foot(figure),
        )
    return Panels(figure, axes, width, height, columns)


def name_handles(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """Draw a legend into the foot of a figure, whose room is 0.2 inches a row."""
    figure.legend(handles=handles, ncols=columns, **_at_the_foot(figure))


def _at_the_foot(figure: Figure) -> dict[str, Any]:
    across, down = figure.get_size_inches()
    return {"loc": "lower left", "bbox_to_anchor": (0.1 / across, 0.02 / down), "borderaxespad": 0}


def room_for(text: str) -> float:
    """Return the inches that a text of several lines takes."""
    return _LINE * (text.count("\n") + 1)
