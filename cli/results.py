"""`lnbench results`: list, export, pack and merge results, check them for damage, remove leftovers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from robustbench_ln.data.decoded import decoded_root
from robustbench_ln.store.gc import collect
from robustbench_ln.store.merge import merge as merge_results
from robustbench_ln.store.open import open_store, writable_store
from robustbench_ln.store.pack import pack as pack_results
from robustbench_ln.store.verify import Finding
from robustbench_ln.store.verify import verify as verify_results
from robustbench_ln.wording import counted

from . import options
from .console import SOME_FAILED, print_json, print_line, say, say_problems
from .results_tables import Select, export, ls

results = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="List, export, pack and merge results, check them for damage, or clean up.",
    epilog="Example: lnbench results ls --results results/replication.npz",
)


results.command(epilog="Example: lnbench results ls --results results/replication.npz --mode batch")(ls)
results.command(epilog="Example: lnbench results export --table curves --format latex")(export)


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

    Per-image predictions and weights are left out.
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
        say(f"Packed {counted(packed.cells, 'cell')} in {packed.size:,} bytes: {packed.path}", quiet=quiet)
    if packed.problems:
        raise typer.Exit(SOME_FAILED)


@results.command(epilog="Example: lnbench results merge results other/results replication.npz")
def merge(
    into: Annotated[Path, typer.Argument(metavar="INTO", help="The results store to copy into.")],
    sources: Annotated[list[Path], typer.Argument(metavar="FROM...", help="Stores or packed files.")],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Copy the cells, networks and runs that a store does not have yet.

    Nothing is replaced: where both have a cell with different counts, INTO's is kept and counted.
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
            f"Copied {counted(merged.copied, 'cell')} and {counted(merged.models, 'network')}; "
            f"already there: {counted(merged.present, 'cell')}.",
            quiet=quiet,
        )
        if merged.different:
            say(
                f"Cells already there with other counts, which are kept: {len(merged.different):,} ("
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

    Exit code 3 if something is. Remarks are about what is missing or left over and affects no number.
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
        read = (
            ", ".join(counted(count, kind.removesuffix("s")) for kind, count in found.read.items())
            or "nothing"
        )
        wrong = f"{len(found.wrong):,} wrong" if found.wrong else "nothing is wrong"
        say(f"Read {read}: {wrong}; remarks: {len(found.remarks):,}.", quiet=quiet)
    if found.wrong:
        raise typer.Exit(SOME_FAILED)


def _print_findings(kind: str, findings: Sequence[Finding]) -> None:
    for one in findings:
        print_line(f"{kind}: {one.where}: {one.what} {one.hint}".strip())


@results.command(epilog="Example: lnbench results gc --dry-run")
def gc(
    results: options.Results = options.DEFAULT_RESULTS,
    older_than: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="HOURS",
            help="Only leftovers not written to for this long; a running process's are younger.",
        ),
    ] = 24,
    trainings: Annotated[
        bool,
        typer.Option(
            "--trainings", help="Also the saved states that unfinished trainings would continue from."
        ),
    ] = False,
    decoded: Annotated[
        bool,
        typer.Option(
            "--decoded", help="Also half-decoded images in --data-dir, which other results may share."
        ),
    ] = False,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be removed; remove nothing.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove the hidden files that killed processes left in a results folder, and nothing published."""
    collected = collect(
        writable_store(results).root,
        older_than=older_than,
        trainings=trainings,
        dry_run=dry_run,
        decoded=[decoded_root(data_dir)] if decoded else [],
    )
    removed, kept = ([str(one.path) for one in some] for some in (collected.removed, collected.kept))
    if json:
        print_json({"removed": removed, "kept": kept, "bytes": collected.size, "dry_run": dry_run})
        return
    for path in removed:
        print_line(path)
    does = "Would remove" if dry_run else "Removed"
    say(
        f"{does} {counted(len(removed), 'leftover')}, {collected.size:,} bytes; kept {len(kept):,}.",
        quiet=quiet,
    )
