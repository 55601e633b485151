"""`lnbench run`: the paper's items, from training to the page."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robustbench_ln import provenance
from robustbench_ln.benchmarks.benchmark import PAPER
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.asked import Asked, parse_experiments, parse_readings, parse_sources
from robustbench_ln.experiments.estimate import estimate_seconds
from robustbench_ln.experiments.run import Done, Resources, look_through, run_todo, without_starts
from robustbench_ln.experiments.work import plan_work
from robustbench_ln.report.paper.build import Built, write_paper_page
from robustbench_ln.seeds import parse_seeds
from robustbench_ln.store.open import open_store, writable_store
from robustbench_ln.sweep.run import Outcome
from robustbench_ln.threads import default_workers
from robustbench_ln.training.recipe import Recipe
from robustbench_ln.wording import counted

from . import complete, options
from .console import SOME_FAILED, print_error, print_json, say
from .progress import epoch_told, progress

if TYPE_CHECKING:
    from robustbench_ln.training.state import Epoch


def run(
    experiments: Annotated[
        list[str],
        typer.Argument(
            metavar="EXPERIMENT...",
            autocompletion=complete.experiments,
            help="Items of the paper (lnbench list), or all.",
        ),
    ],
    preset: options.Preset = PAPER,
    reading: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.choices("text", "code"),
            help="Only this reading of the noise: text (the paper's formulas) or code (the authors').",
            show_default="both",
        ),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            "--benchmark",
            "-b",
            metavar="NAME",
            autocompletion=complete.benchmarks,
            help="Only these benchmarks; may be repeated.",
            show_default="all",
        ),
    ] = None,
    train_seeds: Annotated[
        str | None,
        typer.Option(
            metavar="SEEDS", help="Only these training seeds, such as 0:2.", show_default="the benchmarks'"
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SPEC", help="Another source for a data set: cifar10=folder:~/cifar10-jpg."
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="MINUTES",
            help="Start nothing new after this many minutes; the same command continues.",
            show_default="none",
        ),
    ] = None,
    workers: options.Workers = None,
    threads: options.WorkerThreads = 1,
    device: options.Device = "auto",
    results: options.Results = options.DEFAULT_RESULTS,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    config: options.Config = None,
    dry_run: options.DryRun = False,
    page_only: Annotated[
        bool,
        typer.Option(
            "--page-only",
            help="Train and measure nothing: write the page of what the results hold, packed or not, at the "
            "fullest preset measured.",
        ),
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train and measure what is missing for the paper's items, and write results/paper.html.

    Networks that several items show are trained once. An interrupted run continues where it stopped.
    """
    declared = load_declared(find_config(config))
    names = parse_experiments(experiments, declared)
    asked = Asked(
        names,
        preset,
        parse_readings(reading),
        tuple(benchmark or ()),
        parse_seeds(train_seeds) if train_seeds else (),
        parse_sources(data),
    )
    if page_only:
        there = open_store(results)
        page = write_paper_page(declared, there, names, there.page("paper.html"), data_dir)
        _tell_page(page, json=json, quiet=quiet, trained=0, measured=0, complete=True, failed={})
        return
    store = writable_store(results)
    out = store.page("paper.html")
    work = plan_work(declared, asked, data_dir, partial(say, quiet=quiet or json))
    todo, unstarted = without_starts(look_through(work.networks, store))
    obstacles = {**work.obstacles, **unstarted}
    resources = Resources(workers or default_workers(threads, device), threads, device, budget)
    trainings, cells = sum(one.training for one in todo), sum(one.cells for one in todo)
    for name, lack in obstacles.items():
        waiting = f"{counted(lack.networks, 'network')} and {counted(lack.cells, 'cell')} wait"
        message = f"Benchmark '{name}' cannot be run, so {waiting}. {lack.error.message}"
        print_error(message, lack.error.hint, as_json=json)
    for one in todo if dry_run or verbose else ():
        if one.training or one.passes:
            what = "train, then " if one.training else ""
            say(f"  {one.work.recipe.name}: {what}{counted(one.cells, 'cell')}", quiet=quiet or json)
        elif verbose:
            say(f"  {one.work.recipe.name}: nothing is missing", quiet=quiet or json)
    if dry_run:
        minutes = estimate_seconds(todo, resources) / 60
        say(
            f"{counted(trainings, 'network')} to train, {counted(cells, 'cell')} to measure: very roughly "
            f"{counted(round(minutes), 'minute')} on this machine at its current load.",
            quiet=quiet or json,
        )
        if json:
            print_json(
                {
                    "trainings": trainings,
                    "cells": cells,
                    "minutes": round(minutes, 1),
                    "obstacles": {
                        name: {"error": str(lack.error), "networks": lack.networks, "cells": lack.cells}
                        for name, lack in obstacles.items()
                    },
                }
            )
        if obstacles:
            raise typer.Exit(SOME_FAILED)
        return

    done = None
    if trainings or cells:
        store.check_writable()
        run_id = provenance.new_run_id()
        store.publish_run(run_id, provenance.run_record(sys.argv[1:], {"run": asked.request()}))
        epochs = sum(one.work.recipe.train.epochs for one in todo if one.training)
        with progress(epochs + cells, "epochs and cells", quiet=quiet, json=json) as tell:

            def show_epoch(recipe: Recipe, epoch: Epoch) -> None:
                tell(*epoch_told(recipe, epoch))

            def show_cell(outcome: Outcome) -> None:
                tell(outcome.line, outcome.brief, important=bool(outcome.failure))

            done = run_todo(
                todo, store, run_id=run_id, resources=resources, on_epoch=show_epoch, on_outcome=show_cell
            )
    page = write_paper_page(declared, store, names, out, data_dir, preset, work.data)
    failed = {
        **(done.failed if done else {}),
        **{name: str(lack.error) for name, lack in obstacles.items()},
    }
    if not json:
        for label, reason in (done.failed if done else {}).items():
            print_error(f"{label}: {reason}", "", as_json=False)
        if done is None:
            say("Nothing was missing.", quiet=quiet)
        else:
            rest = "" if done.complete else " The budget is used up: run the same command again to continue."
            trained, measured = counted(done.trained, "network"), counted(done.measured, "cell")
            say(f"Trained {trained}, measured {measured}.{rest}", quiet=quiet)
    came_to = done or Done()
    _tell_page(
        page,
        json=json,
        quiet=quiet,
        trained=came_to.trained,
        measured=came_to.measured,
        complete=came_to.complete,
        failed=failed,
    )
    if failed:
        raise typer.Exit(SOME_FAILED)


def _tell_page(page: Built, *, json: bool, quiet: bool, **done: Any) -> None:
    if json:
        print_json({**done, "page": str(page.path)})
    else:
        say(f"{'Wrote' if page.rebuilt else 'Up to date:'} {page.path}", quiet=quiet)
