"""A benchmark as it is in force, with the line that each of its settings comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustbench_ln.benchmarks.benchmark import PAPER
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.yaml_file import Location, YamlFile

#: Where a setting comes from that no line gives.
DEFAULT = "default"


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: its place, such as ("train", "epochs").
        value: in force, as a JSON value.
        origin: "FILE:LINE", or "default".
    """

    key: tuple[str, ...]
    value: Any
    origin: str


def resolve(path: Path, name: str, preset: str = PAPER) -> list[Setting]:
    """Return the settings of a benchmark at a preset, `like` and the preset followed.

    Raises:
        LnbenchError: a mistake in the file; an unknown benchmark or preset.
    """
    declared = load_declared(path)
    benchmark = declared.benchmark(name).at(preset)
    file = YamlFile(path)
    places = _places(file.value["benchmarks"], name, preset)
    values = benchmark.model_dump(mode="json", exclude={"presets"})
    return [Setting(key, value, _origin(file, places, key, value)) for key, value in _leaves(values)]


def _places(benchmarks: Mapping[str, Any], name: str, preset: str) -> list[Location]:
    """Return where a setting is looked for: the preset, the benchmark, and those that it is like."""
    chain = [name]
    while "like" in benchmarks[chain[-1]]:
        chain.append(benchmarks[chain[-1]]["like"])
    bodies: list[Location] = [("benchmarks", one) for one in chain]
    if preset == PAPER:
        return bodies
    # Presets are taken whole from the nearest benchmark that has any.
    owner = next(one for one in chain if "presets" in benchmarks[one])
    return [("benchmarks", owner, "presets", preset), *bodies]


def _origin(file: YamlFile, places: list[Location], key: tuple[str, ...], in_force: Any) -> str:
    for place in places:
        value = file.value
        for part in (*place, *key):
            if not isinstance(value, Mapping) or part not in value:
                break
            value = value[part]
        else:
            # Another schedule in a preset takes that of the benchmark out of force.
            if value == in_force:
                return f"{file.path}:{file.line((*place, *key))}"
    return DEFAULT


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        key = (*above, str(name))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, key)
        else:
            yield key, value
