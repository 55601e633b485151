"""What a user asks of experiments, read from the words of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Reading
from robustbench_ln.benchmarks.read import ALL
from robustbench_ln.data.names import check_spec
from robustbench_ln.errors import LnbenchError, UnknownNameError


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        experiments: names of the items.
        preset: how much of the recipes.
        readings: of the noise.
        benchmarks: networks of these benchmarks alone; empty for all.
        seeds: in place of the benchmarks'; empty for theirs.
        data: another data set for a benchmark's own, by its name, such as {"cifar10": "folder:PATH"}.
    """

    experiments: tuple[str, ...]
    preset: str
    readings: tuple[Reading, ...] = ("text", "code")
    benchmarks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Return what is asked for as JSON values, for the record of the invocation."""
        return {**asdict(self), "data": dict(self.data)}


def parse_readings(given: Sequence[str] | None) -> tuple[Reading, ...]:
    """Return the readings of the noise that are asked for, both without one.

    Raises:
        UnknownNameError: there is no such reading.
    """
    for name in given or ():
        if name not in get_args(Reading):
            raise UnknownNameError("reading", name, get_args(Reading))
    return tuple(dict.fromkeys(given)) if given else get_args(Reading)  # type: ignore[arg-type]


def parse_sources(given: Sequence[str] | None) -> dict[str, str]:
    """Return other sources of data sets, by the name of the set, from NAME=SPEC.

    Raises:
        LnbenchError: not of that form, or an unknown name.
    """
    sources = {}
    for text in given or ():
        name, _, spec = text.partition("=")
        if not spec:
            raise LnbenchError(f"'{text}' names no source.", "Write NAME=SPEC: cifar10=folder:~/cifar10-jpg.")
        check_spec(name)
        check_spec(spec)
        sources[name] = spec
    return sources


def parse_experiments(given: Sequence[str], declared: Declared) -> tuple[str, ...]:
    """Return the experiments asked for, each once; ALL stands for every one that is not named before it."""
    names = [name for text in given for name in (declared.experiments if text == ALL else (text,))]
    return tuple(dict.fromkeys(names))
