"""Accuracy against sigma, a panel for each noise and reading: the paper's Fig 4, 7, 8, 9 and 14."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.artist import Artist

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.modes import MODES
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.report.drawing import Styles, as_picture, figure_style, line_styles
from robustbench_ln.report.exhibit import Exhibit, csv_name, csv_uri
from robustbench_ln.report.formats import percent, sigma_text
from robustbench_ln.report.lines import by_sigma, draw_chance, draw_lines, paper_handle, sigma_meaning
from robustbench_ln.report.paper.item import Drawn, Item, Room, noise_name, of_pair, readings_of, unmeasured
from robustbench_ln.report.paper.panels import Panels, make_panels, room_for
from robustbench_ln.report.paper.pictures import RANGE_IMAGES, find_images
from robustbench_ln.report.paper.points import interval_sentence, line_points
from robustbench_ln.report.paper.strip import STRIP, draw_strip, widen_axis
from robustbench_ln.report.printed import printed_accuracies

_TITLE = 0.3


@dataclass(frozen=True)
class Panel:
    """What one panel shows.

    Attributes:
        title: above it.
        evidence: of its benchmark.
        points: of its lines.
        paper: columns `sigma`, `accuracy` and the label's: the numbers that the paper prints.
        data: its test images, None where they are not on this machine.
    """

    title: str
    evidence: Evidence
    points: pd.DataFrame
    paper: pd.DataFrame
    data: DataSet | None

    @property
    def noise(self) -> NoiseSpec:
        """Its noise."""
        row = self.points.iloc[0]
        return NoiseSpec(row["noise"], False, bool(row["rescale"]), row["space"])

    @property
    def sigmas(self) -> list[float]:
        """All sigmas of its axis, ascending."""
        return sorted({*self.points["sigma"], *self.paper["sigma"]})


def draw_curves(item: Item, room: Room) -> Drawn:
    """Draw an item whose form is "curves".

    Of several norms the first figure shows each in its home mode, as the paper does, and a second one every
    test-time mode. Of one norm the modes are what the paper shows.
    """
    drawn = Drawn(remarks=unmeasured(item))
    tables = [(entry, line_points(entry)) for entry in item.evidence]
    norms = {norm for _, points in tables for norm in points["norm"]}
    one_norm = item.experiment.norms is not None and len(norms) == 1
    label = "mode_label" if one_norm else "norm_label"
    for entry, points in tables:
        panels = []
        shown = points if one_norm else points[points["home"]]
        data = find_images(entry, room)
        for pair in readings_of(shown):
            own = of_pair(shown, pair)
            printed = _printed(item, own, label)
            panels.append(Panel(noise_name(*pair), entry, own, printed, data))
        if panels:
            drawn.exhibits.append(_paper_figure(item, panels, label))
        if not one_norm and _has_more(points):
            drawn.exhibits.append(_all_modes(item, entry, points))
    return drawn


def styles_of(points: pd.DataFrame, label: str) -> Styles:
    """Return the styles of norms or modes; each has its colour throughout the page."""
    if label != "mode_label":
        known = list(dict.fromkeys([*NORMS, *points["norm"]]))
        return line_styles(dict(zip(points[label], points["norm"], strict=True)), known)
    # Statistics over other sets of images are another mode in all but name.
    families = [
        f"{mode}, small sets" if small else mode
        for mode, small in zip(points["mode"], points["small_sets"], strict=True)
    ]
    order = [*MODES, "batch, small sets"]
    return line_styles(dict(zip(points[label], families, strict=True)), order)


def _printed(item: Item, points: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return the numbers that the paper prints for the lines of a panel."""
    rows = [
        {label: line[label], "sigma": sigma, "accuracy": accuracy}
        for line in points.drop_duplicates(label).to_dict("records")
        for sigma, accuracy in printed_accuracies(item.experiment, line).items()
    ]
    return pd.DataFrame(rows, columns=[label, "sigma", "accuracy"])


def _paper_figure(item: Item, panels: Sequence[Panel], label: str) -> Exhibit:
    everything = pd.concat([panel.points for panel in panels], ignore_index=True)
    styles = styles_of(everything, label)
    printed = any(len(panel.paper) for panel in panels)
    more: list[Artist] = [paper_handle()] if printed else []
    columns = min(2, len(panels))
    strip = STRIP if any(panel.data is not None for panel in panels) else 0.0
    with figure_style():
        width = 3.6 if columns == 2 else 6.2
        meanings = [sigma_meaning(panel.noise.family, width) for panel in panels]
        grid = make_panels(
            len(panels),
            columns,
            height=2.1 if columns == 2 else 2.9,
            above=_TITLE + strip,
            below=0.34 + max(map(room_for, meanings)),
            legend=styles,
            more=more,
        )
        for position, (panel, meaning) in enumerate(zip(panels, meanings, strict=True)):
            _draw_panel(grid, position, panel, label, styles, strip)
            grid.axes[position].set_xlabel(meaning)
        picture = as_picture(grid.figure)
    return Exhibit(
        picture,
        f"Accuracy by sigma of {panels[0].evidence.place}. {_in_words(panels, label)}",
        _caption(item, panels, everything, printed=printed, strip=bool(strip)),
        csv_uri(_plotted(panels, label)),
        csv_name(item.name, panels[0].evidence.benchmark, "accuracy"),
        [
            by_sigma(f"Accuracy under {panel.title}, with 95 % interval", panel.points, label, own.labels)
            for panel in panels
            for own in [styles.only(list(panel.points[label]))]
        ],
    )


def _draw_panel(grid: Panels, position: int, panel: Panel, label: str, styles: Styles, strip: float) -> None:
    axes = grid.axes[position]
    own = styles.only(list(panel.points[label]))
    sigmas = panel.sigmas
    draw_lines(axes, panel.points, label, own)
    for row in panel.paper.to_dict("records"):
        axes.plot(
            row["sigma"],
            row["accuracy"],
            marker=styles.markers[row[label]],
            markersize=9,
            mfc="none",
            mec=styles.colours[row[label]],
            mew=1.5,
            clip_on=False,
            zorder=4,
        )
    draw_chance(axes, 1 / int(panel.points["classes"].iloc[0]), named=grid.last_of_row(position))
    if not grid.first_of_row(position):
        axes.tick_params(labelleft=False)
    axes.set_title(panel.title, pad=6 + 72 * strip)
    widen_axis(axes, sigmas, grid.width)
    if panel.data is not None:
        draw_strip(axes, sigmas, (grid.width, grid.height), panel.data, panel.noise, panel.evidence.settings)


def _has_more(points: pd.DataFrame) -> bool:
    return not points.empty and not points["home"].all()


def _all_modes(item: Item, entry: Evidence, points: pd.DataFrame) -> Exhibit:
    """Draw every mode of a benchmark's networks: a row for each noise and reading, a column a norm."""
    styles = styles_of(points, "mode_label")
    names = list(dict.fromkeys(points["norm_label"]))
    pairs = readings_of(points)
    with figure_style():
        grid = make_panels(
            len(names) * len(pairs), len(names), height=1.5, above=0.45, below=0.45, legend=styles
        )
        for position, axes in enumerate(grid.axes):
            pair, name = pairs[position // len(names)], names[position % len(names)]
            own = of_pair(points[points["norm_label"] == name], pair)
            axes.set_title(f"{name}\n{pair[0]} ({pair[1]})", fontsize=8.5)
            if own.empty:
                axes.set_axis_off()
                continue
            draw_lines(axes, own, "mode_label", styles.only(list(own["mode_label"])))
            axes.set_xlabel("sigma" if position >= len(names) * (len(pairs) - 1) else "")
            draw_chance(axes, 1 / int(own["classes"].iloc[0]), named=grid.last_of_row(position))
            if not grid.first_of_row(position):
                axes.tick_params(labelleft=False)
        picture = as_picture(grid.figure)
    tables, words = [], []
    for pair in pairs:
        for name in names:
            own = of_pair(points[points["norm_label"] == name], pair)
            if own.empty:
                continue
            present = styles.only(list(own["mode_label"]))
            caption = f"Accuracy of {name} under {noise_name(*pair)} by mode, with 95 % interval"
            tables.append(by_sigma(caption, own, "mode_label", present.labels))
            words.append(f"{name} under {noise_name(*pair)}: {_lines_in_words(own, 'mode_label')}")
    where = f" of {entry.place}" if item.several else ""
    return Exhibit(
        picture,
        f"Accuracy by sigma and test-time mode{where}. {' '.join(words)}",
        f"Not in the paper: the same networks{where} in every test-time mode, a column a norm. "
        f"{interval_sentence(points)}",
        csv_uri(points),
        csv_name(item.name, entry.benchmark, "modes"),
        tables,
    )


def _caption(item: Item, panels: Sequence[Panel], points: pd.DataFrame, *, printed: bool, strip: bool) -> str:
    modes = "A panel for each noise."
    if points["home"].all():
        modes = "Each norm in its home mode, a panel for each noise."
    shown = panels[0].evidence
    sentences = [f"{item.experiment.paper}, {shown.place}. {modes}", interval_sentence(points)]
    if printed:
        sentences.append(
            "Open markers: the numbers that the paper prints; it does not say for which reading."
        )
    if strip:
        sentences.append("Above: one test image at sigmas of the axis, shown clipped to [0, 1].")
        if any(panel.noise.rescale for panel in panels):
            sentences.append(
                f"Where noise is rescaled, the strip takes its range over {RANGE_IMAGES} images."
            )
    else:
        sentences.append(f"The images of {shown.benchmark} are not on this machine.")
    return " ".join(sentences)


def _plotted(panels: Sequence[Panel], label: str) -> pd.DataFrame:
    ours = [panel.points.assign(line=panel.points[label], source="ours") for panel in panels]
    papers = [
        panel.paper.rename(columns={label: "line"}).assign(
            source="paper",
            benchmark=panel.evidence.benchmark,
            noise_text=panel.points["noise_text"].iloc[0],
            reading=panel.points["reading"].iloc[0],
        )
        for panel in panels
        if len(panel.paper)
    ]
    columns = [
        "source", "line", "benchmark", "preset", "data", "noise_text", "reading", "norm", "groups", "mode",
        "small_sets", "sigma", "accuracy", "low", "high", "networks", "images",
    ]  # fmt: skip
    return pd.concat([table.reindex(columns=columns).astype(object) for table in [*ours, *papers]])


def _in_words(panels: Sequence[Panel], label: str) -> str:
    return " ".join(f"Under {panel.title}: {_lines_in_words(panel.points, label)}" for panel in panels)


def _lines_in_words(points: pd.DataFrame, label: str) -> str:
    sentences = []
    for name, line in points.groupby(label, sort=False):
        first, last = line.iloc[0], line.iloc[-1]
        start = f"{name} has {percent(first['accuracy'])} at sigma {sigma_text(first['sigma'])}"
        end = f" and {percent(last['accuracy'])} at sigma {sigma_text(last['sigma'])}"
        sentences.append(f"{start}{end if len(line) > 1 else ''}.")
    return " ".join(sentences)
