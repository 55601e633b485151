"""What every measurement here shares: repeats that alternate, medians, one JSON line."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from robustbench_ln.allocator import keep_freed_memory

#: How often each case is measured; the environment lets a test be content with less.
REPEATS = int(os.environ.get("BENCH_REPEATS", "5"))
#: The same where a run takes more than about 20 seconds.
FEW_REPEATS = min(REPEATS, 3)


def seconds(
    cases: Mapping[str, Callable[[], object]], repeats: int = REPEATS, *, warm_up: bool = True
) -> dict[str, float]:
    """Return the median seconds of each case.

    The cases take turns, so that a busy moment of the machine meets all of them.

    Args:
        cases: what to measure.
        repeats: how often.
        warm_up: run each once more, before; whole processes start afresh each time.
    """
    # As sweeps and trainings do.
    keep_freed_memory()
    times: dict[str, list[float]] = {name: [] for name in cases}
    for round_number in range(repeats + warm_up):
        for name, case in cases.items():
            started = time.perf_counter()
            case()
            if round_number >= warm_up:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def tell(
    row: str,
    measure: str,
    value: float | None,
    *,
    repeats: int,
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
        repeats: how often each case was measured; figures are medians.
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
    sys.stdout.write(json.dumps(line | {"repeats": repeats} | more | reason) + "\n")


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Return figures as they are printed."""
    return {name: round(figure, 4) for name, figure in figures.items()}
