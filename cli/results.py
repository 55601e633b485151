"""`lnbench results`: list, export, pack and merge results, look for damage, remove what was left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.noise.grid import parse_sigmas
from robustbench_ln.publish import publish_file
from robustbench_ln.store.gc import collect
from robustbench_ln.store.merge import merge as merge_results
from robustbench_ln.store.open import open_store, writable_store
from robustbench_ln.store.pack import pack as pack_results
from robustbench_ln.store.verify import Finding
from robustbench_ln.store.verify import verify as verify_results

from . import complete, options
from .console import SOME_FAILED, output, print_json, say, say_problems
from .tables import table

if TYPE_CHECKING:
    import pandas as pd

    from robustbench_ln.store.results import Results

results = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="List, export, pack and merge results, look for damage, or tidy up.",
)


Select = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Only models whose name matches; may be repeated.",
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


@results.command(epilog="Example: lnbench results ls --results results/replication.npz --mode batch")
def ls(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    select: Select = None,
    noise: OnlyNoise = None,
    mode: OnlyMode = None,
    json: options.Json = False,
) -> None:
    """List what was measured: a row for each network, data set, noise and mode."""
    from robustbench_ln.export.formats import as_json
    from robustbench_ln.export.tables import contents, selected

    store = open_store(results)
    cells = selected(_read(store, quiet=json), select or (), noise or (), mode or (), where=store.root)
    found = contents(cells)
    failures, networks = len(store.failure_records()), len(store.model_ids())
    if json:
        rows = loads(as_json(found))["rows"]
        print_json({"contents": rows, "cells": len(cells), "models": networks, "failures": failures})
        return
    if len(found):
        output.print(
            table(
                ("model", "data", "noise", "mode", "cells", "sigmas", "largest", "clean", "lowest"),
                [
                    (
                        row.model.partition(".")[0],
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
    say(f"{len(cells):,} cells of {networks:,} networks in '{results}'; failures: {failures:,}.")


@results.command(epilog="Example: lnbench results export --table curves --format latex --out curves.tex")
def export(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    format: Annotated[
        str, typer.Option("--format", metavar="NAME", help="csv, json, markdown, latex or parquet.")
    ] = "csv",
    kind: Annotated[
        str,
        typer.Option(
            "--table",
            metavar="NAME",
            help="cells: a row a cell; curves: means over training seeds with intervals, over sigma.",
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

    Curves in markdown and latex have a column a sigma, in per cent, with half the width of the 95 % interval;
    in the other formats they have a row a sigma.
    """
    from robustbench_ln.compositions import usual_cells
    from robustbench_ln.export.formats import find_format
    from robustbench_ln.export.tables import curves, selected, wide

    write = find_format(format)
    if kind not in ("cells", "curves"):
        raise UnknownNameError("table", kind, ("cells", "curves"))
    if format == "parquet" and out is None:
        raise LnbenchError("Parquet is no text.", "Name a file with --out FILE.")
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


@results.command(epilog="Example: lnbench results pack --select 'mnist*' --out mnist.npz")
def pack(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The packed file.", show_default="results.npz in the store"
        ),
    ] = None,
    select: Select = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write results as one small file that every command reads: records and counts, model cards and runs.

    Predictions of single images and weights are left out.
    """
    packed = pack_results(open_store(results), out, select or [])
    say_problems(packed.problems, quiet=json)
    if json:
        print_json(
            {
                "path": str(packed.path),
                "cells": packed.cells,
                "models": packed.models,
                "bytes": packed.size,
                "problems": packed.problems,
            }
        )
    else:
        say(f"Packed {packed.cells:,} cells in {packed.size:,} bytes: {packed.path}", quiet=quiet)
    if packed.problems:
        raise typer.Exit(SOME_FAILED)


@results.command(epilog="Example: lnbench results merge results other/results replication.npz")
def merge(
    into: Annotated[Path, typer.Argument(metavar="INTO", help="The results store to copy into.")],
    sources: Annotated[list[Path], typer.Argument(metavar="FROM...", help="Stores or packed files.")],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Copy the cells, models and runs that a store does not have yet.

    Nothing is replaced: where both have a cell with different counts, the first is kept and counted.
    """
    merged = merge_results(writable_store(into), [open_store(source) for source in sources])
    say_problems(merged.problems, quiet=json)
    if json:
        print_json(
            {
                "copied": merged.copied,
                "present": merged.present,
                "different": merged.different,
                "models": merged.models,
                "problems": merged.problems,
            }
        )
    else:
        say(
            f"Copied {merged.copied:,} cells and {merged.models:,} models; "
            f"{merged.present:,} cells were there already.",
            quiet=quiet,
        )
        if merged.different:
            say(
                f"Cells that were there with other counts, which are kept: {len(merged.different):,} ("
                f"{', '.join(merged.different[:5])}{', ...' if len(merged.different) > 5 else ''}).",
                quiet=quiet,
            )
    if merged.problems:
        raise typer.Exit(SOME_FAILED)


@results.command(epilog="Example: lnbench results verify --results results/replication.npz")
def verify(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read every network, cell, run and failure, and name what is wrong; nothing is changed.

    Exit code 3 where something is. Remarks are of what is missing or left over and harms no number.
    """
    found = verify_results(results)
    if json:
        print_json(
            {
                "read": found.read,
                "wrong": [asdict(finding) for finding in found.wrong],
                "remarks": [asdict(finding) for finding in found.remarks],
            }
        )
    else:
        _print_findings("wrong", found.wrong)
        _print_findings("remark", found.remarks)
        read = ", ".join(f"{count:,} {kind}" for kind, count in found.read.items()) or "nothing"
        wrong = f"{len(found.wrong):,} wrong" if found.wrong else "nothing is wrong"
        say(f"Read {read}: {wrong}; remarks: {len(found.remarks):,}.", quiet=quiet)
    if found.wrong:
        raise typer.Exit(SOME_FAILED)


def _print_findings(kind: str, findings: Sequence[Finding]) -> None:
    for one in findings:
        output.print(f"{kind}: {one.where}: {one.what} {one.hint}".strip(), markup=False)


@results.command(epilog="Example: lnbench results gc --dry-run")
def gc(
    results: options.Results = options.DEFAULT_RESULTS,
    older_than: Annotated[
        float,
        typer.Option(
            min=0, metavar="HOURS", help="Only what was not written to since; a running process's is younger."
        ),
    ] = 24,
    trainings: Annotated[
        bool,
        typer.Option("--trainings", help="Also the states that unfinished trainings would go on with."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be removed; remove nothing.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove the hidden files that killed processes left in a results folder; nothing that is published."""
    collected = collect(
        writable_store(results).root, older_than=older_than, trainings=trainings, dry_run=dry_run
    )
    removed, kept = ([str(one.path) for one in some] for some in (collected.removed, collected.kept))
    if json:
        print_json({"removed": removed, "kept": kept, "bytes": collected.size, "dry_run": dry_run})
        return
    for path in removed:
        output.print(path, markup=False)
    does = "Would remove" if dry_run else "Removed"
    say(f"{does} {len(removed):,} leftovers, {collected.size:,} bytes; kept {len(kept):,}.", quiet=quiet)
