"""Parts of a plan: what one of several machines does, found without asking the others.

Importing this file does not import torch.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from robustbench_ln.errors import LnbenchError
from robustbench_ln.sweep.cell import Cell
from robustbench_ln.sweep.plan import NoisyPass

_SLURM = "SLURM_ARRAY_TASK_{}"


@dataclass(frozen=True)
class Shard:
    """One of several equal parts.

    Attributes:
        number: which, counted from 1.
        count: of how many.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Return the shard that a text names.

    Args:
        text: "2/8", or "slurm" for the place of this task in SLURM's job array.
        environment: where SLURM's variables are.

    Raises:
        LnbenchError: it names none.

    >>> parse_shard("2/8")
    Shard(number=2, count=8)
    """
    if text == "slurm":
        return _slurm_shard(environment)
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.count:
        raise LnbenchError(
            f"'{text}' names no shard.",
            "Write number/count, such as 1/8 to 8/8, or slurm in a job array of SLURM.",
        )
    return shard


def _slurm_shard(environment: Mapping[str, str]) -> Shard:
    """Return the place of a task in SLURM's job array, whose ids may start anywhere, at equal steps."""
    parts = {"ID": "", "MIN": "", "COUNT": "", "STEP": "1"}
    values = [environment.get(_SLURM.format(part), usual) for part, usual in parts.items()]
    if not all(re.fullmatch("[0-9]{1,9}", value) for value in values):
        raise LnbenchError(
            f"There is no job array of SLURM here: {_SLURM.format('ID')}, _MIN and _COUNT are not numbers.",
            "Start the command with sbatch --array=1-8, or name the shard, such as --shard 1/8.",
        )
    task, first, count, step = map(int, values)
    places = range(first, first + count * step, step) if step else ()
    if task not in places:
        raise LnbenchError(
            f"Task {task} has no place among {count} from {first} on in steps of {step}.",
            "Give the array ids at equal steps, such as --array=0-7, or name the shard, such as --shard 1/8.",
        )
    return Shard(places.index(task) + 1, count)


def by_model(passes: Iterable[NoisyPass]) -> list[NoisyPass]:
    """Return the passes of one network each: the smallest parts that share a noisy image."""
    parts: list[NoisyPass] = []
    for one in passes:
        cells: dict[str, list[Cell]] = {}
        for cell in one.cells:
            cells.setdefault(cell.model.id, []).append(cell)
        parts.extend(replace(one, cells=own) for own in cells.values())
    return parts


def _images(one: NoisyPass) -> int:
    there = one.data.info.splits["test"].images
    return min(one.settings.limit or there, there)


def take_shard(passes: Sequence[NoisyPass], shard: Shard) -> list[NoisyPass]:
    """Return one shard of a plan: every cell is in one, and their work is about equal.

    Args:
        passes: of the whole plan, not of what is missing, which may differ from machine to machine.
        shard: which part.
    """
    parts = by_model(passes)
    costs = [_images(part) * sum(cell.layout.copies for cell in part.cells) for part in parts]
    # The dearest first, each to the shard that has least so far; what are more shards than parts stay empty.
    loads = [(0, number) for number in range(1, min(shard.count, len(parts)) + 1)]
    mine = []
    for place in sorted(range(len(parts)), key=lambda place: -costs[place]):
        least, number = loads[0]
        heapq.heapreplace(loads, (least + costs[place], number))
        if number == shard.number:
            mine.append(place)
    return [parts[place] for place in sorted(mine)]
