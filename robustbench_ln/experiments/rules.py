"""The claims about curves: each rule's quantity, what it allows, and the finding in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from robustbench_ln.benchmarks.claims import Best, Bound, Collapse, Of, Ordering, Ratio, Slope, Value
from robustbench_ln.experiments.checks import (
    Allowed,
    Decision,
    Point,
    UndecidedError,
    decide,
    exponential_residual,
    linear_residual,
    points_of,
)
from robustbench_ln.experiments.curves import Curve, at_sigmas, listed, paired, same_networks

CurveClaim = Value | Bound | Ordering | Ratio | Slope | Collapse
#: Sigmas that a fit needs, and numbers of groups that a comparison needs.
_LEAST_SIGMAS, _LEAST_GROUPS = 4, 3


@dataclass(frozen=True)
class Finding:
    """What the arithmetic says; see `Check` for the attributes."""

    holds: bool
    measured: str
    points: tuple[Point, ...]
    reason: str = ""
    clear: bool | None = None


@dataclass(frozen=True)
class _Tested:
    """What a rule tests at each sigma.

    Attributes:
        subject: its name in a sentence.
        points: at every measured sigma.
        allowed: the range, in the unit of the points.
        asked: the range in words.
        write: writes a number of the points.
        aside: what else to tell about a sigma.
        selected: whether the points are of curves chosen by their own values.
    """

    subject: str
    points: list[Point]
    allowed: Allowed
    asked: str
    write: Callable[[float], str]
    aside: Mapping[float, str] = field(default_factory=dict)
    selected: bool = False


def sides_of(claim: CurveClaim) -> tuple[Of, ...]:
    """Return the curves that a claim is about."""
    if isinstance(claim, Ordering):
        return claim.above, claim.below
    if isinstance(claim, Ratio):
        return claim.of, claim.to
    return (claim.of,)


def find(claim: CurveClaim, curves: Sequence[Curve]) -> Finding:
    """Return whether a claim holds of its curves.

    Args:
        claim: the claim.
        curves: those of `sides_of`, on one data set and under one noise.

    Raises:
        UndecidedError: they do not decide it.
    """
    if isinstance(claim, Slope):
        return _slope(claim, curves[0])
    return _within(_tested(claim, curves), claim.sigma, _asked(curves))


def _tested(claim: Value | Bound | Ordering | Ratio | Collapse, curves: Sequence[Curve]) -> _Tested:
    first = curves[0]
    if isinstance(claim, Value):
        low, high = (claim.paper - claim.tolerance) / 100, (claim.paper + claim.tolerance) / 100
        asked = f"{claim.paper:g} % within {claim.tolerance:g} points"
        return _Tested(first.label, first.points(), Allowed(low, high), asked, percent)
    if isinstance(claim, Bound):
        allowed = Allowed(*_ends(claim.least, claim.most, 100))
        return _Tested(first.label, first.points(), allowed, f"{_range(claim.least, claim.most)} %", percent)
    if isinstance(claim, Collapse):
        points = points_of(first.table(claim.measure), first.images)
        what = "share of the top class" if claim.measure == "top_share" else "entropy share"
        allowed, asked = Allowed(*_ends(claim.least, claim.most)), _range(claim.least, claim.most)
        return _Tested(f"{what} of {first.label}", points, allowed, asked, decimal)
    tables = paired([curve.table() for curve in curves])
    aside = {
        float(sigma): " against ".join(percent(float(table.loc[sigma].mean())) for table in tables)
        for sigma in tables[0].index
    }
    images = _fewest_images(curves)
    if isinstance(claim, Ordering):
        subject = f"{first.label} less {curves[1].label}"
        if claim.from_clean:
            tables = [_change(table) for table in tables]
            subject += ", each since sigma 0"
        points = points_of(tables[0] - tables[1], images, share=False)
        most = math.inf if claim.most is None else claim.most / 100
        # A tie is not above.
        allowed = Allowed(claim.margin / 100, most, strict=claim.margin == 0)
        return _Tested(subject, points, allowed, _margin(claim), in_points, aside)
    points = points_of(_ratios(*tables), images, share=False)
    allowed, asked = Allowed(*_ends(claim.least, claim.most)), _range(claim.least, claim.most)
    return _Tested(f"{first.label} over {curves[1].label}", points, allowed, asked, decimal, aside)


def _change(table: pd.DataFrame) -> pd.DataFrame:
    """Return what accuracies, by sigma and seed, have changed by since sigma 0.

    Raises:
        UndecidedError: sigma 0 was not measured.
    """
    if 0.0 not in table.index:
        raise UndecidedError("sigma 0 was not measured, so nothing tells how fast accuracy falls")
    return (table - table.loc[0.0]).drop(index=0.0)


def _ratios(of: pd.DataFrame, to: pd.DataFrame) -> pd.DataFrame:
    """Return, by sigma and seed, numbers whose mean is the ratio of the mean accuracies.

    Their spread is that of the ratio, to first order (Cochran 1977, Sampling Techniques, chapter 6). Ratios
    of single seeds would have another mean.
    """
    bottom = to.mean(axis=1).replace(0.0, math.nan)
    ratio = of.mean(axis=1) / bottom
    return of.sub(to.mul(ratio, axis=0)).div(bottom, axis=0).add(ratio, axis=0)


def _asked(curves: Iterable[Curve]) -> set[float]:
    """Return the sigmas that an experiment asks for of every one of some curves."""
    return set(frozenset.intersection(*(curve.asked for curve in curves)))


def _within(tested: _Tested, grid: str | None, asked: set[float]) -> Finding:
    """Return whether what is tested lies, at every sigma of a grid, within what is allowed.

    Raises:
        UndecidedError: it does at those that were measured, but others are still to be.
    """
    points, missing, waiting = at_sigmas(tested.points, grid, asked)
    decision = decide(points, tested.allowed)
    if tested.selected:
        # An interval of what was chosen by the same accuracies promises too much.
        decision = replace(decision, clear=None)
    worst = decision.worst
    among = f", the worst of {len(points)} sigmas" if len(points) > 1 else ""
    aside = f" ({tested.aside[worst.sigma]})" if worst.sigma in tested.aside else ""
    measured = (
        f"{tested.subject}: {tested.write(worst.value)}{aside} at sigma {worst.sigma:g}{among}, "
        f"{_basis(worst, tested.write)}; asked for: {tested.asked}{_clearly(decision)}{_unmeasured(missing)}"
    )
    if decision.holds and waiting:
        raise UndecidedError(f"holds so far, sigma {listed(waiting)} still to be measured: {measured}")
    failing = listed(point.sigma for point in decision.failing)
    reason = "" if decision.holds else f"not {tested.asked} at sigma {failing}"
    return Finding(decision.holds, measured, tuple(points), reason, decision.clear)


def _slope(claim: Slope, curve: Curve) -> Finding:
    curve = replace(curve, cells=same_networks(curve.cells))
    points, missing, waiting = at_sigmas(curve.points(), claim.sigma, curve.asked)
    if waiting:
        raise UndecidedError(f"{curve.label} is still to be measured at sigma {listed(waiting)}")
    if len(points) < _LEAST_SIGMAS:
        raise UndecidedError(
            f"{curve.label} was measured at {len(points)} sigmas; a fit needs {_LEAST_SIGMAS}"
        )
    chance = 1 / int(curve.cells["classes"].iloc[0])
    sigmas, above = [point.sigma for point in points], [point.value - chance for point in points]
    residuals = {
        "linear": linear_residual(sigmas, above),
        "exponential": exponential_residual(sigmas, above),
    }
    if math.isclose(residuals["linear"], residuals["exponential"], rel_tol=1e-6, abs_tol=1e-9):
        raise UndecidedError(f"a line and an exponential decay fit {curve.label} equally well")
    closer = min(residuals, key=lambda form: residuals[form])
    measured = (
        f"{curve.label}: a line misses by {in_points(residuals['linear'])} (root mean square), "
        f"an exponential decay by {in_points(residuals['exponential'])}, over {len(points)} sigmas, "
        f"{_seeds(points)}, {_images(points)}{_unmeasured(missing)}"
    )
    reason = "" if closer == claim.form else f"the {closer} fit is the closer one"
    return Finding(closer == claim.form, measured, tuple(points), reason)


def find_best(claim: Best, curves: Mapping[int, Curve]) -> Finding:
    """Return whether the best number of groups is among a claim's at every sigma.

    Args:
        claim: the claim.
        curves: by number of groups.

    Raises:
        UndecidedError: they do not decide it.
    """
    if len(curves) < _LEAST_GROUPS:
        raise UndecidedError(f"numbers of groups measured: {len(curves)}; a best one needs {_LEAST_GROUPS}")
    inside = [groups for groups in curves if groups in claim.groups]
    outside = [groups for groups in curves if groups not in claim.groups]
    if not inside or not outside:
        missing = "none of the claim's" if not inside else "no other"
        raise UndecidedError(f"{missing} number of groups was measured")
    tables = dict(zip(curves, paired([curve.table() for curve in curves.values()]), strict=True))
    means = pd.DataFrame({groups: table.mean(axis=1) for groups, table in tables.items()}).dropna()
    best = {float(sigma): (row[inside].idxmax(), row[outside].idxmax()) for sigma, row in means.iterrows()}
    leads = pd.DataFrame(
        {sigma: tables[ours].loc[sigma] - tables[other].loc[sigma] for sigma, (ours, other) in best.items()}
    ).T
    aside = {
        sigma: ", ".join(f"{groups} groups {percent(means.at[sigma, groups])}" for groups in pair)
        for sigma, pair in best.items()
    }
    tested = _Tested(
        f"the best of {_groups(inside)} groups less the best of {_groups(outside)}",
        points_of(leads, _fewest_images(list(curves.values())), share=False),
        Allowed(0.0, strict=True),
        f"{_groups(claim.groups)} groups best",
        in_points,
        aside,
        selected=True,
    )
    return _within(tested, claim.sigma, _asked(curves.values()))


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.2f} %"


def in_points(share: float) -> str:
    """Return a difference of shares in percentage points."""
    return f"{100 * share:.2f} points"


def decimal(number: float) -> str:
    """Return a ratio."""
    return f"{number:.3f}"


def _basis(point: Point, write: Callable[[float], str]) -> str:
    """Return what a number rests on: its interval, the seeds and the images."""
    seeds = _seeds([point])
    if point.low is None or point.high is None:
        return f"{seeds}, {_images([point])}"
    kind = "t interval over seeds" if point.seeds > 1 else "Wilson interval over images"
    return f"{write(point.low)} to {write(point.high)} (95 % {kind}), {seeds}, {_images([point])}"


def _seeds(points: Sequence[Point]) -> str:
    fewest = min(point.seeds for point in points)
    return "from one seed" if fewest == 1 else f"from {fewest} seeds"


def _images(points: Sequence[Point]) -> str:
    return f"{min(point.images for point in points):,} test images"


def _clearly(decision: Decision) -> str:
    if decision.clear is None:
        return ""
    return "; all of the interval agrees" if decision.clear else "; within the interval, so chance may decide"


def _unmeasured(sigmas: Sequence[float]) -> str:
    return f"; not measured: sigma {listed(sigmas)}" if sigmas else ""


def _fewest_images(curves: Sequence[Curve]) -> pd.Series:
    return pd.concat([curve.images for curve in curves]).groupby(level=0).min()


def _ends(least: float | None, most: float | None, unit: float = 1) -> tuple[float, float]:
    return (-math.inf if least is None else least / unit, math.inf if most is None else most / unit)


def _range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"{least:g} to {most:g}"
    return f"at least {least:g}" if least is not None else f"at most {most:g}"


def _margin(claim: Ordering) -> str:
    most = "" if claim.most is None else f", by {claim.most:g} points at most"
    if claim.margin == 0:
        return f"above{most}"
    if claim.margin > 0:
        return f"above by {claim.margin:g} points{' or more' if most else ''}{most}"
    return f"at most {-claim.margin:g} points below{most}"


def _groups(numbers: Sequence[int]) -> str:
    return " or ".join(str(number) for number in sorted(numbers))
