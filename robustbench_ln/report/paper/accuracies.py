"""Clean accuracy with each norm: the paper's Table 1."""

from __future__ import annotations

import pandas as pd

from robustbench_ln.benchmarks.claims import Value
from robustbench_ln.experiments.needs import fits
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.norms.registry import find_norm, parse_norm
from robustbench_ln.report.exhibit import Table, csv_name, csv_uri
from robustbench_ln.report.formats import number, percent, percent_range
from robustbench_ln.report.paper.item import Drawn, Item, Room, Sheet, unmeasured
from robustbench_ln.report.paper.points import interval_sentence, line_points


def draw_accuracies(item: Item, room: Room) -> Drawn:
    """Make the table of an item whose form is "accuracies"."""
    drawn = Drawn(remarks=unmeasured(item))
    points = pd.concat([line_points(entry) for entry in item.evidence], ignore_index=True)
    clean = points[points["home"] & (points["sigma"] == 0)].drop_duplicates(["benchmark", "norm_label"])
    if clean.empty:
        return drawn
    printed = [_printed(item, row) for row in clean.to_dict("records")]
    table = clean.assign(
        paper=printed,
        difference=[
            float("nan") if paper is None else ours - paper
            for ours, paper in zip(clean["accuracy"], printed, strict=True)
        ],
    )
    rows = [
        [
            row.benchmark,
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


def _printed(item: Item, line: dict[str, object]) -> float | None:
    """Return what the paper prints for a line, as a share of 1."""
    for claim in item.experiment.claims:
        if not isinstance(claim, Value) or claim.of.benchmark not in (None, line["benchmark"]):
            continue
        norm = parse_norm(claim.of.norm)
        groups = {} if pd.isna(line["groups"]) else {"groups": line["groups"]}
        mode = claim.of.mode or find_norm(norm[0]).home_mode
        fitting = mode == line["mode"] and fits((str(line["norm"]), groups), norm)
        if fitting and "0" in parse_sigmas(claim.sigma):
            return claim.paper / 100
    return None
