"""`lnbench compare`: two networks, or two modes, on the same noisy images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from robustbench_ln.comparison import tell
from robustbench_ln.comparison.compare import Asked, Comparison
from robustbench_ln.comparison.compare import compare as compare_networks
from robustbench_ln.modes import MODES
from robustbench_ln.noise import NOISES
from robustbench_ln.publish import check_writable, named_file, publish_file
from robustbench_ln.store.open import open_store

from . import complete, options
from .console import NOT_MET, SOME_FAILED, print_json, print_line, say, say_problems
from .tables import print_table, table


def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            autocompletion=complete.models,
            help="Networks whose name matches GLOB; 'GLOB:MODE' takes a mode other than the home mode.",
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", autocompletion=complete.models, help="What to compare with A, written the same way."
        ),
    ],
    noise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.noises,
            help=f"Only this noise; may be repeated: {', '.join(NOISES)}.",
            show_default="all measured",
        ),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option(
            metavar="GRID", help="Only these sigmas, such as 0:4 or 0,0.5.", show_default="all measured"
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.modes,
            help=f"Mode of a side that names none; may be repeated: {', '.join(MODES)}.",
            show_default="each norm's home mode",
        ),
    ] = None,
    set_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="S",
            help="In coupled modes, only cells in which S images share statistics.",
            show_default="the one with most cells",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Only these test images, decoded if they are not yet.",
            show_default="all measured",
        ),
    ] = None,
    fail_drop: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="POINTS",
            help="Exit with 4 if, in any cell, B is more than POINTS percentage points less accurate than "
            "A and the 95 % interval of the difference lies below 0; with 3 if cells or seeds lack a "
            "partner.",
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write all rows to a CSV file.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the bootstrap.")] = 0,
    results: options.ReadResults = options.DEFAULT_RESULTS,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    corrupted: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The folder of ready-made corrupted images, for cells measured on them."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Compare two networks, or two modes, on the same noisy images: differences with intervals and tests.

    Stored predictions are read; nothing is measured. Networks with several training seeds are paired by seed.
    """
    if csv is not None:
        csv = named_file(csv, "--csv FILE")
        check_writable(csv.parent, "Choose another file with --csv FILE.")
    asked = Asked(
        a,
        b,
        tuple(noise or ()),
        sigma,
        tuple(mode or ()),
        set_size,
        data,
        seed,
        complete=fail_drop is not None,
    )
    note = partial(say, quiet=json)
    comparison = compare_networks(open_store(results), asked, data_dir, corrupted, on_note=note)
    if csv is not None:
        publish_file(csv, tell.csv_bytes(comparison))
    dropped = [] if fail_drop is None else tell.drops(comparison, fail_drop)
    say_problems(comparison.problems, quiet=json)
    if json:
        print_json(tell.document(comparison, fail_drop))
    else:
        print_comparison(comparison)
        if fail_drop is not None:
            print_line(tell.drops_line(dropped, len(comparison.rows), fail_drop))
    if dropped:
        raise typer.Exit(NOT_MET)
    if comparison.problems:
        raise typer.Exit(SOME_FAILED)


def print_comparison(comparison: Comparison) -> None:
    """Print the networks, one row per cell, the areas, and what a reader must know."""
    for name, networks in (("A", comparison.a), ("B", comparison.b)):
        print_line(tell.networks_line(name, networks))
    for text in (tell.cells_table(comparison), tell.seeds_table(comparison)):
        if text is not None:
            print_line()
            print_table(table(text.columns, text.rows, title=text.title, right=tell.NUMBERS))
    print_line()
    for line in (*tell.area_lines(comparison), *tell.remarks(comparison)):
        print_line(line)
