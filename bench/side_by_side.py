"""What every measurement here shares: repeats that alternate, medians, one JSON line."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from robustbench_ln.allocator import keep_freed_memory

REPEATS = 5


def seconds(cases: Mapping[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """Return the median seconds of each case, once warmed up.

    The cases take turns, so that a busy moment of the machine meets all of them.
    """
    # As sweeps and trainings do.
    keep_freed_memory()
    times: dict[str, list[float]] = {name: [] for name in cases}
    for round_number in range(repeats + 1):
        for name, case in cases.items():
            started = time.perf_counter()
            case()
            if round_number:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def tell(
    row: str,
    measure: str,
    value: float | None,
    *,
    least: float | None = None,
    most: float | None = None,
    also: bool = True,
    why: str = "",
    **more: Any,
) -> None:
    """Print a row as one JSON line.

    Args:
        row: its letter.
        measure: what the value is.
        value: the worst of several, where there are several; None where it could not be measured.
        least: what it should reach.
        most: what it should not exceed; a row with neither has no target.
        also: whether what else the row asks for is met.
        why: printed where the target is not met.
        more: other figures, and a `note`.
    """
    met = value is not None and also and (least is None or value >= least) and (most is None or value <= most)
    target = f"at least {least:g}" if least is not None else "none" if most is None else f"at most {most:g}"
    shown = None if value is None else round(value, 3)
    line = {"row": row, "measure": measure, "target": target, "value": shown, "met": met}
    reason = {} if met or not why else {"why": why}
    sys.stdout.write(json.dumps(line | more | reason) + "\n")


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Return figures as they are printed."""
    return {name: round(figure, 4) for name, figure in figures.items()}
