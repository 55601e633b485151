"""Read benchmarks.yaml: every experiment declared, checked, and pointed at by line when it is wrong."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.models.registry import check_network
from robustbench_ln.norms.registry import find_norm

_NAME = "benchmarks.yaml"
_MAX_BYTES = 1_000_000


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
    learning_rate: PositiveFloat
    decay: float = Field(1.0, gt=0, le=1)


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
    norms: dict[str, dict[str, bool | int | float]] = Field(min_length=1)
    train: TrainSettings
    seeds: tuple[int, ...] = Field((0,), min_length=1)
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
    root = _compose(path)
    loader = yaml.SafeLoader("")
    try:
        raw = loader.construct_document(root)
    except yaml.YAMLError as error:
        raise _yaml_error(path, error) from error
    if not isinstance(raw, dict):
        raise LnbenchError(f"{path}: expected benchmarks by name at the top.", _example())
    found: dict[str, Benchmark] = {}
    for name, body in raw.items():
        try:
            benchmark = Benchmark.model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            where = (name, *first["loc"])
            raise LnbenchError(
                f"{path}:{_line(root, where)}: {'.'.join(map(str, where))}: {_reason(first)}.",
                _known_keys(first["type"], first["loc"]),
            ) from error
        _check_names(path, root, str(name), benchmark)
        found[str(name)] = benchmark
    return found


def find_benchmark(benchmarks: dict[str, Benchmark], name: str) -> Benchmark:
    """Return the benchmark of a name.

    Raises:
        UnknownNameError: the file declares no such benchmark.
    """
    if name not in benchmarks:
        raise UnknownNameError("benchmark", name, benchmarks)
    return benchmarks[name]


def _compose(path: Path) -> yaml.Node:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LnbenchError(f"Cannot read '{path}': {error.strerror}.") from error
    if len(content) > _MAX_BYTES:
        raise LnbenchError(f"'{path}' has {len(content):,} bytes.", f"At most {_MAX_BYTES:,} are read.")
    try:
        root = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise LnbenchError(f"'{path}' is not a UTF-8 text: {error.reason}.") from error
    except yaml.YAMLError as error:
        raise _yaml_error(path, error) from error
    if root is None:
        raise LnbenchError(f"{path}:1: the file declares no benchmark.", _example())
    _refuse_aliases_and_duplicates(path, root, set())
    return root


def _refuse_aliases_and_duplicates(path: Path, node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen:
        raise LnbenchError(f"{path}:{_start(node)}: an alias points here.", "Write the values out.")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                raise LnbenchError(
                    f"{path}:{_start(key)}: the key '{key.value}' stands here a second time.",
                    "Keep one of them.",
                )
            keys.add(key.value)
            _refuse_aliases_and_duplicates(path, value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_aliases_and_duplicates(path, item, seen)


def _check_names(path: Path, root: yaml.Node, name: str, benchmark: Benchmark) -> None:
    checks: list[tuple[tuple[str, ...], Any]] = [
        ((name, "network"), lambda: check_network(benchmark.network))
    ]
    checks += [((name, "norms", norm), lambda norm=norm: find_norm(norm)) for norm in benchmark.norms]
    for where, check in checks:
        try:
            check()
        except UnknownNameError as error:
            raise LnbenchError(f"{path}:{_line(root, where)}: {error.message}", error.hint) from error


def _line(node: yaml.Node, location: tuple[Any, ...]) -> int:
    """Return the line of the deepest part of a location that the file has."""
    line = _start(node)
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                return line
            line, node = _start(pair[0]), pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = _start(node)
        else:
            return line
    return line


def _start(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _reason(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    if error["type"] == "missing":
        return "this key is missing"
    return f"{error['msg']}, got {error['input']!r}"


def _known_keys(kind: str, location: tuple[Any, ...]) -> str:
    if kind != "extra_forbidden":
        return ""
    fields = TrainSettings.model_fields if location[0] == "train" else Benchmark.model_fields
    return str(UnknownNameError("key", str(location[-1]), fields)).partition(". ")[2]


def _yaml_error(path: Path, error: yaml.YAMLError) -> LnbenchError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return LnbenchError(f"{path}:{mark.line + 1 if mark else 1}: not YAML: {problem}.", "Mend that line.")


def _example() -> str:
    return "See docs/reference/benchmarks.md for the form."
