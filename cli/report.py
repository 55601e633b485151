"""`lnbench report`: one offline page from all that the store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robustbench_ln.report.build import TITLE, build_report
from robustbench_ln.report.selection import Selection
from robustbench_ln.store.open import open_store

from . import complete, options
from .console import print_json, say, say_problems


def report(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The page to write.",
            show_default="report.html in the store, or beside a packed file",
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            autocompletion=complete.choices("html", "md"),
            help="html, or md for Markdown.",
        ),
    ] = "html",
    title: Annotated[str, typer.Option(metavar="TEXT", help="The page's heading.")] = TITLE,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB[:MODE]",
            help="Only these networks, in one mode or in all; may be repeated.",
            show_default="all",
            autocompletion=complete.models,
        ),
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Only these noises; may be repeated.",
            show_default="all",
            autocompletion=complete.noises,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB",
            help="The networks that others are compared with.",
            show_default="those with BatchNorm",
            autocompletion=complete.models,
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write each figure as SVG and PDF, with its numbers as CSV.",
            show_default="none",
        ),
    ] = None,
    results: options.ReadResults = options.DEFAULT_RESULTS,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the report: curves, modes, confusion matrices, noisy samples, coverage and provenance.

    The page is one self-contained file. Without new results it is left as it is. --figures replaces files of
    the same names in DIR.
    """
    built = build_report(
        open_store(results),
        out,
        data_dir=data_dir,
        title=title,
        format=format,
        selection=Selection(tuple(select or ()), tuple(noise or ())),
        reference=reference,
        figures=figures,
    )
    say_problems(built.problems, quiet=json)
    if json:
        print_json(
            {
                "path": str(built.path),
                "rebuilt": built.rebuilt,
                "figures": built.figures,
                "problems": built.problems,
            }
        )
    else:
        if figures is not None:
            say(f"Wrote {built.figures} figures into {figures}", quiet=quiet)
        say(f"{'Wrote' if built.rebuilt else 'Up to date:'} {built.path}", quiet=quiet)
