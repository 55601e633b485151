"""`lnbench report`: one offline page from all that the store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robustbench_ln.report.build import build_report
from robustbench_ln.store.open import open_store

from . import options
from .console import print_json, say, say_problems


def report(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The page.",
            show_default="report.html in the store, or beside a packed file",
        ),
    ] = None,
    results: options.ReadResults = options.DEFAULT_RESULTS,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the report: curves, modes, confusion matrices, noisy samples, coverage and provenance.

    The page is one file that loads nothing from anywhere. Without new results it is left as it is.
    """
    built = build_report(open_store(results), out, data_dir=data_dir)
    say_problems(built.problems, quiet=json)
    if json:
        print_json({"path": str(built.path), "rebuilt": built.rebuilt, "problems": built.problems})
    else:
        say(f"{'Wrote' if built.rebuilt else 'Up to date:'} {built.path}", quiet=quiet)
