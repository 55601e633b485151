"""The numbers that the paper prints, as claims declare them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from robustbench_ln.benchmarks.claims import AnyClaim, Best, Bound, Of, Parameters, Ratio, TrainingTime, Value
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.norms.registry import find_norm, parse_norm


def mode_of(of: Of) -> str:
    """Return the mode of a curve, the norm's home mode unless it names one."""
    return of.mode or find_norm(parse_norm(of.norm)[0]).home_mode


def paper_values(experiment: Experiment) -> list[dict[str, Any]]:
    """Return every number that the paper prints and a claim compares with measurements, as JSON values.

    Returns:
        Of each: `claim` (its id), `benchmark` (None for all of the experiment), `norm`, `mode` and `noise`
        (a kind; None where there is none), `sigma` (None where it is for several), `paper` (the number) and
        its `unit`: "percent"; "percent at least" or "percent at most"; "times" the accuracy of the norm named
        by `to`; "parameters"; "seconds" an epoch; or "groups", whose `paper` is a list.
    """
    return [value for claim in experiment.claims for value in _values(claim)]


def _values(claim: AnyClaim) -> Iterator[dict[str, Any]]:
    if isinstance(claim, Value):
        for sigma in parse_sigmas(claim.sigma):
            curve = _curve(claim.id, claim.of) | {"sigma": float(sigma)}
            yield {**curve, "paper": claim.paper, "unit": "percent"}
    elif isinstance(claim, Bound) and claim.paper is not None:
        unit = "percent at most" if claim.least is None else "percent at least"
        yield {**_curve(claim.id, claim.of), "paper": claim.paper, "unit": unit}
    elif isinstance(claim, Ratio) and claim.paper is not None:
        yield {**_curve(claim.id, claim.of), "paper": claim.paper, "unit": "times", "to": claim.to.norm}
    elif isinstance(claim, Parameters):
        yield {**_network(claim.id, claim.benchmark, claim.norm), "paper": claim.paper, "unit": "parameters"}
    elif isinstance(claim, TrainingTime):
        for norm, seconds in ((claim.of, claim.of_seconds), (claim.to, claim.to_seconds)):
            yield {**_network(claim.id, claim.benchmark, norm), "paper": seconds, "unit": "seconds"}
    elif isinstance(claim, Best):
        known = _network(claim.id, claim.benchmark, "localnorm") | {"mode": "batch", "noise": claim.noise}
        yield {**known, "paper": list(claim.groups), "unit": "groups"}


def _curve(claim: str, of: Of) -> dict[str, Any]:
    return _network(claim, of.benchmark, of.norm) | {"mode": mode_of(of), "noise": of.noise}


def _network(claim: str, benchmark: str | None, norm: str) -> dict[str, Any]:
    return {"claim": claim, "benchmark": benchmark, "norm": norm, "mode": None, "noise": None, "sigma": None}
