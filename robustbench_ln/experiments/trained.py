"""The claims about networks rather than curves: size, seconds of training, gamma and beta."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robustbench_ln.benchmarks.claims import Parameters, Spread, TrainingTime
from robustbench_ln.experiments.checks import Check, UndecidedError
from robustbench_ln.experiments.curves import check_clean, networks_of, one_kind, shortening
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.experiments.records import records_of
from robustbench_ln.experiments.seconds import Machine, by_machine, epoch_seconds
from robustbench_ln.metrics import t_interval
from robustbench_ln.norms.registry import fits, parse_norm, resolve_options
from robustbench_ln.store.results import Results
from robustbench_ln.store.stored import StoredModel

#: (C, H, W) and classes of the data sets whose networks can be built where none was trained.
_INPUTS = {"digits": ((1, 28, 28), 10), "mnist": ((1, 28, 28), 10), "cifar10": ((3, 32, 32), 10)}


def check_parameters(claim: Parameters, entry: Evidence) -> list[Check]:
    """Count the parameters of a declared network, trained or not."""
    try:
        total = _count(claim, entry)
    except UndecidedError as why:
        return [_undecided(entry, entry.settings.data, why)]
    off = total - claim.paper
    than = f", {abs(off):,} {'more' if off > 0 else 'fewer'} than the paper's {claim.paper:,}" if off else ""
    measured = f"{entry.settings.network} with {claim.norm}: {total:,} parameters{than}"
    reason = "" if off == 0 else f"off by {off:+,}"
    return [
        Check(claim.benchmark, entry.preset, entry.settings.data, "", "both", off == 0, measured, (), reason)
    ]


def _count(claim: Parameters, entry: Evidence) -> int:
    wanted = parse_norm(claim.norm)
    resolved = [(norm, resolve_options(norm, options)) for norm, options in entry.settings.norm_options()]
    norms = [norm for norm in resolved if fits(norm, wanted)]
    if len(norms) != 1:
        raise UndecidedError(f"{claim.benchmark} declares {len(norms)} norms that are {claim.norm}")
    data = entry.settings.data
    # A network that was trained on other data in its place has another first and last layer.
    cards = [model.card["recipe"] for model in entry.models]
    trained = [card for card in cards if (card["data"] or {}).get("name") == data]
    inputs = (
        [_INPUTS[data]]
        if data in _INPUTS
        else [((*card["image_shape"],), card["classes"]) for card in trained]
    )
    if not inputs:
        raise UndecidedError(f"the shape of the images of {data} is not known before a training")
    from robustbench_ln.models.parameters import count_built

    return count_built(
        entry.settings.network,
        image_shape=inputs[0][0],
        num_classes=inputs[0][1],
        norm=norms[0][0],
        norm_options=norms[0][1],
    ).total


#: Seconds of an epoch, and the networks that they are of.
_Timed = tuple[float, Sequence[StoredModel]]


def check_time(claim: TrainingTime, entry: Evidence) -> list[Check]:
    """Compare the seconds of an epoch of two norms, on each machine that trained both."""
    sides = [_by_data(networks_of(entry, norm)) for norm in (claim.of, claim.to)]
    checks = []
    for data in sides[0]:
        if data in sides[1]:
            checks += _check_time_on(claim, entry, sides[0][data], sides[1][data])
    return checks


def _check_time_on(
    claim: TrainingTime, entry: Evidence, slow: Sequence[StoredModel], fast: Sequence[StoredModel]
) -> list[Check]:
    data = _data_of(slow)
    of: dict[Machine, _Timed] = {}
    to: dict[Machine, _Timed] = {}
    problems: list[UndecidedError] = []
    for networks, usable in ((slow, of), (fast, to)):
        for machine, own in by_machine(entry.results, networks).items():
            try:
                usable[machine] = epoch_seconds(entry.results, machine, own), own
            except UndecidedError as why:
                problems.append(why)
    shared = [machine for machine in of if machine in to]
    if not shared:
        different = UndecidedError(
            f"no machine, with one device, number of threads and load, trained both {claim.of} and {claim.to}"
        )
        return [_undecided(entry, data, next(iter(problems), different))]
    return [_compare_seconds(claim, entry, of[machine], to[machine], machine, data) for machine in shared]


def _compare_seconds(
    claim: TrainingTime, entry: Evidence, of: _Timed, to: _Timed, machine: Machine, data: str
) -> Check:
    (slow, slow_networks), (fast, fast_networks) = of, to
    if fast <= 0:
        return _undecided(
            entry, data, UndecidedError(f"the seconds of an epoch of {claim.to} are not above 0")
        )
    ratio = slow / fast
    paper = claim.of_seconds / claim.to_seconds
    measured = (
        f"{claim.of} over {claim.to}: {ratio:.3f} ({slow:.1f} over {fast:.1f} s an epoch, "
        "medians after the first, without preparing batches, "
        f"{_of_seeds(slow_networks)} and {_of_seeds(fast_networks)}) on "
        f"{machine.text}; the paper: {paper:.3f}; asked for: {claim.least:g} to "
        f"{claim.most:g}{shortening([entry])}"
    )
    holds = claim.least - 1e-9 <= ratio <= claim.most + 1e-9
    reason = "" if holds else f"{ratio:.3f} is not {claim.least:g} to {claim.most:g}"
    return Check(entry.benchmark, entry.preset, data, "", "both", holds, measured, (), reason)


def check_spread(claim: Spread, entry: Evidence, minimum_clean: float) -> list[Check]:
    """Compare how far apart the groups' gammas or betas are after the last epoch and after the first."""
    by_data = _by_data(networks_of(entry, claim.norm))
    return [_check_spread_on(claim, entry, minimum_clean, networks) for networks in by_data.values()]


def _check_spread_on(
    claim: Spread, entry: Evidence, minimum_clean: float, networks: Sequence[StoredModel]
) -> Check:
    data = _data_of(networks)
    try:
        one_kind(networks, claim.norm)
        check_clean(entry, networks, minimum_clean, None)
        spreads = np.array([_spreads(entry.results, model, f"{claim.parameter}_mean") for model in networks])
    except UndecidedError as why:
        return _undecided(entry, data, why)
    first, last = spreads.mean(axis=0)
    interval = t_interval(spreads[:, 1])
    between = f" ({interval[0]:.5f} to {interval[1]:.5f}, 95 % t interval over seeds)" if interval else ""
    measured = (
        f"{claim.norm}: the groups' means of {claim.parameter} have standard deviation {last:.5f}{between} "
        f"after the last epoch, {first:.5f} after the first, {_of_seeds(networks)}; asked for: at least "
        f"{claim.least:g} and more than after the first{shortening([entry])}"
    )
    holds = bool(last >= claim.least and last > first)
    reason = (
        "" if holds else ("below the asked-for spread" if last < claim.least else "no more than at first")
    )
    return Check(entry.benchmark, entry.preset, data, "", "both", holds, measured, (), reason)


def _spreads(results: Results, model: StoredModel, column: str) -> tuple[float, float]:
    """Return the biased standard deviation between groups after the first and after the last epoch."""
    scales = records_of(results, model, "scales")
    by_epoch = scales.groupby("epoch")[column]
    if by_epoch.size().min() < 2:
        raise UndecidedError("a norm of one group has no spread between groups")
    deviations = by_epoch.std(ddof=0)
    if len(deviations) < 2:
        raise UndecidedError("a training of one epoch has no first epoch to compare the last with")
    return float(deviations.iloc[0]), float(deviations.iloc[-1])


def _undecided(entry: Evidence, data: str, why: UndecidedError) -> Check:
    reason = f"{why}{shortening([entry])}"
    return Check(entry.benchmark, entry.preset, data, "", "both", None, "", (), reason)


def _by_data(networks: Sequence[StoredModel]) -> dict[str, list[StoredModel]]:
    """Return networks by the checksum of what they were trained on."""
    found: dict[str, list[StoredModel]] = {}
    for model in networks:
        found.setdefault((model.card["recipe"]["data"] or {}).get("checksum", ""), []).append(model)
    return found


def _data_of(networks: Sequence[StoredModel]) -> str:
    return ", ".join(sorted({(model.card["recipe"]["data"] or {}).get("name", "") for model in networks}))


def _of_seeds(networks: Sequence[StoredModel]) -> str:
    seeds = len({model.card["recipe"]["seed"] for model in networks})
    return "from one seed" if seeds == 1 else f"from {seeds} seeds"
