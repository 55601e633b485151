"""What is measured and what is not: for each network and mode, the sigmas of each noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from robustbench_ln.modes import MODES, fits_norm, full_mode, modes_for
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.report.formats import sigma_text
from robustbench_ln.report.inputs import DataGroup, Inputs, NoiseGroup
from robustbench_ln.report.rows import rows_of


@dataclass(frozen=True)
class NoiseCoverage:
    """How much of one noise is measured, for one network and mode.

    Attributes:
        done: sigmas measured.
        expected: sigmas known, from other cells and from what was asked for.
        missing: the rest, as texts.
    """

    done: int
    expected: int
    missing: list[str]


@dataclass(frozen=True)
class CoverageRow:
    """One network in one mode, with `NoiseCoverage` for each noise of the coverage."""

    model: str
    mode: str
    noises: list[NoiseCoverage]


@dataclass(frozen=True)
class Coverage:
    """What is measured on one data set.

    Attributes:
        label: the data set's name.
        noises: the noises' names.
        rows: networks and modes.
    """

    label: str
    noises: list[str]
    rows: list[CoverageRow]


@dataclass(frozen=True)
class _Request:
    """A sweep that some invocation asked for; no modes means all that fit."""

    run_id: str
    noises: list[NoiseSpec]
    sigmas: list[float]
    modes: list[str] | None
    limit: int | None


def cover(inputs: Inputs, data: DataGroup) -> Coverage:
    """Return what is measured on a data set of what its cells and the invocations name."""
    requests = list(_requests_for(inputs, data))
    done = [_done(noise) for noise in data.noises]
    expected = [
        set().union(*own.values(), *(request.sigmas for request in requests if noise.spec in request.noises))
        for noise, own in zip(data.noises, done, strict=True)
    ]
    norms: dict[str, str] = {}
    for model, norm in rows_of(data.cells, "model_label", "norm"):
        norms.setdefault(model, norm)
    rows = []
    for model, norm in norms.items():
        # Of a selection, modes that were asked for may be measured and not selected.
        modes = {
            mode
            for request in (() if inputs.selection else requests)
            for mode in request.modes or modes_for(norm)
            if fits_norm(mode, norm)
        }
        modes |= {mode for own in done for label, mode in own if label == model}
        for mode in sorted(modes, key=_place):
            sigmas = [own.get((model, mode), set()) for own in done]
            rows.append(CoverageRow(model, mode, list(map(_coverage, sigmas, expected))))
    return Coverage(data.label, [noise.label for noise in data.noises], rows)


def _done(noise: NoiseGroup) -> dict[tuple[str, str], set[float]]:
    """Return the sigmas measured under a noise, by network and mode; each option of a blend is a mode."""
    done: dict[tuple[str, str], set[float]] = {}
    for model, mode, blend, sigma in rows_of(noise.cells, "model_label", "mode", "blend", "sigma"):
        done.setdefault((model, full_mode(mode, blend)), set()).add(sigma)
    return done


def _coverage(done: set[float], expected: set[float]) -> NoiseCoverage:
    missing = sorted(expected - done)
    return NoiseCoverage(len(expected) - len(missing), len(expected), [sigma_text(one) for one in missing])


def _place(mode: str) -> tuple[int, str]:
    return MODES.index(mode.partition(":")[0]), mode


def failure_rows(inputs: Inputs) -> list[list[str]]:
    """Return cell, reason and run of each cell that could not be measured."""
    rows = []
    for name, record in inputs.failures.items():
        cell, _, run = name.rpartition(".")
        rows.append([cell, str(record.get("reason", "")), run])
    return rows


def untested_models(inputs: Inputs) -> list[str]:
    """Return the networks in the store that no cell on the page has measured."""
    tested = {identity["model"]["id"] for identity in inputs.identities.values()}
    return [model.id for model in inputs.models if model.id not in tested]


def _requests_for(inputs: Inputs, data: DataGroup) -> Iterator[_Request]:
    """Yield the sweeps that were meant for a data set.

    A request names no data, so it counts where its cells are; one that was cut off before its first cell
    counts wherever its limit fits.
    """
    here = {inputs.hows[cell].get("run_id") for cell in data.cells["cell"].tolist()}
    anywhere = {how.get("run_id") for how in inputs.hows.values()}
    for run_id, record in inputs.runs.items():
        try:
            requests = _parse(run_id, record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = (
                f"Run '{run_id}' asked for a sweep that cannot be read, so coverage leaves it out: {error}"
            )
            if problem not in inputs.problems:
                inputs.problems.append(problem)
            continue
        for request in requests:
            if run_id in here or (run_id not in anywhere and request.limit == data.limit):
                yield request


def _parse(run_id: str, record: dict[str, Any]) -> list[_Request]:
    """Return the sweeps in the record of an invocation; none where it asked for something else."""
    request = record["request"]
    # A record has one `sweep`, or `sweeps` where each noise has sigmas of its own.
    sweeps = request.get("sweeps") or [request[name] for name in ("sweep",) if name in request]
    return [
        _Request(
            run_id,
            [NoiseSpec(**noise) for noise in sweep["noises"]],
            [float(sigma) for sigma in sweep["sigmas"]],
            None if sweep["modes"] is None else [str(mode) for mode in sweep["modes"]],
            sweep["limit"],
        )
        for sweep in sweeps
    ]
