"""Read benchmarks.yaml: every part checked, and pointed at by line when it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from robustbench_ln.benchmarks.benchmark import Benchmark, merged_training
from robustbench_ln.benchmarks.claims import RULES, AnyClaim, Of
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.benchmarks.fields import check_name
from robustbench_ln.benchmarks.training import TrainSettings
from robustbench_ln.data.open import check_spec
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.models.registry import check_network
from robustbench_ln.modes import check_mode, modes_for
from robustbench_ln.noise import NoiseSpec, find_noise, parse_sigmas, sigma_value
from robustbench_ln.norms.registry import check_groups, find_norm, parse_norm
from robustbench_ln.yaml_file import Location, YamlFile

_NAME = "benchmarks.yaml"
_SECTIONS = ("grids", "benchmarks", "experiments")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Declared:
    """What a file declares.

    Attributes:
        path: the file.
        benchmarks: networks to train, by name.
        experiments: items of the paper, by name.
        grids: sigma grids by name.
    """

    path: Path
    benchmarks: Mapping[str, Benchmark]
    experiments: Mapping[str, Experiment]
    grids: Mapping[str, str]

    def benchmark(self, name: str) -> Benchmark:
        """Return the benchmark of a name.

        Raises:
            UnknownNameError: the file declares no such benchmark.
        """
        if name not in self.benchmarks:
            raise UnknownNameError("benchmark", name, self.benchmarks)
        return self.benchmarks[name]

    def experiment(self, name: str) -> Experiment:
        """Return the experiment of a name.

        Raises:
            UnknownNameError: the file declares no such experiment.
        """
        if name not in self.experiments:
            raise UnknownNameError("experiment", name, self.experiments)
        return self.experiments[name]

    def sigmas(self, grid: str) -> tuple[str, ...]:
        """Return the sigmas of a grid, given by name or written out."""
        return parse_sigmas(self.grids.get(grid, grid))


def find_config(given: Path | None) -> Path:
    """Return the file in force: the given one, else one in the working folder, else the package's own.

    Raises:
        LnbenchError: the given file does not exist.
    """
    if given is not None:
        if not given.is_file():
            raise LnbenchError(
                f"Configuration file '{given}' does not exist.", "Name a file with --config FILE."
            )
        return given
    here = Path(_NAME)
    return here if here.is_file() else Path(str(resources.files("robustbench_ln") / _NAME))


def load_declared(path: Path) -> Declared:
    """Read and check a file of benchmarks and experiments.

    Raises:
        LnbenchError: unreadable, not YAML, a duplicate or unknown key, or a wrong value; with the line.
    """
    file = YamlFile(path)
    sections = {name: _section(file, name) for name in _SECTIONS}
    if not sections["benchmarks"]:
        raise file.error((), "expected benchmarks by name.", "See docs/reference/benchmarks.md for the form.")
    grids = {}
    for name, grid in sections["grids"].items():
        _check(file, ("grids", name), partial(_check_name, name))
        _check(file, ("grids", name), partial(parse_sigmas, str(grid)))
        grids[name] = str(grid)
    raw: dict[str, Any] = {}
    benchmarks = {}
    for name, body in sections["benchmarks"].items():
        raw[name] = _inherited(file, ("benchmarks", name), body, raw)
        benchmarks[name] = _benchmark(file, name, raw[name])
    declared = Declared(path, benchmarks, {}, grids)
    experiments = {
        name: _experiment(file, name, body, declared) for name, body in sections["experiments"].items()
    }
    return Declared(path, benchmarks, experiments, grids)


def _section(file: YamlFile, name: str) -> dict[str, Any]:
    if not isinstance(file.value, dict) or not file.value:
        raise file.error(
            (), f"expected the sections {', '.join(_SECTIONS)}.", "See docs/reference/benchmarks.md."
        )
    for key in file.value:
        if key not in _SECTIONS:
            unknown = UnknownNameError("section", key, _SECTIONS)
            raise file.error((key,), unknown.message, unknown.hint)
    section = file.value.get(name, {})
    if not isinstance(section, dict):
        raise file.error(
            (name,), f"expected {name} by name.", "See docs/reference/benchmarks.md for the form."
        )
    return section


def _inherited(file: YamlFile, where: Location, body: Any, earlier: Mapping[str, Any]) -> Any:
    """Return a benchmark's body over that of the one named under `like`, which must stand before it."""
    if not isinstance(body, dict) or "like" not in body:
        return body
    base = body["like"]
    if base not in earlier or not isinstance(earlier[base], dict):
        unknown = UnknownNameError("earlier benchmark", str(base), earlier)
        raise file.error((*where, "like"), unknown.message, unknown.hint)
    own = {key: value for key, value in body.items() if key != "like"}
    merged = {**earlier[base], **own}
    if isinstance(own.get("train"), dict) and isinstance(earlier[base].get("train"), dict):
        merged["train"] = merged_training(earlier[base]["train"], own["train"])
    return merged


def _benchmark(file: YamlFile, name: str, body: Any) -> Benchmark:
    where: Location = ("benchmarks", name)
    _check(file, where, partial(_check_name, name))
    benchmark = _read(file, where, Benchmark, body)
    _check(file, (*where, "network"), partial(check_network, benchmark.network))
    _check(file, (*where, "data"), partial(check_spec, benchmark.data))
    for key, options in benchmark.norms.items():
        at = (*where, "norms", key)
        _check(file, at, partial(parse_norm, key))
        norm, in_key = parse_norm(key)
        unknown = [option for option in options if option not in find_norm(norm).options]
        given = {**in_key, **options}
        _check(file, (*at, *unknown[:1]), partial(check_groups, norm, given, benchmark.train.batch_size))
    noisy = benchmark.train.noisy
    if noisy is not None:
        _check(file, (*where, "train", "noisy"), partial(_check_noisy, noisy.noise, noisy.sigma))
    for preset, changes in benchmark.presets.items():
        at = (*where, "presets", preset)
        _check(file, at, partial(_check_name, preset))
        base = benchmark.train.model_dump(exclude_unset=True)
        _read(file, (*at, "train"), TrainSettings, merged_training(base, changes.train))
        batch = benchmark.at(preset).train.batch_size
        for norm, options in benchmark.norm_options():
            _check(file, (*at, "train", "batch_size"), partial(check_groups, norm, options, batch))
    return benchmark


def _experiment(file: YamlFile, name: str, body: Any, declared: Declared) -> Experiment:
    where: Location = ("experiments", name)
    _check(file, where, partial(_check_name, name))
    experiment = _read(file, where, Experiment, body)
    for position, benchmark in enumerate(experiment.benchmarks):
        _check(file, (*where, "benchmarks", position), partial(declared.benchmark, benchmark))
    for position, sweep in enumerate(experiment.sweeps):
        at = (*where, "sweeps", position)
        _check(file, (*at, "noise"), partial(NoiseSpec, sweep.noise, False, sweep.rescale, sweep.space))
        _check(file, (*at, "sigma"), partial(_check_grid, declared, sweep.noise, sweep.sigma))
        for mode in sweep.modes or ():
            _check(file, (*at, "modes"), partial(check_mode, mode))
    for position, norm in enumerate(experiment.norms or ()):
        _check(file, (*where, "norms", position), partial(parse_norm, norm))
    ids = [claim.id for claim in experiment.claims]
    for position, claim in enumerate(experiment.claims):
        at = (*where, "claims", position)
        if ids.index(claim.id) != position:
            raise file.error((*at, "id"), f"the claim '{claim.id}' stands here a second time.")
        _check(file, at, partial(_check_claim, experiment, claim, declared))
    return experiment


def _check_claim(experiment: Experiment, claim: AnyClaim, declared: Declared) -> None:
    """Check that what a claim is about is among what the experiment shows; else it would never be decided."""
    kinds = {sweep.kind for sweep in experiment.sweeps}
    parts = [claim, *(part for _, part in claim if isinstance(part, Of))]
    for part in parts:
        named = getattr(part, "benchmark", None)
        if named is not None and named not in experiment.benchmarks:
            raise LnbenchError(f"'{named}' is not among the experiment's benchmarks.")
        noise = getattr(part, "noise", None)
        if noise is not None and noise not in kinds:
            raise UnknownNameError("noise of this experiment", noise, kinds)
        if isinstance(part, Of):
            norm = parse_norm(part.norm)[0]
            if part.mode is not None and part.mode not in modes_for(norm):
                raise UnknownNameError(f"mode of norm {norm}", part.mode, modes_for(norm))
            shown = [named] if named else experiment.benchmarks
            norms = {known for one in shown for known, _ in declared.benchmark(one).norm_options()}
            if norm not in norms:
                raise UnknownNameError("norm of this experiment", norm, norms)


def _check_noisy(noise: str, sigma: float) -> None:
    sigma_value(find_noise(noise), str(sigma))


def _check_grid(declared: Declared, noise: str, grid: str) -> None:
    for sigma in declared.sigmas(grid):
        sigma_value(find_noise(noise), sigma)


def _check_name(name: str) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise LnbenchError(f"{error}.") from error


def _read(file: YamlFile, where: Location, model: type[_Model], body: Any) -> _Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one is what the user sees in the file.
        problem = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")[0]
        # A claim's place is told with its rule, which is no key of the file.
        at = [part for part in problem["loc"] if part not in RULES]
        hint = _known_keys(model, at) if problem["type"] == "extra_forbidden" else ""
        place = (*where, *at)
        raise file.error(place, f"{'.'.join(map(str, place[1:]))}: {_reason(problem)}.", hint) from error


def _check(file: YamlFile, where: Location, check: Callable[[], object]) -> None:
    """Let an error of a check point at its line."""
    try:
        check()
    except LnbenchError as error:
        raise file.error(where, error.message, error.hint) from error


def _reason(problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        return "unknown key"
    if problem["type"] == "missing":
        return "this key is missing"
    if problem["type"].startswith("union_tag"):
        return f"`rule` must be one of {', '.join(RULES)}"
    return f"{problem['msg'].removeprefix('Value error, ')}, got {problem['input']!r}"


def _known_keys(model: type[BaseModel], location: list[Any]) -> str:
    """Return which keys there are where an unknown one stands, as far as it is one of the model's own."""
    fields: Any = model.model_fields
    for part in location[:-1]:
        inner = fields[part].annotation if part in fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ""
        fields = inner.model_fields
    unknown = UnknownNameError("key", str(location[-1]), fields)
    return f"{unknown.message.partition('. ')[2]} {unknown.hint}".strip()
