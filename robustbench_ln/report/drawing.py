"""How figures look; what they show is in the files that draw them."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from robustbench_ln.report.exhibit import Picture, data_uri
from robustbench_ln.report.formats import visible

#: Inches; 72 points each, so that the text of a figure is as large as the page's.
WIDTH = 7.4
#: Letters of a line in a legend.
LONGEST = 48
#: Of text and what is drawn as black, and of lines that are no data.
INK, MUTED = "#26241f", "#5b5853"
_RULE = "#d8d5cd"
# Letters are measured in DejaVu Sans, which matplotlib brings along, so that every machine gives the same
# bytes; viewers see the fonts after it, which are narrower, so that nothing is cut off.
_MEASURED = "DejaVu Sans"
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "font.sans-serif": [_MEASURED, "Arial", "Helvetica", "sans-serif"],
    "font.size": 9.5,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "image.composite_image": False,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    # TrueType: publishers refuse Type 3.
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "lnbench",
    "text.color": INK,
    # Names of classes and models may hold dollar signs.
    "text.parse_math": False,
    "xtick.color": INK,
    "xtick.labelsize": 9,
    "ytick.color": INK,
    "ytick.labelsize": 9,
}
# seaborn's colour-blind palette without its two palest colours, which vanish on white.
_COLOURS = [sns.color_palette("colorblind")[position] for position in (0, 3, 2, 4, 1, 9, 5, 7)]
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "h")
_DASHES = ("", (5, 1.6), (1.5, 1.2), (7, 1.6, 1.5, 1.6), (3, 1.4), (7, 1.6, 1.5, 1.6, 1.5, 1.6), (10, 2))


#: Whether figures are drawn as PDF, too.
FOR_PAPERS: ContextVar[bool] = ContextVar("for_papers", default=False)


@dataclass(frozen=True)
class Styles:
    """What tells the lines of a figure apart, by label: colour, and without colour marker and dash."""

    colours: Mapping[str, Any]
    markers: Mapping[str, str]
    dashes: Mapping[str, Any]

    @property
    def labels(self) -> list[str]:
        """All labels, in the order of the legend."""
        return list(self.colours)

    def only(self, wanted: Sequence[str]) -> Styles:
        """Return the styles of some labels, in the order of all."""
        present = set(wanted)
        kept = [label for label in self.labels if label in present]
        parts = (self.colours, self.markers, self.dashes)
        return Styles(*({label: part[label] for label in kept} for part in parts))

    def linestyle(self, label: str) -> Any:
        """Return a line's dash as matplotlib takes it."""
        return (0, self.dashes[label]) if self.dashes[label] else "-"

    def legend_labels(self) -> list[str]:
        """Return what a legend calls the lines, long names in several lines."""
        return [textwrap.fill(visible(label), LONGEST) for label in self.labels]

    def handles(self) -> list[Artist]:
        """Return the entries of a legend."""
        return [
            Line2D(
                [],
                [],
                color=self.colours[label],
                marker=self.markers[label],
                linestyle=self.linestyle(label),
                markeredgecolor="white",
                label=shown,
            )
            for label, shown in zip(self.labels, self.legend_labels(), strict=True)
        ]


def line_styles(families: Mapping[str, str], order: Sequence[str]) -> Styles:
    """Return a style for each label: a family has its colour and marker, its members differ in their dashes.

    Args:
        families: of each label.
        order: of the families; one keeps its colour in every figure of that order.
    """
    members: dict[str, int] = {}
    ordinals = {}
    for label, family in families.items():
        ordinals[label] = members.get(family, 0)
        members[family] = ordinals[label] + 1
    place = {label: list(order).index(family) for label, family in families.items()}
    single = all(count == 1 for count in members.values())
    return Styles(
        {label: _COLOURS[place[label] % len(_COLOURS)] for label in families},
        {label: _MARKERS[place[label] % len(_MARKERS)] for label in families},
        {label: _DASHES[(place if single else ordinals)[label] % len(_DASHES)] for label in families},
    )


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the report's style within the context, whatever the user's own settings are."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update({**sns.axes_style("whitegrid"), **_STYLE})
        # The viewer's fonts show the letters that DejaVu Sans lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def framed_axes(
    width: float, height: float, *, left: float, right: float, top: float, bottom: float
) -> tuple[Figure, Axes]:
    """Return a figure with axes of a fixed size and margins around them, in inches.

    matplotlib's own layout measures every text several times, which takes longer than all the rest.
    """
    across, down = left + width + right, top + height + bottom
    figure = Figure(figsize=(across, down))
    axes = figure.add_axes((left / across, bottom / down, width / across, height / down))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure, axes


def as_picture(figure: Figure) -> Picture:
    """Return a figure as SVG, the same bytes every time."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue().replace(f"'{_MEASURED}', ", "")
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    pdf = io.BytesIO()
    if FOR_PAPERS.get():
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return Picture(data_uri("image/svg+xml", svg), width, height, pdf.getvalue())


def fill(text: str, inches: float, size: float) -> str:
    """Return a text in lines that fit a width, at a size in points."""
    font = FontProperties(family=_MEASURED, size=size)
    lines = [text]
    # Not even the narrowest letters come to more an inch.
    for letters in range(min(len(text), int(28 * inches)), 7, -1):
        lines = textwrap.wrap(text, letters)
        if all(
            text_to_path.get_text_width_height_descent(line, font, False)[0] <= 72 * inches for line in lines
        ):
            break
    return "\n".join(lines)


def shorten(text: str, width: int) -> str:
    """Return a name cut to a width, for where a figure has no room."""
    text = visible(text)
    return text if len(text) <= width else f"{text[: width - 1]}\u2026"
