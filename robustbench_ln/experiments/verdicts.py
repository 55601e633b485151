"""What became of an experiment's claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from robustbench_ln.benchmarks.claims import AnyClaim
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.experiments.evidence import Evidence

Outcome = Literal["holds", "holds in part", "does not hold", "no verdict", "not run here"]


@dataclass(frozen=True)
class Point:
    """One number that a check looked at."""

    sigma: str


@dataclass(frozen=True)
class Check:
    """A claim checked on the networks of one benchmark under one reading of a noise."""

    benchmark: str
    preset: str
    data: str
    noise: str
    reading: str
    holds: bool | None
    measured: str
    points: tuple[Point, ...]
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What became of one claim."""

    claim: AnyClaim
    outcome: Outcome
    checks: tuple[Check, ...]
    reason: str


def judge(experiment: Experiment, evidence: Sequence[Evidence]) -> list[Verdict]:
    """Return a verdict for each claim of an experiment."""
    return [Verdict(claim, "not run here", (), "") for claim in experiment.claims]
