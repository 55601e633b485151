"""`lnbench stress`: how much a number depends on the other images of its batch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from robustbench_ln import provenance
from robustbench_ln.compositions import Composition, compositions
from robustbench_ln.evaluation.order import check_order
from robustbench_ln.modes import MODES, canonical_mode
from robustbench_ln.noise import NOISES, NoiseSpec, parse_sigmas
from robustbench_ln.seeds import parse_seeds
from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.open import writable_store
from robustbench_ln.sweep.executor import choose_executor
from robustbench_ln.sweep.plan import SweepSettings
from robustbench_ln.sweep.stress import ORDERS, SET_SIZES, plan_stress
from robustbench_ln.sweep.targets import choose_models, pair_with_data

from . import complete, options
from .console import SOME_FAILED, print_json, print_line, say, say_problems
from .measuring import measure, tell_plan
from .tables import print_table, table


def stress(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            autocompletion=complete.models,
            help="Only networks whose name matches.",
            show_default="all",
        ),
    ] = None,
    noise: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            autocompletion=complete.noises,
            help=f"Noise; may be repeated: {', '.join(NOISES)}.",
        ),
    ] = ["agn"],  # noqa: B006 - Typer reads the default and never changes it
    sigma: Annotated[str, typer.Option(metavar="GRID", help="As for lnbench corrupt-eval.")] = "0",
    mode: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.modes,
            help=f"Only this test-time mode; may be repeated: {', '.join(MODES)}.",
            show_default="all that fit",
        ),
    ] = None,
    order: Annotated[
        list[str],
        typer.Option(
            metavar="ORDER", help="Order of the test images, such as dirichlet:ALPHA; may be repeated."
        ),
    ] = list(ORDERS),  # noqa: B006
    set_size: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="S",
            help="Number of images that share statistics; may be repeated.",
            show_default=f"{', '.join(map(str, SET_SIZES))}, up to all images",
        ),
    ] = None,
    noise_seeds: options.NoiseSeeds = "0",
    order_seeds: options.OrderSeeds = "0:2",
    data: options.Data = None,
    image_size: options.ImageSize = None,
    limit: options.Limit = None,
    workers: options.Workers = None,
    threads: options.WorkerThreads = 1,
    device: options.Device = "auto",
    dtype: options.Dtype = "fp32",
    results: options.Results = options.DEFAULT_RESULTS,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure how accuracy depends on the rest of the batch: other image orders, smaller and larger sets.

    A mode that takes statistics from other test images gives a different number in each. The cells are stored
    like any others, and lnbench report shows their spread below the headline.
    """
    executor = choose_executor("local", dtype=dtype, device=device, workers=workers, threads=threads)
    settings = SweepSettings(
        tuple(NoiseSpec(name) for name in dict.fromkeys(noise)),
        parse_sigmas(sigma),
        modes=tuple(dict.fromkeys(canonical_mode(text) for text in mode)) if mode else None,
        limit=limit,
        dtype=executor.precision.name,
    )
    store = writable_store(results)
    models = choose_models(store, model or [])
    pairs = pair_with_data(models, data, data_dir, image_size, on_note=partial(say, quiet=quiet or json))
    passes = plan_stress(
        pairs,
        settings,
        orders=tuple(dict.fromkeys(check_order(text) for text in order)),
        set_sizes=tuple(dict.fromkeys(set_size)) if set_size else None,
        noise_seeds=parse_seeds(noise_seeds),
        order_seeds=parse_seeds(order_seeds),
    )
    plan = tell_plan(store, passes, "", quiet=quiet or json, verbose=verbose)
    if dry_run:
        if json:
            print_json(plan.document())
        return
    failed = 0
    if plan.todo:
        run_id = provenance.new_run_id()
        request = {"stress": settings.request()}
        outcomes = measure(store, passes, executor, request, run_id=run_id, quiet=quiet, json=json)
        failed = sum(1 for outcome in outcomes if outcome.failure)
    planned = {cell.id for one in passes for cell in one.cells}
    rows, problems = read_rows(store)
    say_problems(problems, quiet=json)
    found = compositions(rows[rows["cell"].isin(planned)])
    if json:
        told = replace(plan, failed=failed).document()
        print_json(told | {"modes": [one.document() for one in found], "problems": problems})
    else:
        for one in found:
            print_composition(one)
    if failed:
        raise typer.Exit(SOME_FAILED)


def print_composition(one: Composition) -> None:
    """Print how one network in one mode fares: one row per order, one column per set size."""
    print_table(table(one.columns, one.rows, title=one.title, right=one.columns[1:]))
    print_line(f"{one.spread}\n")
