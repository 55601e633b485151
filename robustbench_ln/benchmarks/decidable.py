"""Whether a claim can be decided: what it is about must be among what its experiment shows and measures."""

from __future__ import annotations

from collections.abc import Iterable

from robustbench_ln.benchmarks.claims import AnyClaim, Best, Of
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.modes import modes_for
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.norms.registry import find_norm, fits, parse_norm, resolve_options


def check_claim(experiment: Experiment, claim: AnyClaim, declared: Declared) -> None:
    """Check that what a claim is about is measured by its experiment; else it would never be decided.

    Raises:
        LnbenchError: its noise, norm, mode, sigma or benchmark is not among what the experiment shows.
    """
    if experiment.figure == "histograms":
        raise LnbenchError("histograms are of images alone, so no claim about networks can be decided.")
    kinds = {sweep.kind for sweep in experiment.sweeps}
    sigma = getattr(claim, "sigma", None)
    sigmas = () if sigma is None else parse_sigmas(str(sigma))
    for part in [claim, *(part for _, part in claim if isinstance(part, Of))]:
        named = getattr(part, "benchmark", None)
        if named is not None and named not in experiment.benchmarks:
            raise LnbenchError(f"'{named}' is not among the experiment's benchmarks.")
        places = [named] if named else experiment.benchmarks
        for norm in [getattr(part, name, None) for name in ("norm", "of", "to")]:
            if isinstance(norm, str):
                _check_shown(experiment, declared, places, norm)
        noise = getattr(part, "noise", None)
        if noise is not None and noise not in kinds:
            raise UnknownNameError("noise of this experiment", noise, kinds)
        if isinstance(part, Best):
            _check_shown(experiment, declared, places, "localnorm")
            _check_measured(experiment, declared, noise, "batch", sigmas)
        if isinstance(part, Of):
            norm = parse_norm(part.norm)[0]
            if part.mode is not None and part.mode not in modes_for(norm):
                raise UnknownNameError(f"mode of norm {norm}", part.mode, modes_for(norm))
            mode = part.mode or find_norm(norm).home_mode
            if part.small_sets and (norm, mode) != ("batchnorm", "batch"):
                raise LnbenchError("small sets are measured of batchnorm in mode batch alone.")
            _check_measured(experiment, declared, noise, mode, sigmas, controls=part.small_sets)


def _check_shown(experiment: Experiment, declared: Declared, benchmarks: Iterable[str], norm: str) -> None:
    name, wanted = parse_norm(norm)
    shown = shown_norm_names(experiment, declared, benchmarks)
    if name not in shown:
        raise UnknownNameError("norm of this experiment", name, shown)
    known = [
        (own, resolve_options(own, options))
        for benchmark in benchmarks
        for own, options in declared.benchmark(benchmark).norm_options()
    ]
    if not any(fits(one, (name, wanted)) for one in known):
        raise LnbenchError(f"no benchmark of this experiment declares {norm}.")


def _check_measured(
    experiment: Experiment,
    declared: Declared,
    noise: str | None,
    mode: str,
    sigmas: Iterable[str],
    *,
    controls: bool = False,
) -> None:
    sweeps = [
        sweep
        for sweep in experiment.sweeps
        if noise in (None, sweep.kind)
        and (sweep.modes is None or mode in sweep.modes)
        and (sweep.controls or not controls)
    ]
    if not sweeps:
        raise LnbenchError(
            f"no sweep of this experiment measures mode '{mode}'{f' under {noise}' if noise else ''}.",
            "Add it to the modes of a sweep.",
        )
    grids = {sigma for sweep in sweeps for sigma in declared.sigmas(sweep.sigma)}
    for sigma in sigmas:
        if sigma not in grids:
            raise LnbenchError(f"sigma {sigma} is in no grid of this experiment that the claim is about.")


def shown_norm_names(experiment: Experiment, declared: Declared, benchmarks: Iterable[str]) -> set[str]:
    """Return the names of the norms that an experiment shows of some benchmarks."""
    known = {norm for one in benchmarks for norm, _ in declared.benchmark(one).norm_options()}
    if experiment.norms is None:
        return known
    return known & {parse_norm(text)[0] for text in experiment.norms}
