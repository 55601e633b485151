"""What the paper prints for the points of a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from robustbench_ln.benchmarks.claims import Value
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.benchmarks.printed import mode_of
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.norms.registry import fits, parse_norm


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
