"""Draw matrices of shares side by side as one picture of a pixel a cell, which viewers scale up.

Separate axes, ticks, and matplotlib's automatic layout take six times as long.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import PercentFormatter

from robustbench_ln.report.drawing import WIDTH, as_picture, figure_style, framed_axes, shorten
from robustbench_ln.report.exhibit import Picture

#: Above it, rows and columns carry no names.
NAMED_CLASSES = 20
_COLOURS = "mako_r"
#: Inches.
_LARGEST_SIDE = 1.9
_LETTER = 0.075
_TOP, _RIGHT = 0.35, 0.95


def draw_matrices(
    shares: list[npt.NDArray[np.float64]], titles: list[str], classes: tuple[str, ...]
) -> Picture:
    """Draw all matrices in one colour scale.

    Args:
        shares: (classes, classes) in [0, 1], [true, predicted]; NaN stays white.
        titles: of each matrix.
        classes: names of rows and columns.
    """
    count = len(classes)
    names = [shorten(name, 12) for name in classes] if count <= NAMED_CLASSES else []
    room = _LETTER * max(map(len, names), default=0)
    turned = room > 2 * _LETTER or count > 10
    left = 0.38 + room
    bottom = 0.35 + (room if turned else 2 * _LETTER)
    pitch = count + max(count // 8, 1)
    canvas = np.full((count, pitch * len(shares) - (pitch - count)), np.nan)
    starts = [pitch * position for position in range(len(shares))]
    for start, share in zip(starts, shares, strict=True):
        canvas[:, start : start + count] = share
    side = min((WIDTH - left - _RIGHT) * count / canvas.shape[1], _LARGEST_SIDE)
    across = side * canvas.shape[1] / count
    with figure_style():
        figure, axes = framed_axes(across, side, left=left, right=_RIGHT, top=_TOP, bottom=bottom)
        show_shares(axes, canvas)
        axes.set(xticks=[], yticks=[], xlabel="predicted class", ylabel="true class")
        axes.xaxis.labelpad, axes.yaxis.labelpad = 72 * (bottom - 0.3), 72 * (left - 0.25)
        for start, title in zip(starts, titles, strict=True):
            above = (start + (count - 1) / 2, -0.5)
            axes.annotate(title, above, (0, 6), textcoords="offset points", ha="center")
        _name_classes(axes, names, starts, pad=0.06 * count / side, turned=turned)
        draw_scale(axes.inset_axes((1 + 0.2 / across, 0, 0.12 / across, 1)))
        return as_picture(figure)


def ramp() -> list[str]:
    """Return colours of shares from 0 to 1, for the page's script."""
    return [to_hex(mpl.colormaps[_COLOURS](share)) for share in np.linspace(0, 1, 9)]


def show_shares(axes: Axes, canvas: npt.NDArray[np.float64], **how: Any) -> None:
    """Show shares in [0, 1] in the colours of all matrices; NaN stays white."""
    # Without interpolation the picture is stored as it is.
    axes.imshow(canvas, cmap=_COLOURS, vmin=0, vmax=1, interpolation="none", **how)


def _name_classes(axes: Axes, names: list[str], starts: list[int], *, pad: float, turned: bool) -> None:
    """Write the names beside the rows and below the columns, `pad` pixels of the picture away."""
    size = 8 if len(names) <= 10 else 6
    below: dict[str, Any] = {"ha": "center", "va": "top"}
    if turned:
        below = {"ha": "right", "va": "center", "rotation": 90, "rotation_mode": "anchor"}
    for place, name in enumerate(names):
        axes.text(-0.5 - pad, place, name, fontsize=size, ha="right", va="center")
        for start in starts:
            axes.text(start + place, len(names) - 0.5 + pad, name, fontsize=size, **below)


def draw_scale(axes: Axes) -> None:
    """Draw the scale of the colours into axes of its own."""
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    show_shares(axes, np.linspace(1, 0, 101)[:, None], aspect="auto", extent=(0, 1, 0, 1))
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.tick_params(length=0, labelsize=8)
