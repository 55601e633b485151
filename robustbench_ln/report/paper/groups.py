"""The number of groups against accuracy under noise: the paper's Fig 11."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from robustbench_ln.benchmarks.claims import Best
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.report.drawing import INK, as_picture, figure_style
from robustbench_ln.report.exhibit import Exhibit, Table, csv_name, csv_uri
from robustbench_ln.report.formats import percent, percent_range, sigma_text
from robustbench_ln.report.inputs import spread_sigmas
from robustbench_ln.report.lines import accuracy_axis, draw_chance
from robustbench_ln.report.paper.item import Drawn, Item, Room, noise_name, of_pair, readings_of, unmeasured
from robustbench_ln.report.paper.panels import make_panels
from robustbench_ln.report.paper.points import interval_sentence, line_points

_MOST_BARS = 5


def draw_groups(item: Item, room: Room) -> Drawn:
    """Draw an item whose form is "groups": bars by number of groups, a colour a sigma, a panel a noise."""
    drawn = Drawn(remarks=unmeasured(item))
    for entry in item.evidence:
        points = line_points(entry)
        home = points[points["home"] & points["groups"].notna()]
        if len(home):
            drawn.exhibits.append(_figure(item, entry, home))
    return drawn


def shown_sigmas(item: Item, kind: str, sigmas: list[float]) -> list[float]:
    """Return the sigmas that get bars: 0 and those of the claims, without claims a few over the grid."""
    named = {
        float(sigma)
        for claim in item.experiment.claims
        if isinstance(claim, Best) and claim.noise == kind and claim.sigma is not None
        for sigma in parse_sigmas(str(claim.sigma))
    }
    wanted = [sigma for sigma in sigmas if sigma == 0 or sigma in named]
    return wanted[:_MOST_BARS] if len(wanted) > 1 else spread_sigmas(sigmas)


def _figure(item: Item, entry: Evidence, points: pd.DataFrame) -> Exhibit:
    pairs = readings_of(points)
    parts = []
    for pair in pairs:
        own = of_pair(points, pair)
        kept = shown_sigmas(item, own["kind"].iloc[0], sorted(own["sigma"].unique()))
        parts.append(own[own["sigma"].isin(kept)])
    # Panels have sigmas of their own, so each names them itself.
    with figure_style():
        grid = make_panels(len(pairs), min(2, len(pairs)), height=1.9, above=0.35, below=0.95, right=0.62)
        for position, (axes, pair, own) in enumerate(zip(grid.axes, pairs, parts, strict=True)):
            _draw_bars(axes, own)
            draw_chance(axes, 1 / int(own["classes"].iloc[0]), named=grid.last_of_row(position))
            axes.set_title(noise_name(*pair))
            if not grid.first_of_row(position):
                axes.tick_params(labelleft=False)
        picture = as_picture(grid.figure)
    return Exhibit(
        picture,
        f"Accuracy by number of groups. {_in_words(pairs, parts)}",
        f"{item.experiment.paper}. Accuracy of {entry.place} by the number of groups K, bars in the "
        f"order of sigma, a panel a noise. Black lines are the intervals. {interval_sentence(points)}",
        csv_uri(pd.concat(parts)),
        csv_name(item.name, entry.benchmark, "groups"),
        [_table(pair, of_pair(points, pair)) for pair in pairs],
    )


def _draw_bars(axes: Axes, points: pd.DataFrame) -> None:
    groups = sorted(points["groups"].unique())
    sigmas = sorted(points["sigma"].unique())
    colours = sns.color_palette("flare", len(sigmas))
    width = 0.84 / len(sigmas)
    for place, (sigma, colour) in enumerate(zip(sigmas, colours, strict=True)):
        own = points[points["sigma"] == sigma]
        at = (
            np.array([groups.index(group) for group in own["groups"]])
            + (place - (len(sigmas) - 1) / 2) * width
        )
        axes.bar(at, own["accuracy"], 0.94 * width, color=colour, linewidth=0, zorder=2)
        axes.vlines(at, own["low"], own["high"], color=INK, linewidth=0.9, zorder=3)
    handles = [Patch(facecolor=colour, linewidth=0) for colour in colours]
    labels = [f"{'sigma ' if place == 0 else ''}{sigma_text(sigma)}" for place, sigma in enumerate(sigmas)]
    axes.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.27),
        ncols=len(labels),
        fontsize=8.5,
        handlelength=1.2,
        columnspacing=0.9,
        handletextpad=0.4,
        borderaxespad=0,
    )
    axes.set_xticks(range(len(groups)), [str(group) for group in groups])
    axes.set_xlabel("number of groups K")
    accuracy_axis(axes)


def _table(pair: tuple[str, str], points: pd.DataFrame) -> Table:
    groups = sorted(points["groups"].unique())
    texts = {
        (row.sigma, row.groups): f"{percent(row.accuracy)} ({percent_range(row.low, row.high)})"
        for row in points.itertuples()
    }
    rows = [
        [sigma_text(sigma), *(texts.get((sigma, group), "") for group in groups)]
        for sigma in sorted(points["sigma"].unique())
    ]
    caption = f"Accuracy under {noise_name(*pair)} by number of groups, with 95 % interval"
    return Table(caption, ["sigma", *(f"K={group}" for group in groups)], rows)


def _in_words(pairs: list[tuple[str, str]], parts: list[pd.DataFrame]) -> str:
    sentences = []
    for pair, points in zip(pairs, parts, strict=True):
        last = points[points["sigma"] == points["sigma"].max()]
        best = last.loc[last["accuracy"].idxmax()]
        sentences.append(
            f"Under {noise_name(*pair)} at sigma {sigma_text(best['sigma'])}, K={best['groups']} is best "
            f"with {percent(best['accuracy'])}."
        )
    return " ".join(sentences)
