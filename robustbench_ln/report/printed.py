"""What the paper prints for points of curves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from robustbench_ln.benchmarks.claims import Value
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.benchmarks.printed import mode_of
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.norms.registry import fits, parse_norm
from robustbench_ln.report.rows import rows_of


def printed_accuracies(experiment: Experiment, line: Mapping[str, Any]) -> dict[float, float]:
    """Return the accuracies that the paper prints for a line, shares of 1 by sigma.

    Args:
        experiment: whose claims hold the numbers.
        line: of it any row of `robustbench_ln.report.paper.points.line_points`, by column.
    """
    norm = line["norm"], {} if pd.isna(line["groups"]) else {"groups": int(line["groups"])}
    found: dict[float, float] = {}
    for claim in experiment.claims:
        if not isinstance(claim, Value):
            continue
        of = claim.of
        if (
            of.benchmark in (None, line["benchmark"])
            and of.noise in (None, line["kind"])
            and (mode_of(of), of.small_sets) == (line["mode"], line["small_sets"])
            and fits(norm, parse_norm(of.norm))
        ):
            found |= {float(sigma): claim.paper / 100 for sigma in parse_sigmas(claim.sigma)}
    return found


def printed_points(cells: pd.DataFrame, noise: str) -> pd.DataFrame:
    """Return what the paper prints where something was measured of networks of the paper's benchmarks.

    Args:
        cells: in home modes, under one noise, with `curve_label` and the columns of `load_results`.
        noise: its name.

    Returns:
        Columns `curve_label`, `sigma`, `item` (such as "Fig 7"), `paper` and `measured`, shares of 1; a row
        for each number. A benchmark on other data than its own has none.
    """
    own_data = {name: benchmark.data for name, benchmark in _declared().benchmarks.items()}
    cells = cells[[own_data.get(name) == data for name, data in rows_of(cells, "benchmark", "data")]]
    points = list(rows_of(cells, "curve_label", "sigma", "accuracy"))
    lines = cells.drop_duplicates("curve_label")[["curve_label", "benchmark", "norm", "groups", "mode"]]
    records = lines.to_dict("records")
    rows = []
    for experiment in _declared().experiments.values():
        own = [line for line in records if line["benchmark"] in experiment.benchmarks]
        kinds = {sweep.kind for sweep in experiment.sweeps if sweep.noise == noise}
        for kind in sorted(kinds):
            wanted = {"kind": kind, "small_sets": False}
            printed = {line["curve_label"]: printed_accuracies(experiment, line | wanted) for line in own}
            rows += [
                (label, sigma, experiment.paper, printed[label][sigma], accuracy)
                for label, sigma, accuracy in points
                if sigma in printed.get(label, {})
            ]
    columns = ["curve_label", "sigma", "item", "paper", "measured"]
    return pd.DataFrame(rows, columns=columns).drop_duplicates(["curve_label", "sigma", "paper"])


@cache
def _declared() -> Declared:
    """Return the paper's items; a file of the user's has nothing that the paper printed."""
    return load_declared(Path(str(resources.files("robustbench_ln") / "benchmarks.yaml")))
