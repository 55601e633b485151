"""Histograms of one image's channels under growing noise: the paper's Fig 1, 12 and 13."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.experiments.needs import noise_of, spread
from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.report.drawing import INK, MUTED, WIDTH, as_picture, figure_style
from robustbench_ln.report.exhibit import Exhibit, Table, csv_name, csv_uri
from robustbench_ln.report.formats import percent, visible
from robustbench_ln.report.paper.item import Drawn, Item, Room, noise_name
from robustbench_ln.report.paper.pictures import RANGE_IMAGES, as_tile, find_images, noisy_images
from robustbench_ln.report.paper.strip import strip_image
from robustbench_ln.wording import listed

_BINS = 64
#: Share of all values that the axis of a row leaves out on either side.
_TAIL = 0.01
_COLUMNS = 5
_COLOURS = {3: {"red": "#b3261e", "green": "#1b7a3d", "blue": "#1f5fae"}, 1: {"grey": INK}}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.4)), (0, (1.5, 1)))
#: Inches.
_LEFT, _RIGHT, _GAP = 0.62, 0.1, 0.16
_IMAGE, _HEIGHT, _TITLE, _BELOW = 0.85, 1.0, 0.46, 0.42


@dataclass(frozen=True)
class _Row:
    """One noise: its text and reading, and the image at each sigma."""

    noise: str
    reading: str
    sigmas: tuple[str, ...]
    images: list[FloatArray]

    @property
    def name(self) -> str:
        return noise_name(self.noise, self.reading)


def draw_histograms(item: Item, room: Room) -> Drawn:
    """Draw an item whose form is "histograms": a row a noise, a column a sigma; no network is needed."""
    drawn = Drawn()
    for entry in item.evidence:
        data = find_images(entry, room)
        if data is None:
            drawn.remarks.append(f"The images of {entry.benchmark} are not on this machine.")
        else:
            drawn.exhibits.append(_figure(item, entry, data, room))
    return drawn


def _figure(item: Item, entry: Evidence, data: DataSet, room: Room) -> Exhibit:
    index = strip_image(data)
    label = data.info.classes[int(data.arrays("test").labels[index[0]])]
    rows = []
    for sweep in item.experiment.sweeps:
        noise = noise_of(sweep, entry.settings)
        sigmas = spread(room.declared.sigmas(sweep.sigma), _COLUMNS)
        images = [noisy_images(data, noise, sigma, index, entry.settings)[0] for sigma in sigmas]
        rows.append(_Row(noise.text, sweep.reading or "both", sigmas, images))
    parts = [_histograms(row) for row in rows]
    columns = max(len(row.sigmas) for row in rows)
    pitch = _TITLE + _IMAGE + _HEIGHT + _BELOW
    with figure_style():
        figure = Figure(figsize=(WIDTH, pitch * len(rows)))
        for place, (row, part) in enumerate(zip(rows, parts, strict=True)):
            _draw_row(figure, place, pitch, columns, row, part)
        _name_channels(figure, data.info.shape[0])
        picture = as_picture(figure)
    table = pd.concat(parts, ignore_index=True)
    rescaled = any(noise_of(sweep, entry.settings).rescale for sweep in item.experiment.sweeps)
    colours = listed([*_COLOURS[data.info.shape[0]]])
    return Exhibit(
        picture,
        f"Histograms of {colours} of one test image of {data.info.name}, of class {visible(label)}, under "
        f"{listed([row.name for row in rows])}. {_in_words(rows)}",
        f"{item.experiment.paper}. Histograms of {colours} of one test image of {data.info.name}, with the "
        "image above, shown clipped to [0, 1]; between the dotted lines values are in [0, 1]. The axes of "
        f"a row are the same: they leave out up to {100 * _TAIL:g} % of values on either side, and a bar "
        "that does not fit is cut and told in per cent."
        + (f" A rescaling takes its range over {RANGE_IMAGES} images." if rescaled else ""),
        csv_uri(table),
        csv_name(item.name, entry.benchmark, "histograms"),
        [_table(row) for row in rows],
    )


def _histograms(row: _Row) -> pd.DataFrame:
    """Return the share of each channel's values in bins that all sigmas of a row share."""
    low = min(0.0, *(float(np.quantile(image, _TAIL)) for image in row.images))
    high = max(1.0, *(float(np.quantile(image, 1 - _TAIL)) for image in row.images))
    step = (high - low) / _BINS
    # Half a bin on either side, so that 0 and 1 are inside a bin.
    edges = np.linspace(low - step / 2, high + step / 2, _BINS + 2)
    parts = []
    for sigma, image in zip(row.sigmas, row.images, strict=True):
        for name, channel in zip(_COLOURS[len(image)], image, strict=True):
            counts, _ = np.histogram(channel, edges)
            parts.append(
                pd.DataFrame(
                    {
                        "noise": row.noise,
                        "reading": row.reading,
                        "sigma": sigma,
                        "channel": name,
                        "from": edges[:-1],
                        "to": edges[1:],
                        "share": counts / channel.size,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _draw_row(
    figure: Figure,
    place: int,
    pitch: float,
    columns: int,
    row: _Row,
    shares: pd.DataFrame,
) -> None:
    across, down = figure.get_size_inches()
    width = (across - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    top = down - place * pitch
    figure.text(0.1 / across, (top - 0.08) / down, row.name, va="top", fontsize=10)
    clean = shares[shares["sigma"] == row.sigmas[0]]["share"].max()
    for column, (sigma, image) in enumerate(zip(row.sigmas, row.images, strict=True)):
        left = _LEFT + column * (width + _GAP)
        size = min(_IMAGE, width)
        box = (left + (width - size) / 2, top - _TITLE - _IMAGE, size, _IMAGE)
        picture = figure.add_axes(tuple(_shares_of(box, across, down)))
        picture.set_axis_off()
        picture.imshow(as_tile(image, 96), interpolation="none")
        picture.set_title(f"sigma {sigma}", fontsize=9, loc="center", pad=3)
        box = (left, top - _TITLE - _IMAGE - 0.08 - _HEIGHT + 0.08, width, _HEIGHT - 0.08)
        axes = figure.add_axes(tuple(_shares_of(box, across, down)))
        _draw_histogram(axes, shares[shares["sigma"] == sigma], 1.15 * float(clean), len(image))
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel("share of pixels", fontsize=8)


def _name_channels(figure: Figure, channels: int) -> None:
    across, down = figure.get_size_inches()
    handles = [
        Line2D([], [], color=colour, linestyle=dash, linewidth=1.4, label=name)
        for (name, colour), dash in zip(_COLOURS[channels].items(), _DASHES, strict=False)
    ]
    corner = (1 - _RIGHT / across, 1 - 0.03 / down)
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=corner, ncols=3, borderaxespad=0, fontsize=8.5
    )


def _shares_of(box: tuple[float, ...], across: float, down: float) -> npt.NDArray[np.float64]:
    return np.array(box) / (across, down, across, down)


def _draw_histogram(axes: Axes, shares: pd.DataFrame, most: float, channels: int) -> None:
    cut = []
    for (name, colour), dash in zip(_COLOURS[channels].items(), _DASHES, strict=False):
        own = shares[shares["channel"] == name]
        edges = np.append(own["from"], own["to"].iloc[-1])
        heights = own["share"].to_numpy()
        axes.stairs(np.minimum(heights, most), edges, color=colour, linewidth=1.1, linestyle=dash)
        cut += [(share, place) for share, place in zip(heights, own["from"], strict=True) if share > most]
    for edge in (0, 1):
        axes.axvline(edge, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    if cut:
        share, place = max(cut)
        low, high = axes.get_xlim()
        side = "left" if place < (low + high) / 2 else "right"
        axes.annotate(
            f"{100 * share:.0f} %",
            (place, most),
            (5 if side == "left" else -5, -2),
            textcoords="offset points",
            ha=side,
            va="top",
            fontsize=8,
        )
    axes.set_ylim(0, most)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    axes.tick_params(labelsize=8)


def _table(row: _Row) -> Table:
    cells = [
        [
            name,
            sigma,
            *(f"{number:.3f}" for number in (channel.mean(), channel.std(), channel.min(), channel.max())),
            percent(float(((channel < 0) | (channel > 1)).mean())),
        ]
        for sigma, image in zip(row.sigmas, row.images, strict=True)
        for name, channel in zip(_COLOURS[len(image)], image, strict=True)
    ]
    columns = ["channel", "sigma", "mean", "deviation", "minimum", "maximum", "outside [0, 1]"]
    return Table(f"Values of the image under {row.name}", columns, cells, heads=2)


def _in_words(rows: list[_Row]) -> str:
    return " ".join(
        f"Under {row.name} the values' deviation goes from {row.images[0].std():.2f} at sigma "
        f"{row.sigmas[0]} to {row.images[-1].std():.2f} at sigma {row.sigmas[-1]}."
        for row in rows
    )
