"""Whether the claims of an item of the paper hold, from what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import pandas as pd

from robustbench_ln.benchmarks.claims import AnyClaim, Best, Of, Parameters, Spread, TrainingTime
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.experiments.checks import Check, Point, UndecidedError
from robustbench_ln.experiments.curves import (
    Curve,
    Scene,
    check_clean,
    curve_in,
    in_scene,
    label_of,
    networks_of,
    rows_of,
    scenes_of,
    shortening,
)
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.experiments.rules import CurveClaim, Finding, find, find_best, sides_of
from robustbench_ln.experiments.trained import check_parameters, check_spread, check_time

__all__ = ["Check", "Outcome", "Point", "Verdict", "judge", "summary"]

Outcome = Literal["holds", "holds in part", "does not hold", "no verdict", "not run here"]


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds.

    Attributes:
        claim: the claim.
        outcome: "holds" where every decided check holds, "does not hold" where none does, "holds in part"
            otherwise; "no verdict" where no check is decided, "not run here" where nothing was measured.
        checks: one a benchmark, data set and noise.
        reason: what an outcome other than "holds" comes from.
    """

    claim: AnyClaim
    outcome: Outcome
    checks: tuple[Check, ...]
    reason: str


def judge(experiment: Experiment, evidence: Sequence[Evidence]) -> list[Verdict]:
    """Return a verdict on each claim of an item of the paper.

    A claim is checked over each benchmark of the experiment, or those it names; on each data set; and under
    each noise of its kind. See docs/reference/verdicts.md for the rules.

    Args:
        experiment: the item.
        evidence: of `gather_evidence`, one entry a benchmark.
    """
    entries = {entry.benchmark: entry for entry in evidence}
    return [_verdict(claim, *_checks(experiment, claim, entries)) for claim in experiment.claims]


def summary(verdicts: Sequence[Verdict]) -> dict[Outcome, int]:
    """Return how many claims have each outcome, none left out."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return {outcome: counts[outcome] for outcome in get_args(Outcome)}


def _verdict(claim: AnyClaim, checks: list[Check], missing: list[str]) -> Verdict:
    decided = [check.holds for check in checks if check.holds is not None]
    outcome: Outcome
    if not checks:
        outcome = "not run here"
    elif not decided:
        outcome = "no verdict"
    elif all(decided):
        outcome = "holds"
    else:
        outcome = "holds in part" if any(decided) else "does not hold"
    several = len(checks) > 1
    reasons = [f"{_place(check)}: {check.reason}" if several else check.reason for check in checks]
    kept = [reason for check, reason in zip(checks, reasons, strict=True) if check.reason]
    return Verdict(claim, outcome, tuple(checks), "; ".join(kept if checks else missing))


def _place(check: Check) -> str:
    return " ".join(filter(None, [check.place, check.noise and f"under {check.noise}"]))


def _checks(
    experiment: Experiment, claim: AnyClaim, entries: Mapping[str, Evidence]
) -> tuple[list[Check], list[str]]:
    """Return the checks of a claim, and in words what is missing for others."""
    checks: list[Check] = []
    missing: list[str] = []
    for names in _places(experiment, claim):
        there = [entries[name] for name in names if name in entries]
        found = _of_place(experiment, claim, there) if len(there) == len(names) else []
        checks += found
        if not found:
            trained = [entry.benchmark for entry in there if entry.models]
            untrained = [name for name in dict.fromkeys(names) if name not in trained]
            if untrained:
                missing += [f"{name} has no network" for name in untrained]
            else:
                what = "has no network that the claim is about, or none was measured"
                missing.append(f"{' and '.join(dict.fromkeys(names))} {what}")
    return checks, missing


def _places(experiment: Experiment, claim: AnyClaim) -> list[tuple[str, ...]]:
    """Return the benchmarks that a claim is checked over: of each check one name a side."""
    if isinstance(claim, Best | Parameters | TrainingTime | Spread):
        return [(name,) for name in ([claim.benchmark] if claim.benchmark else experiment.benchmarks)]
    sides = sides_of(claim)
    every = [tuple(side.benchmark or name for side in sides) for name in experiment.benchmarks]
    return list(dict.fromkeys(every))


def _of_place(experiment: Experiment, claim: AnyClaim, entries: Sequence[Evidence]) -> list[Check]:
    if isinstance(claim, Parameters):
        return check_parameters(claim, entries[0])
    if isinstance(claim, TrainingTime):
        return check_time(claim, entries[0])
    if isinstance(claim, Spread):
        return check_spread(claim, entries[0], experiment.minimum_clean)
    if not all(entry.models for entry in entries):
        return []
    sides = (Of(norm="localnorm", noise=claim.noise),) if isinstance(claim, Best) else sides_of(claim)
    rows = [rows_of(entry, side) for entry, side in zip(entries, sides, strict=True)]
    return [_in_scene(experiment, claim, entries, rows, scene) for scene in scenes_of(rows)]


def _in_scene(
    experiment: Experiment,
    claim: CurveClaim | Best,
    entries: Sequence[Evidence],
    rows: Sequence[pd.DataFrame],
    scene: Scene,
) -> Check:
    benchmark, preset = (
        " and ".join(dict.fromkeys(names))
        for names in ([entry.benchmark for entry in entries], [entry.preset for entry in entries])
    )
    where = (benchmark, preset, scene.data, scene.noise, scene.reading)
    short = shortening(entries)
    minimum = experiment.minimum_clean
    try:
        if isinstance(claim, Best):
            finding = _find_best(claim, entries[0], rows[0], scene, minimum)
        else:
            finding = _find(claim, entries, rows, scene, minimum)
    except UndecidedError as why:
        return Check(*where, holds=None, measured="", reason=f"{why}{short}")
    return Check(
        *where,
        holds=finding.holds,
        measured=f"{finding.measured}{short}",
        points=finding.points,
        reason=finding.reason,
        clear=finding.clear,
    )


def _find(
    claim: CurveClaim,
    entries: Sequence[Evidence],
    rows: Sequence[pd.DataFrame],
    scene: Scene,
    minimum: float,
) -> Finding:
    presets = {entry.preset for entry in entries}
    if len(presets) > 1:
        raise UndecidedError(f"the networks were trained by different presets: {', '.join(sorted(presets))}")
    curves = []
    several = len({entry.benchmark for entry in entries}) > 1
    for side, entry, mine in zip(sides_of(claim), entries, rows, strict=True):
        label = f"{label_of(side)} of {entry.benchmark}" if several else label_of(side)
        curves.append(curve_in(entry, mine, scene, label, side.norm))
        check_clean(entry, networks_of(entry, side.norm), minimum, scene)
    return find(claim, curves)


def _find_best(claim: Best, entry: Evidence, rows: pd.DataFrame, scene: Scene, minimum: float) -> Finding:
    curves: dict[int, Curve] = {}
    weak: list[str] = []
    for groups in sorted(set(in_scene(rows, scene)["groups"])):
        norm = f"localnorm:groups={groups}"
        curve = curve_in(entry, rows[rows["groups"] == groups], scene, norm, norm)
        try:
            check_clean(entry, networks_of(entry, norm), minimum, scene)
        except UndecidedError as why:
            weak.append(f"; left out: {why}")
            continue
        curves[int(groups)] = curve
    left_out = "".join(weak)
    try:
        finding = find_best(claim, curves)
    except UndecidedError as why:
        raise UndecidedError(f"{why}{left_out}") from why
    return replace(finding, measured=f"{finding.measured}{left_out}")
