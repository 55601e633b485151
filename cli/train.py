"""`lnbench train`: train the networks of a benchmark that are not in the store."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from robustbench_ln import provenance
from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.data.names import takes_image_size
from robustbench_ln.data.open import check_folder, open_data
from robustbench_ln.devices import check_dtype, choose_dtype
from robustbench_ln.errors import LnbenchError
from robustbench_ln.norms.registry import parse_norm
from robustbench_ln.seeds import parse_seeds
from robustbench_ln.store.open import writable_store
from robustbench_ln.training.ranks import ranks_here, recipe_on
from robustbench_ln.training.recipe import Recipe, plan_recipes, starting_from
from robustbench_ln.training.run import look_up, train_missing
from robustbench_ln.wording import counted

from . import complete, options
from .console import SOME_FAILED, print_error, print_json, say
from .progress import epoch_told, progress

if TYPE_CHECKING:
    from robustbench_ln.training.state import Epoch


def train(
    benchmark: Annotated[
        str | None,
        typer.Option(
            "--benchmark",
            "-b",
            metavar="NAME",
            autocompletion=complete.benchmarks,
            help="The benchmark to train.",
            show_default="digits, else the only one that is declared",
        ),
    ] = None,
    norm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:OPTION=NUMBER,...]",
            autocompletion=complete.norms,
            help="Only this norm, such as localnorm:groups=5; may be repeated.",
            show_default="all of the benchmark",
        ),
    ] = None,
    train_seeds: Annotated[
        str | None,
        typer.Option(
            metavar="SEEDS",
            help="Train with these seeds, such as 0:4 or 0,3,7.",
            show_default="the benchmark's",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of epochs.", show_default="the benchmark's"),
    ] = None,
    preset: options.Preset = "paper",
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from the weights of this stored network, of the same architecture and norm.",
            show_default="fresh weights",
        ),
    ] = None,
    data: options.Data = None,
    image_size: options.ImageSize = None,
    skip_unreadable: options.SkipUnreadable = False,
    limit: options.Limit = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Torch threads.", show_default="torch's choice")
    ] = None,
    device: options.Device = "auto",
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=lambda name: name if name is None else check_dtype(name),
            autocompletion=complete.choices("fp32", "bf16", "auto"),
            help="Precision of convolutions and matrix products: fp32, bf16, or auto for bf16 where the "
            "device supports it.",
            show_default="the benchmark's",
        ),
    ] = None,
    sync_bn: Annotated[
        bool,
        typer.Option(
            "--sync-bn", help="Under torchrun: let BatchNorm take its statistics over all processes' rows."
        ),
    ] = False,
    results: options.Results = options.DEFAULT_RESULTS,
    data_dir: options.DataDir = ...,  # type: ignore[assignment]
    config: options.Config = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train the networks of a benchmark, one for each norm and seed.

    A network that was trained before is not trained again; an interrupted training continues where it
    stopped, with the same result as without the interruption.

    Several processes train a network together: torchrun --nproc-per-node N --no-python lnbench train
    """
    ranks = ranks_here()
    # One process of torchrun speaks for all.
    quiet, json = quiet or not ranks.leads, json and ranks.leads
    if dtype == "auto" and ranks.count > 1:
        raise LnbenchError(
            "--dtype auto may choose differently on other machines.", "Name --dtype fp32 or bf16."
        )
    precision = None if dtype is None else choose_dtype(dtype, device)
    store = writable_store(results)
    declared = load_declared(find_config(config))
    name = benchmark or declared.usual_benchmark()
    settings = declared.benchmark(name).at(preset)
    norms = [parse_norm(text) for text in dict.fromkeys(norm)] if norm else None
    if start is not None:
        settings = starting_from(settings, store.find_model(start), [own for own, _ in norms or ()])
    check_folder(data or settings.data, train=True)
    data_set = open_data(
        data or settings.data,
        data_dir,
        image_size or (settings.image_size if takes_image_size(data or settings.data) else None),
        skip_unreadable=skip_unreadable,
        on_note=partial(say, quiet=quiet or json),
    )
    recipes = plan_recipes(
        name,
        settings,
        data_set,
        norms=norms,
        seeds=parse_seeds(train_seeds) if train_seeds else None,
        epochs=epochs,
        limit=limit,
        dtype=None if precision is None else precision.name,
    )
    recipes = [recipe_on(recipe, ranks, sync_bn=sync_bn) for recipe in recipes]
    asked = look_up(recipes, store)
    missing = [one.recipe for one in asked if one.model is None]
    if verbose:
        say(f"Images: {data_set.info.name} in '{data_set.folder}'.", quiet=quiet or json)
        for one in asked:
            there = "will be trained" if one.model is None else f"is already trained, as {one.model.id}"
            say(f"Chosen: {one.recipe.name} {there}.", quiet=quiet or json)
    if dry_run:
        for recipe in missing:
            epochs_of = f"{counted(recipe.train.epochs, 'epoch')} of {recipe.data['name']}"
            say(f"Would train {recipe.label} ({epochs_of}).", quiet=quiet or json)
        if json:
            print_json({"asked": len(asked), "missing": [recipe.label for recipe in missing]})
        say(
            f"{len(asked) - len(missing)} of {counted(len(asked), 'network')} already trained.",
            quiet=quiet or json,
        )
        return

    if precision is not None and missing:
        say(f"Training in {precision.name} ({precision.reason}).", quiet=quiet or json)
    run_id = provenance.new_run_id()
    if missing and ranks.leads:
        store.check_writable()
        store.publish_run(
            run_id, provenance.run_record(sys.argv[1:], {"train": [one.card() for one in missing]})
        )
    with progress(sum(recipe.train.epochs for recipe in missing), "epochs", quiet=quiet, json=json) as tell:

        def show(recipe: Recipe, epoch: Epoch) -> None:
            tell(*epoch_told(recipe, epoch))

        outcomes = train_missing(
            asked,
            data_set,
            store,
            run_id=run_id,
            threads=threads,
            device=device,
            ranks=ranks,
            test_images=settings.test_images,
            on_epoch=show,
        )
    models = [one for one in outcomes if not isinstance(one, LnbenchError)]
    errors = [one for one in outcomes if isinstance(one, LnbenchError)]
    for error in errors:
        print_error(error.message, error.hint, as_json=json)
    trained = {recipe.id for recipe in missing}
    if json:
        print_json(
            {
                "models": [
                    {
                        "id": model.id,
                        "norm": model.card["recipe"]["norm"],
                        "trained_now": model.card["recipe_id"] in trained,
                        "test_accuracy": model.card["test_accuracy"],
                        "home_mode": model.card["home_mode"],
                        "parameters": model.card["parameters"],
                    }
                    for model in models
                ],
                "failed": len(errors),
            }
        )
    else:
        for model in models:
            state = "trained" if model.card["recipe_id"] in trained else "already trained"
            say(
                f"{state}: {model.id}  clean test accuracy {model.card['test_accuracy']:.2%} "
                f"in mode {model.card['home_mode']}",
                quiet=quiet,
            )
        again = options.places(results, data_dir)
        say(f"Next: lnbench corrupt-eval --noise agn --sigma 0:4{again}", quiet=quiet)
    if errors:
        raise typer.Exit(SOME_FAILED)
