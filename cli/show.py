"""`lnbench show`: everything the results hold on one network or cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from robustbench_ln.inspection.show import show as find_and_show
from robustbench_ln.store.open import open_store

from . import complete, options
from .console import print_json, print_line
from .tables import print_table, table

_LONG = 8


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="CELL|MODEL",
            help="A name, the start of one, or a pattern.",
            autocompletion=complete.cells_and_models,
        ),
    ],
    results: options.ReadResults = options.DEFAULT_RESULTS,
    json: options.Json = False,
) -> None:
    """Show everything the results hold on one network or cell.

    For a network: its recipe, norm, preprocessing, data, history and what trained it. For a cell: what was
    measured, the counts, accuracy with its 95 % Wilson interval, and the command, versions and hardware.
    """
    shown = find_and_show(open_store(results), name)
    if json:
        print_json({"kind": shown.kind, "name": shown.name, "content": shown.document})
        return
    print_line(f"{shown.kind} {shown.name}")
    print_table(table(("", ""), list(_lines(shown.document)), header=False), folds=True)


def _lines(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _lines(value, f"{name}.")
        elif isinstance(value, list) and value and isinstance(value[-1], Mapping):
            # Of a history the last epoch tells where it came to.
            yield from _lines(value[-1], f"{name}, last of {len(value)}: ")
        elif isinstance(value, list) and len(value) > _LONG:
            yield name, f"{', '.join(map(str, value[:_LONG]))}, ... ({len(value):,} values)"
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value))
        else:
            yield name, "" if value is None else str(value)
