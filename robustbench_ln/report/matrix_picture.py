"""Draw matrices of shares side by side as one picture of a pixel a cell, which viewers scale up.

Separate axes, ticks, and matplotlib's automatic layout take six times as long.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from robustbench_ln.report.drawing import WIDTH, as_picture, figure_style, shorten
from robustbench_ln.report.exhibit import Picture

#: Above it, rows and columns carry no names.
NAMED_CLASSES = 20
#: Pixels of a matrix's side, at most: more than the picture is drawn with would vanish.
_MOST_PIXELS = 100
_COLOURS = "mako_r"
#: Inches.
_LARGEST_SIDE = 1.9
_LETTER = 0.075
_TOP, _RIGHT = 0.35, 0.95
_PAD = 0.06


def draw_matrices(
    shares: list[npt.NDArray[np.float64]], titles: list[str], classes: tuple[str, ...]
) -> Picture:
    """Draw all matrices in one colour scale.

    Args:
        shares: (classes, classes) in [0, 1], [true, predicted]; NaN stays white.
        titles: of each matrix.
        classes: names of rows and columns. Of more than a hundred, `pooling` of them share a pixel, which
            shows the largest of their shares.
    """
    shares = [_pooled(share, pooling(len(classes))) for share in shares]
    count = len(shares[0])
    names = [shorten(name, 12) for name in classes] if len(classes) <= NAMED_CLASSES else []
    room = _LETTER * max(map(len, names), default=0)
    turned = room > 2 * _LETTER or count > 10
    left = 0.38 + room
    bottom = 0.35 + (room if turned else 2 * _LETTER)
    pitch = count + max(count // 8, 1)
    canvas = np.full((count, pitch * len(shares) - (pitch - count)), np.nan)
    for position, share in enumerate(shares):
        canvas[:, pitch * position : pitch * position + count] = share
    side = min((WIDTH - left - _RIGHT) * count / canvas.shape[1], _LARGEST_SIDE)
    across = side * canvas.shape[1] / count
    with figure_style():
        sheet = _Sheet(left + across + _RIGHT, _TOP + side + bottom)
        show_shares(
            sheet.axes, canvas, aspect="auto", extent=(left, left + across, _TOP + side, _TOP), origin="upper"
        )
        sheet.write(left + across / 2, _TOP + side + bottom - 0.3, "predicted class", ha="center", va="top")
        upright: dict[str, Any] = {"rotation": 90, "rotation_mode": "anchor", "ha": "center"}
        sheet.write(0.25, _TOP + side / 2, "true class", va="bottom", **upright)
        pixel = side / count
        starts = [left + pixel * pitch * position for position in range(len(shares))]
        for start, title in zip(starts, titles, strict=True):
            sheet.write(start + side / 2, _TOP - 0.08, title, ha="center")
        _name_classes(sheet, names, starts, pixel, turned=turned)
        right = left + across + 0.2
        draw_scale(sheet.axes, (right, right + 0.12, _TOP + side, _TOP))
        return as_picture(sheet.figure)


def pooling(count: int) -> int:
    """Return how many of so many classes share a row and a column of the picture."""
    return -(-count // _MOST_PIXELS)


def _pooled(share: npt.NDArray[np.float64], factor: int) -> npt.NDArray[np.float64]:
    """Return the largest share of each block of factor x factor classes; NaN where all are."""
    count = -(-len(share) // factor)
    padded = np.full((count * factor, count * factor), np.nan)
    padded[: len(share), : len(share)] = share
    blocks = padded.reshape(count, factor, count, factor)
    return np.asarray(np.fmax.reduce(np.fmax.reduce(blocks, axis=3), axis=1))


class _Sheet:
    """An empty figure in inches from its upper left corner: axes without ticks, and texts."""

    def __init__(self, across: float, down: float) -> None:
        self.figure = Figure(figsize=(across, down))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set(xlim=(0, across), ylim=(down, 0))
        self._size = across, down

    def write(self, x: float, y: float, text: str, **how: Any) -> None:
        """Write a text at a place."""
        self.figure.text(x / self._size[0], 1 - y / self._size[1], text, **how)


@cache
def ramp() -> list[str]:
    """Return colours of shares from 0 to 1, for the page's script."""
    return [to_hex(mpl.colormaps[_COLOURS](share)) for share in np.linspace(0, 1, 9)]


def show_shares(axes: Axes, canvas: npt.NDArray[np.float64], **how: Any) -> None:
    """Show shares in [0, 1] in the colours of all matrices; NaN stays white."""
    # Without interpolation the picture is stored as it is.
    axes.imshow(canvas, cmap=_COLOURS, vmin=0, vmax=1, interpolation="none", **how)


def _name_classes(
    sheet: _Sheet, names: list[str], starts: list[float], pixel: float, *, turned: bool
) -> None:
    """Write the names beside the rows of the first matrix, and below the columns of all."""
    size = 8 if len(names) <= 10 else 6
    below: dict[str, Any] = {"ha": "center", "va": "top"}
    if turned:
        below = {"ha": "right", "va": "center", "rotation": 90, "rotation_mode": "anchor"}
    foot = _TOP + pixel * len(names) + _PAD
    for place, name in enumerate(names):
        middle = pixel * (place + 0.5)
        sheet.write(starts[0] - _PAD, _TOP + middle, name, fontsize=size, ha="right", va="center")
        for start in starts:
            sheet.write(start + middle, foot, name, fontsize=size, **below)


def draw_scale(axes: Axes, box: tuple[float, float, float, float] = (0, 1, 0, 1)) -> None:
    """Draw the scale of the colours into a box of axes without ticks: left, right, bottom, top."""
    axes.set_axis_off()
    show_shares(axes, np.linspace(1, 0, 101)[:, None], aspect="auto", extent=box, origin="upper")
    _, right, bottom, top = box
    for percent in range(0, 101, 20):
        axes.annotate(
            f"{percent} %",
            (right, bottom + (top - bottom) * percent / 100),
            (3.5, 0),
            textcoords="offset points",
            annotation_clip=False,
            va="center_baseline",
            fontsize=8,
        )
