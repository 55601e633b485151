"""What the page knows of one item of the paper, and what a figure form hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.experiments.verdicts import Verdict
from robustbench_ln.report.exhibit import Exhibit, Table
from robustbench_ln.store.results import Results

_READINGS = {"text": "the paper's text", "code": "the authors' code", "both": "text and code"}


@dataclass(frozen=True)
class Item:
    """An item of the paper with all that was measured for it.

    Attributes:
        name: of the experiment in the file.
        experiment: it.
        evidence: one entry a benchmark.
        verdicts: one a claim.
    """

    name: str
    experiment: Experiment
    evidence: tuple[Evidence, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def several(self) -> bool:
        """Whether figures must name the benchmark."""
        return len(self.evidence) > 1


@dataclass(frozen=True)
class Room:
    """Where figures find what cells do not hold.

    Attributes:
        declared: the file of benchmarks and experiments.
        store: counts of cells.
        data_dir: decoded data sets.
        data: those that were named for a benchmark, by its name.
    """

    declared: Declared
    store: Results
    data_dir: Path
    data: Mapping[str, DataSet] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """A table that is a figure's equal, such as the paper's own tables, with its numbers to download."""

    table: Table
    csv: str
    csv_name: str


@dataclass
class Drawn:
    """What a figure form makes of an item.

    Attributes:
        exhibits: figures, in the order of the page.
        sheets: tables.
        remarks: sentences on what is missing or stands in for something.
    """

    exhibits: list[Exhibit] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing could be shown."""
        return not self.exhibits and not self.sheets


def reading_text(reading: str) -> str:
    """Return in words whose noise it is."""
    return _READINGS.get(reading, reading)


def noise_name(noise_text: str, reading: str) -> str:
    """Return a noise with its reading, as figures name it.

    >>> noise_name("agn", "text")
    "agn (the paper's text)"
    """
    return f"{noise_text} ({reading_text(reading)})"


def readings_of(cells: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (noise_text, reading) pairs among cells or points, in the order of the sweeps."""
    pairs = cells[["noise_text", "reading"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


def of_pair(cells: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """Return the cells or points of one pair of `readings_of`."""
    return cells[(cells["noise_text"] == pair[0]) & (cells["reading"] == pair[1])]


def unmeasured(item: Item) -> list[str]:
    """Return a sentence for each benchmark of an item without any cell, where another has some."""
    empty = [entry.benchmark for entry in item.evidence if entry.cells.empty]
    if len(empty) == len(item.evidence):
        return []
    return [f"Nothing is measured yet on {benchmark}." for benchmark in empty]
