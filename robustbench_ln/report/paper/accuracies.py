"""Clean accuracy with each norm: the paper's Table 1."""

from __future__ import annotations

import pandas as pd

from robustbench_ln.benchmarks.benchmark import on_data
from robustbench_ln.report.exhibit import Table, csv_name, csv_uri
from robustbench_ln.report.formats import number, percent, percent_range
from robustbench_ln.report.paper.item import Drawn, Item, Room, Sheet, unmeasured
from robustbench_ln.report.paper.points import interval_sentence, line_points
from robustbench_ln.report.printed import printed_accuracies


def draw_accuracies(item: Item, room: Room) -> Drawn:
    """Make the table of an item whose form is "accuracies"."""
    drawn = Drawn(remarks=unmeasured(item))
    points = pd.concat([line_points(entry) for entry in item.evidence], ignore_index=True)
    clean = points[points["home"] & (points["sigma"] == 0)].drop_duplicates(["benchmark", "norm_label"])
    if clean.empty:
        return drawn
    printed = [printed_accuracies(item.experiment, row).get(0.0) for row in clean.to_dict("records")]
    table = clean.assign(
        paper=printed,
        difference=[
            float("nan") if paper is None else ours - paper
            for ours, paper in zip(clean["accuracy"], printed, strict=True)
        ],
    )
    rows = [
        [
            on_data(row.benchmark, row.data),
            row.norm_label,
            "" if row.paper is None or pd.isna(row.paper) else percent(row.paper),
            percent(row.accuracy),
            percent_range(row.low, row.high),
            "" if pd.isna(row.difference) else f"{100 * row.difference:+.2f}",
            str(row.networks),
            number(row.images),
            row.mode,
        ]
        for row in table.itertuples()
    ]
    columns = [
        "benchmark", "norm", "paper", "ours", "95 % interval", "ours - paper, points", "seeds",
        "test images", "mode",
    ]  # fmt: skip
    caption = f"{item.experiment.paper}. {item.experiment.title}. {interval_sentence(clean)}"
    drawn.sheets.append(Sheet(Table(caption, columns, rows, heads=2), csv_uri(table), csv_name(item.name)))
    return drawn
