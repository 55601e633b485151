"""What an experiment asks for: the cells of each sweep, told apart without opening data or store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robustbench_ln.benchmarks.benchmark import PAPER, Benchmark
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment, Sweep
from robustbench_ln.errors import UnknownNameError
from robustbench_ln.modes import lay_out, modes_for
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.norms.registry import fits, parse_norm, resolve_options


@dataclass(frozen=True)
class Need:
    """One sweep of an experiment over the networks of one benchmark.

    Attributes:
        benchmark: the benchmark's name.
        settings: it, as the preset changes it.
        sweep: the noise.
        sigmas: of it.
        norms: names and options of the networks.
        small_sets: N/K where BatchNorm's statistics are to be those of N/K images; None for N.
    """

    benchmark: str
    settings: Benchmark
    sweep: Sweep
    sigmas: tuple[str, ...]
    norms: tuple[tuple[str, Mapping[str, Any]], ...]
    small_sets: int | None

    @property
    def noise(self) -> NoiseSpec:
        """The noise with its options."""
        return noise_of(self.sweep, self.settings)

    @property
    def modes(self) -> tuple[str, ...] | None:
        """The test-time modes, None for all that fit."""
        return ("batch",) if self.small_sets else self.sweep.modes

    @property
    def batch_size(self) -> int:
        """N of the coupled modes."""
        return self.small_sets or self.settings.train.batch_size


def noise_of(sweep: Sweep, settings: Benchmark) -> NoiseSpec:
    """Return the noise that a sweep brings to a benchmark's images."""
    if sweep.reading != "code":
        return NoiseSpec(sweep.noise)
    return NoiseSpec(sweep.noise, False, settings.code_noise.rescale, settings.code_noise.space)


def preset_of(declared: Declared, name: str, preset: str) -> Benchmark:
    """Return a benchmark as a preset changes it; one without that preset is not shortened.

    Raises:
        UnknownNameError: no benchmark of the file has such a preset.
    """
    known = {PAPER, *(known for each in declared.benchmarks.values() for known in each.presets)}
    if preset not in known:
        raise UnknownNameError("preset", preset, known)
    benchmark = declared.benchmark(name)
    return benchmark.at(preset if preset in benchmark.presets else PAPER)


def needs_of(declared: Declared, experiment: Experiment, benchmark: str, preset: str) -> list[Need]:
    """Return the sweeps that an experiment asks for over the networks of one of its benchmarks."""
    settings = preset_of(declared, benchmark, preset)
    norms = shown_norms(experiment, settings)
    found = []
    for sweep in experiment.sweeps if experiment.figure != "histograms" else ():
        sigmas = spread(declared.sigmas(sweep.sigma), settings.points)
        found.append(Need(benchmark, settings, sweep, sigmas, norms, None))
        plain = tuple(norm for norm in norms if norm[0] == "batchnorm")
        sets = _group_size(settings)
        if sweep.controls and plain and sets and (sweep.modes is None or "batch" in sweep.modes):
            found.append(Need(benchmark, settings, sweep, sigmas, plain, sets))
    return found


def shown_norms(experiment: Experiment, settings: Benchmark) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Return the norms of a benchmark that an experiment shows, with all their options."""
    resolved = tuple((norm, resolve_options(norm, options)) for norm, options in settings.norm_options())
    if experiment.norms is None:
        return resolved
    wanted = [parse_norm(text) for text in experiment.norms]
    return tuple(norm for norm in resolved if any(fits(norm, one) for one in wanted))


def count_networks(experiment: Experiment, settings: Benchmark) -> int:
    """Return how many networks an experiment asks of a benchmark; histograms are of images alone."""
    if experiment.figure == "histograms":
        return 0
    return len(shown_norms(experiment, settings)) * len(settings.seeds)


def spread(sigmas: tuple[str, ...], points: int | None) -> tuple[str, ...]:
    """Return at most so many sigmas, spread over a grid; the first and the last are among them.

    >>> spread(("0", "0.1", "0.2", "0.5", "1"), 3)
    ('0', '0.2', '1')
    """
    if points is None or points >= len(sigmas):
        return sigmas
    last = len(sigmas) - 1
    places = [round(place * last / max(points - 1, 1)) for place in range(points)]
    return tuple(sigmas[place] for place in dict.fromkeys(places))


def _group_size(settings: Benchmark) -> int | None:
    """Return N/K of the benchmark's LocalNorm, None where it has none."""
    groups = [options["groups"] for norm, options in settings.norm_options() if norm == "localnorm"]
    return settings.train.batch_size // groups[0] if groups else None


def count_cells(needs: Sequence[Need]) -> int:
    """Return the number of different cells that sweeps ask for, over all training seeds."""
    cells: set[tuple[object, ...]] = set()
    for need in needs:
        for norm, options in need.norms:
            groups = int(options.get("groups", 1))
            for mode in modes_for(norm):
                if need.modes is not None and mode not in need.modes:
                    continue
                coupled = lay_out(mode, norm, groups, need.batch_size).coupled
                key = (norm, str(options), need.noise, mode, need.batch_size if coupled else None)
                cells.update((*key, sigma, seed) for sigma in need.sigmas for seed in need.settings.seeds)
    return len(cells)
