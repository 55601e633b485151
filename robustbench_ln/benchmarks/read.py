"""Read benchmarks.yaml: every part checked, and pointed at by line when it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from robustbench_ln.benchmarks.benchmark import PAPER, Benchmark, merged_training
from robustbench_ln.benchmarks.claims import RULES
from robustbench_ln.benchmarks.decidable import check_claim, shown_norm_names
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.benchmarks.training import TrainSettings
from robustbench_ln.data.names import check_spec
from robustbench_ln.errors import LnbenchError, UnknownNameError, together
from robustbench_ln.identity import check_name
from robustbench_ln.models.registry import check_network
from robustbench_ln.modes import check_mode, modes_for
from robustbench_ln.noise import find_noise, parse_sigmas, sigma_value
from robustbench_ln.norms.registry import check_groups, find_norm, parse_norm, resolve_options
from robustbench_ln.yaml_file import Location, YamlFile

_SECTIONS = ("grids", "benchmarks", "experiments")
#: Stands for every experiment where names are asked for.
ALL = "all"
_Model = TypeVar("_Model", bound=BaseModel)


def load_declared(path: Path) -> Declared:
    """Read and check a file of benchmarks and experiments.

    Raises:
        LnbenchError: unreadable, not YAML, a duplicate or unknown key, or wrong values; each with its line.
    """
    file = YamlFile(path)
    sections = {name: _section(file, name) for name in _SECTIONS}
    if not sections["benchmarks"]:
        raise file.error((), "expected benchmarks by name.", "See docs/reference/benchmarks.md for the form.")
    # A mistake that follows from another is not told: what builds on a part that is wrong is left out.
    mistakes: list[LnbenchError] = []
    grids = {}
    for name, grid in sections["grids"].items():
        with _noted(mistakes):
            _check(file, ("grids", name), partial(check_name, name))
            _check(file, ("grids", name), partial(parse_sigmas, str(grid)))
            grids[name] = str(grid)
    raw: dict[str, Any] = {}
    benchmarks: dict[str, Benchmark] = {}
    for name, body in sections["benchmarks"].items():
        wrong = raw.keys() - benchmarks.keys()
        if not (isinstance(body, dict) and str(body.get("like")) in wrong):
            with _noted(mistakes):
                raw[name] = _inherited(file, ("benchmarks", name), body, raw)
                benchmarks[name] = _benchmark(file, name, raw[name])
        raw.setdefault(name, body)
    if mistakes:
        raise together(mistakes)
    declared = Declared(path, benchmarks, {}, grids)
    experiments: dict[str, Experiment] = {}
    for name, body in sections["experiments"].items():
        with _noted(mistakes):
            experiments[name] = _experiment(file, name, body, declared)
    if mistakes:
        raise together(mistakes)
    return Declared(path, benchmarks, experiments, grids)


@contextmanager
def _noted(mistakes: list[LnbenchError]) -> Iterator[None]:
    """Let what stands after a mistake be read too."""
    try:
        yield
    except LnbenchError as error:
        mistakes.append(error)


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
    if not isinstance(base, str) or base not in earlier or not isinstance(earlier[base], dict):
        unknown = UnknownNameError("earlier benchmark", str(base), earlier)
        raise file.error((*where, "like"), unknown.message, unknown.hint)
    own = {key: value for key, value in body.items() if key != "like"}
    merged = {**earlier[base], **own}
    if isinstance(own.get("train"), dict) and isinstance(earlier[base].get("train"), dict):
        merged["train"] = merged_training(earlier[base]["train"], own["train"])
    return merged


def _benchmark(file: YamlFile, name: str, body: Any) -> Benchmark:
    where: Location = ("benchmarks", name)
    _check(file, where, partial(check_name, name))
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
    norms = [(name, resolve_options(name, options)) for name, options in benchmark.norm_options()]
    for position, key in enumerate(benchmark.norms):
        if norms[position] in norms[:position]:
            raise file.error((*where, "norms", key), "a norm with the same options stands above already.")
    noisy = benchmark.train.noisy
    if noisy is not None:
        _check(file, (*where, "train", "noisy"), partial(_check_noisy, noisy.noise, noisy.sigma))
    for preset, changes in benchmark.presets.items():
        at = (*where, "presets", preset)
        _check(file, at, partial(check_name, preset))
        if preset == PAPER:
            raise file.error(at, f"'{PAPER}' is the benchmark as it stands.", "Give the preset another name.")
        base = benchmark.train.model_dump(exclude_unset=True)
        _read(file, (*at, "train"), TrainSettings, merged_training(base, changes.train))
        batch = benchmark.at(preset).train.batch_size
        for norm, options in benchmark.norm_options():
            _check(file, (*at, "train", "batch_size"), partial(check_groups, norm, options, batch))
    return benchmark


def _experiment(file: YamlFile, name: str, body: Any, declared: Declared) -> Experiment:
    where: Location = ("experiments", name)
    _check(file, where, partial(check_name, name))
    if name == ALL:
        raise file.error(where, f"'{ALL}' names all experiments on the command line.", "Give another name.")
    experiment = _read(file, where, Experiment, body)
    for position, benchmark in enumerate(experiment.benchmarks):
        _check(file, (*where, "benchmarks", position), partial(declared.benchmark, benchmark))
    if experiment.figure == "histograms" and not experiment.sweeps:
        raise file.error(where, "histograms are of noisy images, but there are no sweeps.", "Declare sweeps.")
    for position, sweep in enumerate(experiment.sweeps):
        at = (*where, "sweeps", position)
        _check(file, (*at, "noise"), partial(find_noise, sweep.noise))
        _check(file, (*at, "sigma"), partial(_check_grid, declared, sweep.noise, sweep.sigma))
    for position, norm in enumerate(experiment.norms or ()):
        _check(file, (*where, "norms", position), partial(parse_norm, norm))
    shown = shown_norm_names(experiment, declared, experiment.benchmarks)
    fitting = {mode for norm in shown for mode in modes_for(norm)}
    for position, sweep in enumerate(experiment.sweeps):
        for mode in sweep.modes or ():
            _check(file, (*where, "sweeps", position, "modes"), partial(_check_mode, mode, fitting))
    ids = [claim.id for claim in experiment.claims]
    for position, claim in enumerate(experiment.claims):
        at = (*where, "claims", position)
        if ids.index(claim.id) != position:
            raise file.error((*at, "id"), f"the claim '{claim.id}' stands here a second time.")
        _check(file, at, partial(check_claim, experiment, claim, declared))
    return experiment


def _check_mode(mode: str, fitting: set[str]) -> None:
    if check_mode(mode) not in fitting:
        raise LnbenchError(
            f"mode '{mode}' fits none of the norms shown.", f"Modes that fit: {', '.join(sorted(fitting))}."
        )


def _check_noisy(noise: str, sigma: float) -> None:
    sigma_value(find_noise(noise), str(sigma))


def _check_grid(declared: Declared, noise: str, grid: str) -> None:
    for sigma in declared.sigmas(grid):
        sigma_value(find_noise(noise), sigma)


def _read(file: YamlFile, where: Location, model: type[_Model], body: Any) -> _Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = error.errors()
        # A misspelt key is both unknown and missing: the unknown one is what the user sees in the file.
        if any(problem["type"] == "extra_forbidden" for problem in problems):
            problems = [problem for problem in problems if problem["type"] != "missing"]
        mistakes: dict[Location, LnbenchError] = {}
        for problem in problems:
            # A claim's place is told with its rule, which is no key of the file.
            at = [part for part in problem["loc"] if part not in (*RULES, *_MEMBERS)]
            hint = _known_keys(model, at) if problem["type"] == "extra_forbidden" else ""
            place = (*where, *at)
            told = file.error(place, f"{'.'.join(map(str, place[1:]))}: {_reason(problem)}.", hint)
            # A value that may be of several types has a problem for each of them.
            mistakes.setdefault(place, told)
        raise together([mistakes[place] for place in sorted(mistakes, key=file.line)]) from error


def _check(file: YamlFile, where: Location, check: Callable[[], object]) -> None:
    """Let an error of a check point at its line."""
    try:
        check()
    except LnbenchError as error:
        raise file.error(where, error.message, error.hint) from error


#: What pydantic adds to a place for each type that a value may have.
_MEMBERS = ("int", "float")


def _reason(problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        return "unknown key"
    if problem["type"] == "missing":
        return "this key is missing"
    if problem["type"].startswith("union_tag"):
        return f"`rule` must be one of {', '.join(RULES)}"
    if set(problem["loc"][-1:]) & set(_MEMBERS):
        return f"Input should be a number, got {problem['input']!r}"
    return f"{problem['msg'].removeprefix('Value error, ')}, got {problem['input']!r}"


def _known_keys(model: type[BaseModel], location: list[Any]) -> str:
    """Return which keys there are where an unknown one stands, as far as it is one of the model's own."""
    # A benchmark's `like` is resolved before the model reads the rest.
    fields: Any = {**model.model_fields, **({"like": None} if model is Benchmark else {})}
    for part in location[:-1]:
        inner = fields[part].annotation if part in fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ""
        fields = inner.model_fields
    unknown = UnknownNameError("key", str(location[-1]), fields)
    return f"{unknown.message.partition('. ')[2]} {unknown.hint}".strip()
