"""`lnbench corrupt-eval`: measure stored networks under growing noise, in every mode that fits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from robustbench_ln import provenance
from robustbench_ln.data.corrupted import open_corrupted
from robustbench_ln.models.source_names import parse_channels
from robustbench_ln.modes import MODES, canonical_mode
from robustbench_ln.noise import NOISES, NoiseSpec, parse_sigmas
from robustbench_ln.noise.severity import (
    GRADED,
    SEVERITIES,
    SIGMAS,
    SMALL_SIDE,
    check_constants,
    parse_severities,
)
from robustbench_ln.seeds import parse_seeds
from robustbench_ln.store.open import writable_store
from robustbench_ln.sweep.clean import below, check_clean, check_gate, without_clean
from robustbench_ln.sweep.executor import check_executor, choose_executor
from robustbench_ln.sweep.plan import SweepSettings
from robustbench_ln.sweep.several import (
    Sweep,
    by_own_range,
    by_severity,
    check_strength,
    on_corrupted,
    plan_sweeps,
    repeated,
    request_of,
)
from robustbench_ln.sweep.shard import parse_shard, take_shard
from robustbench_ln.sweep.targets import choose_networks, pair_with_data, trained_from
from robustbench_ln.wording import counted

from . import complete, options
from .console import NOT_MET, SOME_FAILED, print_json, say
from .measuring import measure, tell_plan


def corrupt_eval(
    noise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.noises,
            help=f"Noise; may be repeated: {', '.join(NOISES)}. With --corrupted, the name of a file.",
            show_default="agn, or all files of --corrupted",
        ),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option(
            metavar="GRID",
            help="START:STOP (nine points), START:STOP:STEP, or a comma list.",
            show_default="0:4, or up to the noise's largest sigma",
        ),
    ] = None,
    severity: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help=f"Instead of --sigma, 1:5 or 1,3,5: the published constants of {', '.join(GRADED)}; "
            "with --corrupted, the severities to read.",
            show_default="none, or 1:5 with --corrupted",
        ),
    ] = None,
    constants: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=check_constants,
            autocompletion=complete.choices(*SIGMAS),
            help=f"Which constants --severity stands for: {', '.join(SIGMAS)}.",
            show_default=f"cifar-c up to {SMALL_SIDE} pixels, else imagenet-c",
        ),
    ] = None,
    corrupted: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Measure ready-made corrupted images instead of noise: a folder in CIFAR-10-C's layout.",
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.modes,
            help=f"Only this test-time mode; may be repeated: {', '.join(MODES)}. "
            "blend:alpha=0.9 or blend:prior=16 blends BatchNorm's statistics with the batch's.",
            show_default="all that fit, except blends",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            autocompletion=complete.networks,
            help="Only networks whose name matches, or a source as for lnbench convert; may be repeated.",
            show_default="all",
        ),
    ] = None,
    network: options.Network = None,
    mean: options.Mean = None,
    std: options.Std = None,
    data: options.Data = None,
    image_size: options.ImageSize = None,
    skip_unreadable: options.SkipUnreadable = False,
    limit: options.Limit = None,
    clip: Annotated[
        bool, typer.Option("--clip", help="Clip noisy images to [0, 1]; the paper does not.")
    ] = False,
    rescale: Annotated[
        bool, typer.Option("--rescale", help="Map each channel of the noisy set to the training set's range.")
    ] = False,
    space: Annotated[
        str,
        typer.Option(
            metavar="SPACE",
            autocompletion=complete.choices("pixel", "standardised"),
            help="Add noise to images in [0, 1] (pixel) or standardised ones.",
        ),
    ] = "pixel",
    noise_seeds: options.NoiseSeeds = "0",
    train_seeds: options.TrainSeeds = None,
    order: options.Order = "shuffled",
    order_seeds: options.OrderSeeds = "0",
    vote: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            autocompletion=complete.choices("majority", "mean"),
            help="Rule for the voting modes: majority or mean.",
        ),
    ] = "majority",
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Images per batch in coupled modes.",
            show_default="each network's training batch",
        ),
    ] = None,
    min_clean: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="Measure clean images first, and exit with 4, without measuring the rest, if a network is "
            "less accurate on them.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Measure only the I-th of N parts, such as 1/8; slurm takes it from a job array.",
            show_default="all",
        ),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            callback=check_executor,
            autocompletion=complete.choices("local", "ray"),
            help="Where passes run: local (processes here) or ray (the nodes of a cluster).",
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of the Ray cluster.",
            show_default="RAY_ADDRESS, else a new one",
        ),
    ] = None,
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
    """Measure every trained network in every test-time mode that fits it, as noise grows.

    Cells that were measured before are not measured again. They are stored sigma by sigma, so an interrupted
    sweep continues where it stopped.
    """
    part = parse_shard(shard) if shard else None
    place = choose_executor(
        executor,
        dtype=dtype,
        device=device,
        workers=workers,
        threads=threads,
        address=address,
        sharded=part is not None,
    )
    given = {"--sigma": sigma, "--clip": clip, "--rescale": rescale, "--space": space != "pixel"}
    check_strength(
        given | {"--data": data, "--image-size": image_size},
        severity=severity is not None,
        constants=constants is not None,
        corrupted=corrupted is not None,
    )
    severities = parse_severities(severity) if severity else SEVERITIES
    folder = open_corrupted(corrupted, noise or ()) if corrupted else None
    names = [] if folder else noise or ["agn"]
    settings = SweepSettings(
        noises=tuple(NoiseSpec(name, clip, rescale, space) for name in dict.fromkeys(names)),  # type: ignore[arg-type]
        sigmas=() if sigma is None else parse_sigmas(sigma),
        modes=tuple(dict.fromkeys(canonical_mode(text) for text in mode)) if mode else None,
        order=order,
        vote=vote,  # type: ignore[arg-type]
        batch_size=batch_size,
        limit=limit,
        dtype=place.precision.name,
    )
    seeds_of_noise, seeds_of_orders = parse_seeds(noise_seeds), parse_seeds(order_seeds)
    store = writable_store(results)
    note = partial(say, quiet=quiet or json)
    run_id = provenance.new_run_id()
    chosen = choose_networks(
        store,
        model or [],
        network=network,
        image_size=image_size,
        data=data if folder is None else folder.spec,
        mean=parse_channels("--mean", mean),
        std=parse_channels("--std", std),
        run_id=run_id,
        on_note=note,
    )
    models = trained_from(chosen.models, parse_seeds(train_seeds) if train_seeds else None)
    if folder:
        sweeps = on_corrupted(models, folder.sets(severities, note), settings)
    else:
        pairs = pair_with_data(
            models,
            data,
            data_dir,
            image_size,
            skip_unreadable=skip_unreadable,
            on_note=note,
        )
        if severity:
            sweeps = by_severity(pairs, settings, severities, constants)
        elif sigma is None:
            sweeps = by_own_range(pairs, settings)
        else:
            sweeps = [Sweep(pairs, settings)]
    passes = plan_sweeps(repeated(sweeps, seeds_of_noise, seeds_of_orders))
    if min_clean is not None:
        check_gate(passes)
    whole = passes
    if part is not None:
        passes = take_shard(passes, part)
    plan = tell_plan(store, passes, f", shard {part}" if part else "", quiet=quiet or json, verbose=verbose)
    report = f"lnbench report{options.places(results, data_dir)}"
    if dry_run:
        if json:
            print_json(plan.document())
        elif not plan.todo:
            say(f"Nothing to measure. Next: {report}", quiet=quiet)
        return

    if chosen.drafts and (plan.todo or min_clean is not None):
        from robustbench_ln.models.card import publish_draft

        store.check_writable()
        for draft in chosen.drafts:
            publish_draft(draft, store)
    request = request_of(sweeps) | {"noise_seeds": seeds_of_noise, "order_seeds": seeds_of_orders}
    outcomes = []
    missed: list[str] = []
    if min_clean is not None:
        first = [one for one in whole if one.noise.is_clean(one.sigma)]
        outcomes += measure(store, first, place, request, run_id=run_id, quiet=quiet, json=json)
        missed = below(check_clean(store, first), first, min_clean)
    if not missed:
        outcomes += measure(store, passes, place, request, run_id=run_id, quiet=quiet, json=json)
    done = replace(plan, todo=len(outcomes), failed=sum(1 for outcome in outcomes if outcome.failure))
    clean = check_clean(store, whole)
    for one in clean:
        if one.sentence:
            say(one.sentence, quiet=json or (quiet and not one.warns))
    for sentence in without_clean(whole):
        say(sentence, quiet=json or quiet)
    for sentence in missed:
        say(sentence, quiet=json)
    if json:
        gate = {} if min_clean is None else {"min_clean": min_clean, "below": missed}
        print_json(done.document() | {"clean": [one.document() for one in clean]} | gate)
    elif done.todo or missed:
        measured = done.todo - done.failed
        left = " The rest was not measured." if missed else f" Next: {report}"
        say(f"Measured {counted(measured, 'cell')}, {done.failed:,} failed.{left}", quiet=quiet)
    else:
        say(f"Nothing to measure. Next: {report}", quiet=quiet)
    if missed:
        raise typer.Exit(NOT_MET)
    if done.failed:
        raise typer.Exit(SOME_FAILED)
