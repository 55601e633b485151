"""Read benchmarks.yaml: every experiment declared, checked, and pointed at by line when it is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from robustbench_ln.data.open import check_spec
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.models.registry import check_network
from robustbench_ln.norms.registry import check_groups, find_norm
from robustbench_ln.yaml_file import Location, YamlFile

_NAME = "benchmarks.yaml"
PositiveInt = Annotated[StrictInt, Field(gt=0)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class TrainSettings(BaseModel):
    """How a network is trained: Adam, one learning rate an epoch.

    Attributes:
        epochs: passes over the training images.
        batch_size: N, images of a training batch; a last, smaller batch is left out.
        learning_rate: of the first epoch.
        decay: the learning rate is multiplied by it after each epoch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: Annotated[Number, Field(gt=0)]
    decay: Annotated[Number, Field(gt=0, le=1)] = 1.0


class Benchmark(BaseModel):
    """One experiment.

    Attributes:
        title: one line for people.
        data: a data set as on the command line.
        network: a network's name.
        norms: each norm with its options.
        train: the recipe.
        seeds: one training each.
        image_size: bring the images of a folder to a square of this size.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    data: str
    network: str
    norms: dict[str, dict[str, StrictInt | Number]] = Field(min_length=1)
    train: TrainSettings
    seeds: tuple[Annotated[StrictInt, Field(ge=0)], ...] = Field((0,), min_length=1)
    image_size: PositiveInt | None = None


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


def load_benchmarks(path: Path) -> dict[str, Benchmark]:
    """Read and check a file of benchmarks.

    Raises:
        LnbenchError: unreadable, not YAML, a duplicate or unknown key, or a wrong value; with the line.
    """
    file = YamlFile(path)
    if not isinstance(file.value, dict) or not file.value:
        raise file.error((), "expected benchmarks by name.", "See docs/reference/benchmarks.md for the form.")
    return {name: _benchmark(file, name, body) for name, body in file.value.items()}


def find_benchmark(benchmarks: dict[str, Benchmark], name: str) -> Benchmark:
    """Return the benchmark of a name.

    Raises:
        UnknownNameError: the file declares no such benchmark.
    """
    if name not in benchmarks:
        raise UnknownNameError("benchmark", name, benchmarks)
    return benchmarks[name]


def _benchmark(file: YamlFile, name: str, body: Any) -> Benchmark:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise file.error((name,), f"'{name}' is no name for a benchmark.", "Use letters, digits, - and _.")
    try:
        benchmark = Benchmark.model_validate(body)
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one is what the user sees in the file.
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        where = (name, *problems[0]["loc"])
        hint = _known_keys(problems[0]["loc"]) if problems[0]["type"] == "extra_forbidden" else ""
        raise file.error(where, f"{'.'.join(map(str, where))}: {_reason(problems[0])}.", hint) from error
    _check(file, (name, "network"), partial(check_network, benchmark.network))
    _check(file, (name, "data"), partial(check_spec, benchmark.data))
    for norm, options in benchmark.norms.items():
        where = (name, "norms", norm)
        _check(file, where, partial(find_norm, norm))
        unknown = [option for option in options if option not in find_norm(norm).options]
        where = (*where, *unknown[:1])
        _check(file, where, partial(check_groups, norm, options, benchmark.train.batch_size))
    return benchmark


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
    return f"{problem['msg']}, got {problem['input']!r}"


def _known_keys(location: Location) -> str:
    fields = TrainSettings.model_fields if location[0] == "train" else Benchmark.model_fields
    unknown = UnknownNameError("key", str(location[-1]), fields)
    return f"{unknown.message.partition('. ')[2]} {unknown.hint}".strip()
