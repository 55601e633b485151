"""`lnbench results ls` and `export`: what was measured, as tables."""

from __future__ import annotations

from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.identity import label_of
from robustbench_ln.noise.grid import parse_sigmas
from robustbench_ln.publish import check_writable, named_file, publish_file
from robustbench_ln.store.open import check_there, open_store
from robustbench_ln.wording import counted

from . import complete, options
from .console import output, print_json, say, say_problems
from .tables import print_table, table

if TYPE_CHECKING:
    import pandas as pd

    from robustbench_ln.store.results import Results

Select = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Only networks whose name matches; may be repeated.",
        show_default="all",
        autocompletion=complete.models,
    ),
]
OnlyNoise = Annotated[
    list[str] | None,
    typer.Option(
        "--noise",
        metavar="GLOB",
        help="Only these noises; may be repeated.",
        show_default="all",
        autocompletion=complete.noises,
    ),
]
OnlyMode = Annotated[
    list[str] | None,
    typer.Option(
        "--mode",
        metavar="GLOB",
        help="Only these modes; may be repeated.",
        show_default="all",
        autocompletion=complete.modes,
    ),
]


def ls(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    select: Select = None,
    noise: OnlyNoise = None,
    mode: OnlyMode = None,
    json: options.Json = False,
) -> None:
    """List what was measured: one row per network, data set, noise and mode."""
    from robustbench_ln.export.formats import as_json
    from robustbench_ln.export.tables import contents, selected

    check_there(results)
    store = open_store(results)
    cells = selected(_read(store, quiet=json), select or (), noise or (), mode or (), where=store.root)
    found = contents(cells)
    failures, networks = len(store.failure_records()), len(store.model_ids())
    if json:
        rows = loads(as_json(found))["rows"]
        print_json({"contents": rows, "cells": len(cells), "models": networks, "failures": failures})
        return
    if len(found):
        print_table(
            table(
                ("model", "data", "noise", "mode", "cells", "sigmas", "largest", "clean", "lowest"),
                [
                    (
                        label_of(row.model),
                        row.data,
                        row.noise,
                        row.mode,
                        row.cells,
                        row.sigmas,
                        f"{row.largest:g}",
                        "" if row.clean != row.clean else f"{100 * row.clean:.2f}%",
                        f"{100 * row.lowest:.2f}%",
                    )
                    for row in found.itertuples()
                ],
                fold=("model", "noise"),
            )
        )
    found = f"{counted(len(cells), 'cell')} from {counted(networks, 'network')}"
    say(f"{found} in '{results}'; failures: {failures:,}.")


def export(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            autocompletion=complete.choices("csv", "json", "markdown", "latex", "parquet"),
            help="csv, json, markdown, latex or parquet.",
        ),
    ] = "csv",
    kind: Annotated[
        str,
        typer.Option(
            "--table",
            metavar="NAME",
            autocompletion=complete.choices("cells", "curves"),
            help="cells: one row per cell; curves: means over training seeds with intervals, by sigma.",
        ),
    ] = "cells",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The file.", show_default="standard output"),
    ] = None,
    select: Select = None,
    noise: OnlyNoise = None,
    mode: OnlyMode = None,
    sigma: Annotated[
        str | None,
        typer.Option(metavar="GRID", help="Only these sigmas, such as 0,1,2 or 0:4.", show_default="all"),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Write cells or curves as a table for other programs and for papers.

    Curves in markdown and latex have one column per sigma, in per cent, with half the width of the 95 %
    interval; in the other formats they have one row per sigma.
    """
    from robustbench_ln.compositions import usual_cells
    from robustbench_ln.export.formats import find_format
    from robustbench_ln.export.tables import curves, selected, wide

    write = find_format(format)
    if kind not in ("cells", "curves"):
        raise UnknownNameError("table", kind, ("cells", "curves"))
    if format == "parquet" and out is None:
        raise LnbenchError("Parquet is not text.", "Name a file with --out FILE.")
    if out is not None:
        out = named_file(out, "--out FILE")
        check_writable(out.parent, "Choose another file with --out FILE.")
    check_there(results)
    store = open_store(results)
    cells = _read(store, quiet=False)
    # Which cells are usual is told from all of them.
    cells = usual_cells(cells) if kind == "curves" else cells
    sigmas = parse_sigmas(sigma) if sigma else ()
    found = selected(cells, select or (), noise or (), mode or (), sigmas=sigmas, where=store.root)
    if kind == "curves":
        found = curves(found)
        found = wide(found) if format in ("markdown", "latex") else found
    content = write(found)
    if out is None:
        output.file.write(content.decode("utf-8"))
        return
    publish_file(out, content)
    say(f"Wrote {len(found):,} rows: {out}", quiet=quiet)


def _read(store: Results, *, quiet: bool) -> pd.DataFrame:
    from robustbench_ln.store.frame import read_rows

    cells, problems = read_rows(store)
    say_problems(problems, quiet=quiet)
    return cells
