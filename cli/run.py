"""`lnbench run`: the paper's items, from training to the page."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from robustbench_ln import provenance
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.asked import Asked, parse_experiments, parse_readings, parse_sources
from robustbench_ln.experiments.estimate import estimate_seconds
from robustbench_ln.experiments.run import Resources, look_through, run_todo
from robustbench_ln.experiments.work import plan_work
from robustbench_ln.report.paper.build import write_paper_page
from robustbench_ln.seeds import parse_seeds
from robustbench_ln.store.open import writable_store
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
    preset: options.Preset = "paper",
    reading: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
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
            help="Only these networks; may be repeated.",
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
        typer.Option(metavar="NAME=SPEC", help="Another source of a data set: cifar10=folder:~/cifar10-jpg."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="MINUTES",
            help="Begin nothing after so many minutes; the same command goes on.",
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
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train what is missing for the paper's items, measure what is missing, and write results/paper.html.

    Networks that several items show are trained once. Whatever is cut off goes on where it stopped.
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
    store = writable_store(results)
    out = store.page("paper.html")
    work = plan_work(declared, asked, data_dir, partial(say, quiet=quiet or json))
    todo = look_through(work.networks, store)
    resources = Resources(workers or default_workers(threads), threads, device, budget)
    trainings, cells = sum(one.training for one in todo), sum(one.cells for one in todo)
    for name, error in work.obstacles.items():
        print_error(f"Benchmark '{name}' cannot be run. {error.message}", error.hint, as_json=json)
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
            f"{counted(round(minutes), 'minute')} on this machine as busy as it is now.",
            quiet=quiet or json,
        )
        if json:
            print_json(
                {
                    "trainings": trainings,
                    "cells": cells,
                    "minutes": round(minutes, 1),
                    "missing": {name: str(error) for name, error in work.obstacles.items()},
                }
            )
        if work.obstacles:
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
    failed = {**(done.failed if done else {}), **{name: str(error) for name, error in work.obstacles.items()}}
    if json:
        print_json(
            {
                "trained": done.trained if done else 0,
                "measured": done.measured if done else 0,
                "complete": done.complete if done else True,
                "failed": failed,
                "page": str(page.path),
            }
        )
    else:
        for label, reason in (done.failed if done else {}).items():
            print_error(f"{label}: {reason}", "", as_json=False)
        if done is None:
            say("Nothing was missing.", quiet=quiet)
        else:
            rest = "" if done.complete else " The budget is used up: run the same command again to go on."
            trained, measured = counted(done.trained, "network"), counted(done.measured, "cell")
            say(f"Trained {trained}, measured {measured}.{rest}", quiet=quiet)
        say(f"{'Wrote' if page.rebuilt else 'Up to date:'} {page.path}", quiet=quiet)
    if failed:
        raise typer.Exit(SOME_FAILED)
