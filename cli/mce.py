"""`lnbench mce`: errors under corruption, relative to those of a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from robustbench_ln.baseline import hold_against
from robustbench_ln.corruption_error import MeanCorruptionError
from robustbench_ln.noise.severity import SIGMAS, check_constants, parse_severities
from robustbench_ln.report.labels import way_labels
from robustbench_ln.store.open import open_store
from robustbench_ln.wording import counted

from . import complete, options
from .console import print_json, print_line, say_problems
from .tables import print_table, table


def mce(
    baseline: Annotated[
        str,
        typer.Option(
            metavar="GLOB",
            autocompletion=complete.models,
            help="The stored network whose errors the others' are divided by.",
        ),
    ],
    baseline_mode: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.modes,
            help="Its test-time mode.",
            show_default="its norm's home mode",
        ),
    ] = None,
    severity: Annotated[
        str, typer.Option(metavar="LIST", help="Severities to sum over: 1:5 or 1,3,5.")
    ] = "1:5",
    corruption: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.noises,
            help="Only this noise or file of ready-made images; may be repeated.",
            show_default="all that were measured",
        ),
    ] = None,
    constants: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=check_constants,
            help=f"Which constants map sigmas to severities: {', '.join(SIGMAS)}.",
            show_default="by image size",
        ),
    ] = None,
    results: options.ReadResults = options.DEFAULT_RESULTS,
    json: options.Json = False,
) -> None:
    """Print mCE and relative mCE of every network in every mode, against a baseline in the store.

    Both are per cent of the baseline's errors, averaged over corruptions. Where one cannot be computed, its
    place is empty and the reason is given below.
    """
    held = hold_against(
        open_store(results),
        baseline,
        mode=baseline_mode,
        severities=parse_severities(severity),
        corruptions=corruption or (),
        constants=constants,
    )
    say_problems(held.problems, quiet=json)
    seeds = _seeds(held.rows)
    if json:
        document = asdict(held)
        for row, numbers in zip(document["rows"], seeds, strict=True):
            row |= numbers
        print_json(document)
        return
    labels = way_labels([row.way for row in held.rows])
    shown = []
    for row, label in zip(held.rows, labels, strict=True):
        known = sum(one.ce is not None for one in row.corruptions)
        of = f"{known} of {len(row.corruptions)}"
        shown.append((*label, of, _percent(row.mce), _percent(row.relative_mce)))
    headings = ("network", "mode", "data", "corruptions", "mCE %", "relative mCE %")
    print_table(table(headings, shown, right=headings[-2:]))
    severities = ", ".join(map(str, held.severities))
    print_line(f"Baseline {held.baseline} in mode {held.mode}; severities {severities}.")
    print_line(_seeds_line(seeds))
    for data, row in {data: row for row, (*_, data) in zip(held.rows, labels, strict=True)}.items():
        print_line(f"{data}: {', '.join(one.corruption for one in row.corruptions)}.")
    for line in _reasons(held.rows, labels):
        print_line(line)


#: What differs between repeats of one measurement.
_REPEATED = ("model", "train_seed", "noise_seed", "order_seed")


def _seeds(rows: Sequence[MeanCorruptionError]) -> list[dict[str, int]]:
    """Return how many training and noise seeds there are of each row's network, mode and data."""
    kinds = [tuple((name, value) for name, value in row.way.items() if name not in _REPEATED) for row in rows]
    alike = [[row for row, other in zip(rows, kinds, strict=True) if other == kind] for kind in kinds]
    return [
        {f"{name}s": len({row.way[name] for row in own}) for name in ("train_seed", "noise_seed")}
        for own in alike
    ]


def _seeds_line(seeds: Sequence[dict[str, int]]) -> str:
    """Return how many seeds stand behind the numbers, in a sentence."""
    told, most = [], 1
    for name, thing in (("train_seeds", "training seed"), ("noise_seeds", "noise seed")):
        numbers = {one[name] for one in seeds}
        most = max(most, *numbers)
        fewest = "" if len(numbers) == 1 else f"{min(numbers)} to "
        told.append(f"n = {fewest}{counted(max(numbers), thing)}")
    each = "each row is of one of each" if most > 1 else "how much another would change is not known"
    return f"{', '.join(told)}: {each}."


def _reasons(rows: Sequence[MeanCorruptionError], labels: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return why numbers are missing, each reason once."""
    of: dict[tuple[str, str, str], list[str]] = {}
    for row, (network, mode, data) in zip(rows, labels, strict=True):
        if row.reason:
            of.setdefault(("mCE", data, row.reason), []).append(f"{network} {mode}")
        if row.relative_reason and row.relative_reason != row.reason:
            of.setdefault(("relative mCE", data, row.relative_reason), []).append(f"{network} {mode}")
    on = Counter(data for _, _, data in labels)
    return [
        f"No {what} on {data}{'' if len(names) == on[data] else ' for ' + ', '.join(names)}: {reason}."
        for (what, data, reason), names in of.items()
    ]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
