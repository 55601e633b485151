"""`lnbench results`: pack and merge results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robustbench_ln.store.merge import merge as merge_results
from robustbench_ln.store.open import open_store, writable_store
from robustbench_ln.store.pack import pack as pack_results

from . import options
from .console import SOME_FAILED, print_json, say

results = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Pack results into one small file, or merge them.",
)


@results.command(epilog="Example: lnbench results pack --select 'mnist*' --out mnist.npz")
def pack(
    results: options.ReadResults = options.DEFAULT_RESULTS,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The packed file.", show_default="results.npz in the store"
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Only models whose name matches; may be repeated.", show_default="all"
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write results as one small file that every command reads: records and counts, model cards and runs.

    Predictions of single images and weights are left out.
    """
    packed = pack_results(open_store(results), out, select or [])
    for problem in packed.problems:
        say(problem, quiet=json)
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
    for problem in merged.problems:
        say(problem, quiet=json)
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
