"""Parameters, and seconds of an epoch, with each norm: the paper's Table 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from robustbench_ln.benchmarks.claims import Parameters, TrainingTime
from robustbench_ln.experiments.checks import UndecidedError
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.experiments.seconds import Machine, by_machine, epoch_seconds
from robustbench_ln.norms.registry import fits, norm_rank, parse_norm
from robustbench_ln.report.exhibit import Table, csv_name, csv_uri
from robustbench_ln.report.formats import number
from robustbench_ln.report.labels import norm_label
from robustbench_ln.report.paper.item import Drawn, Item, Room, Sheet
from robustbench_ln.store.results import Results
from robustbench_ln.store.stored import StoredModel


def draw_costs(item: Item, room: Room) -> Drawn:
    """Make the table of an item whose form is "costs"."""
    drawn = Drawn()
    rows = [row for entry in item.evidence for row in _rows(item, entry, drawn.remarks)]
    drawn.remarks += [
        f"No network of {entry.benchmark} is trained yet."
        for entry in item.evidence
        if rows and not entry.models
    ]
    if not rows:
        return drawn
    table = pd.DataFrame(rows)
    columns = [
        "benchmark", "norm", "parameters, paper", "parameters, ours", "difference", "seconds an epoch",
        "of BatchNorm's", "of BatchNorm's, paper", "networks", "trained on",
    ]  # fmt: skip
    texts = [
        [
            str(row["benchmark"]),
            str(row["norm"]),
            number(row["parameters_paper"]),
            number(row["parameters"]),
            _signed(row["parameters"], row["parameters_paper"]),
            _decimals(row["seconds"]),
            _decimals(row["ratio"]),
            _decimals(row["ratio_paper"]),
            str(row["networks"]),
            str(row["machine"]),
        ]
        for row in rows
    ]
    caption = (
        f"{item.experiment.paper}. {item.experiment.title}. Parameters as Keras counts them, running "
        "statistics included. Seconds: median over epochs after the first, without preparing batches."
    )
    drawn.sheets.append(Sheet(Table(caption, columns, texts, heads=2), csv_uri(table), csv_name(item.name)))
    return drawn


def _rows(item: Item, entry: Evidence, remarks: list[str]) -> list[dict[str, Any]]:
    """Return a row for each norm and machine; seconds are compared with BatchNorm's on the same machine."""
    by_norm: dict[str, list[StoredModel]] = {}
    for model in sorted(entry.models, key=_place):
        recipe = model.card["recipe"]
        by_norm.setdefault(norm_label(recipe["norm"], recipe["norm_options"]), []).append(model)
    rows: list[dict[str, Any]] = []
    plain: dict[Machine, float] = {}
    for label, models in by_norm.items():
        recipe = models[0].card["recipe"]
        norm = recipe["norm"], recipe["norm_options"]
        parameters = _parameters(recipe)
        for machine, own in by_machine(entry.results, models).items():
            seconds = _seconds(entry.results, machine, own, remarks)
            if recipe["norm"] == "batchnorm" and seconds:
                plain[machine] = seconds
            rows.append(
                {
                    "benchmark": entry.benchmark,
                    "norm": label,
                    "parameters": parameters,
                    "parameters_paper": _paper_parameters(item, entry, norm),
                    "seconds": seconds,
                    "ratio": seconds / plain[machine] if seconds and machine in plain else None,
                    "ratio_paper": _paper_ratio(item, entry, norm),
                    "networks": len(own),
                    "machine": machine.text,
                }
            )
    return rows


def _place(model: StoredModel) -> tuple[int, int, int]:
    recipe = model.card["recipe"]
    return norm_rank(recipe["norm"]), recipe["norm_options"].get("groups", 0), recipe["seed"]


def _parameters(recipe: dict[str, Any]) -> int:
    """Return the number of parameters as Keras counts."""
    from robustbench_ln.models.parameters import count_built

    return count_built(
        recipe["network"],
        image_shape=tuple(recipe["image_shape"]),
        num_classes=recipe["classes"],
        norm=recipe["norm"],
        norm_options=recipe["norm_options"],
    ).total


def _seconds(
    results: Results, machine: Machine, models: list[StoredModel], remarks: list[str]
) -> float | None:
    try:
        return epoch_seconds(results, machine, models)
    except UndecidedError as why:
        recipe = models[0].card["recipe"]
        remarks.append(f"No seconds of {recipe['benchmark']} with {recipe['norm']}: {why}.")
        return None


def _paper_parameters(item: Item, entry: Evidence, norm: tuple[str, dict[str, Any]]) -> int | None:
    for claim in item.experiment.claims:
        if (
            isinstance(claim, Parameters)
            and claim.benchmark == entry.benchmark
            and fits(norm, parse_norm(claim.norm))
        ):
            return claim.paper
    return None


def _paper_ratio(item: Item, entry: Evidence, norm: tuple[str, dict[str, Any]]) -> float | None:
    for claim in item.experiment.claims:
        if (
            isinstance(claim, TrainingTime)
            and claim.benchmark == entry.benchmark
            and fits(norm, parse_norm(claim.of))
        ):
            return claim.of_seconds / claim.to_seconds
    return 1.0 if norm[0] == "batchnorm" else None


def _signed(ours: int, paper: int | None) -> str:
    if paper is None:
        return ""
    return "exact" if ours == paper else f"{ours - paper:+,}"


def _decimals(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.2f}"
