"""The numbers that the paper prints, as claims declare them."""

from __future__ import annotations

from typing import Any

from robustbench_ln.benchmarks.claims import Of, Parameters, TrainingTime, Value
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.norms.registry import find_norm, parse_norm


def mode_of(of: Of) -> str:
    """Return the mode of a curve, the norm's home mode unless it names one."""
    return of.mode or find_norm(parse_norm(of.norm)[0]).home_mode


def paper_values(experiment: Experiment) -> list[dict[str, Any]]:
    """Return every number that the paper prints and a claim holds against measurements, as JSON values.

    Returns:
        Of each: `claim` (its id), `benchmark` (None for all of the experiment), `norm`, `mode` and `noise`
        (a kind; None where there is none), `sigma`, `paper` (the number) and its `unit`: "percent",
        "parameters", or "times" the seconds of the norm named by `to`.
    """
    values: list[dict[str, Any]] = []
    for claim in experiment.claims:
        if isinstance(claim, Value):
            of = claim.of
            curve = {"benchmark": of.benchmark, "norm": of.norm, "mode": mode_of(of), "noise": of.noise}
            values += [
                {"claim": claim.id, **curve, "sigma": float(sigma), "paper": claim.paper, "unit": "percent"}
                for sigma in parse_sigmas(claim.sigma)
            ]
        elif isinstance(claim, Parameters | TrainingTime):
            norm = claim.norm if isinstance(claim, Parameters) else claim.of
            known: dict[str, Any] = {"claim": claim.id, "benchmark": claim.benchmark, "norm": norm}
            known |= {"mode": None, "noise": None, "sigma": None, "paper": claim.paper, "unit": "parameters"}
            values.append(
                known if isinstance(claim, Parameters) else {**known, "unit": "times", "to": claim.to}
            )
    return values
