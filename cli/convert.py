"""`lnbench convert`: exchange the norms of a trained network and keep the result in the store."""

from __future__ import annotations

import sys
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robustbench_ln import provenance
from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.source_names import is_source, parse_channels, parse_source
from robustbench_ln.norms.registry import NORMS, parse_norm
from robustbench_ln.store.open import writable_store
from robustbench_ln.sweep.targets import choose_models
from robustbench_ln.wording import counted

from . import complete, options
from .console import print_json, say

if TYPE_CHECKING:
    from robustbench_ln.models.convert import Conversion
    from robustbench_ln.models.sources import Source
    from robustbench_ln.store.store import Store

_NORMS = [name for name in NORMS if name != "none"]


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            autocompletion=complete.networks,
            help="torchvision:NAME[:WEIGHTS], timm:NAME, efficientnet-lite0, python:MODULE:FUNCTION "
            "(which is run), a weights file, or the name or GLOB of stored networks.",
        ),
    ],
    norm: Annotated[
        str,
        typer.Option(
            metavar="NAME[:OPTION=NUMBER,...]",
            autocompletion=complete.norms,
            help=f"The new norm: {', '.join(_NORMS)}.",
        ),
    ] = "localnorm",
    groups: Annotated[
        int | None,
        typer.Option(metavar="K", help="Number of groups, for norms that have them.", show_default=False),
    ] = None,
    eps: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Eps of the new norm.", show_default="each layer's own"),
    ] = None,
    network: options.Network = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            min=1,
            metavar="N",
            help="Take images of NxN pixels.",
            show_default="the network's own",
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of classes; if it differs from the weights', the last layer is re-initialised.",
            show_default="the weights' own",
        ),
    ] = None,
    mean: options.Mean = None,
    std: options.Std = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Images per batch in coupled modes.",
            show_default="128, or the network's own",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Start of the stored network's name.", show_default="the source's"),
    ] = None,
    results: options.Results = options.DEFAULT_RESULTS,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Replace every BatchNorm2d of a trained network with another norm, keeping gamma and beta.

    Each group of a LocalNorm starts with the layer's gamma and beta. The result is stored like a
    network trained for zero epochs: lnbench corrupt-eval measures it, and lnbench report shows it.
    """
    from robustbench_ln.models.card import publish_draft
    from robustbench_ln.models.convert import convert_source

    store = writable_store(results)
    name_of_norm, norm_options = parse_norm(norm)
    norm_options |= {key: value for key, value in (("groups", groups), ("eps", eps)) if value is not None}
    conversions, run_id = [], provenance.new_run_id()
    for one in _sources(
        source,
        store,
        network=network,
        image_size=image_size,
        classes=classes,
        mean=parse_channels("--mean", mean),
        std=parse_channels("--std", std),
    ):
        done = convert_source(
            one, name_of_norm, norm_options, run_id=run_id, batch_size=batch_size, name=name
        )
        conversions.append(done)
        for line in (*_description(done), *one.remarks):
            say(line, quiet=quiet or json)
    fresh = [done for done in conversions if not done.draft.stored(store).has_weights]
    new = {done.draft.id for done in fresh}
    if fresh and not dry_run:
        store.check_writable()
        recipes = [done.draft.card["recipe"] for done in fresh]
        store.publish_run(run_id, provenance.run_record(sys.argv[1:], {"convert": recipes}))
        for done in fresh:
            publish_draft(done.draft, store)
    if json:
        print_json(
            {"models": [_document(done, done.draft.id in new) for done in conversions], "dry_run": dry_run}
        )
        return
    for done in conversions:
        state = "already there" if done.draft.id not in new else "would store" if dry_run else "stored"
        say(f"{state}: {done.draft.id}  clean test accuracy not measured", quiet=quiet)
    if not dry_run:
        known_data = conversions[0].draft.card["how"]["data"]
        more = ("" if known_data else " --data folder:PATH") + options.places(results)
        code = quote(parse_source(source).code) if source.startswith("python:") else ""
        own = f"LNBENCH_PLUGINS={code} " if code else ""
        say(f"Next: {own}lnbench corrupt-eval --model '{conversions[0].draft.id}'{more}", quiet=quiet)


def _sources(text: str, store: Store, **given: Any) -> list[Source]:
    from robustbench_ln.models.sources import load_source, source_of_model

    if is_source(text):
        return [load_source(text, **given)]
    for option, value in given.items():
        if value is not None:
            raise LnbenchError(
                f"'{text}' names networks in the store, which have their own {option.replace('_', ' ')}.",
                f"Leave out --{option.replace('_', '-')}.",
            )
    chosen = choose_models(store, [text])
    # A pattern also matches what an earlier call made of its networks.
    with_batchnorm = [model for model in chosen if model.card["recipe"]["norm"] == "batchnorm"]
    return [source_of_model(model) for model in with_batchnorm or chosen]


def _description(done: Conversion) -> list[str]:
    names = [layer.name or "itself" for layer in done.layers]
    shown = ", ".join(names if len(names) <= 4 else [*names[:2], "...", *names[-2:]])
    channels = sorted({layer.channels for layer in done.layers})
    width = f"{channels[0]} to {channels[-1]}" if len(channels) > 1 else f"{channels[0]}"
    settings = ", ".join(f"{key}={value}" for key, value in done.norm_options.items())
    lines = [
        done.source.description,
        f"Replaced {counted(len(names), 'BatchNorm2d layer')} ({shown}; {width} channels) "
        f"with {done.norm} ({settings}).",
        f"Parameters: {done.parameters_before:,} before, {done.parameters_after:,} after.",
    ]
    if done.kept:
        kinds = ", ".join(sorted(set(done.kept.values())))
        shown = ", ".join([*list(done.kept)[:4], *(["..."] if len(done.kept) > 4 else [])])
        lines.append(f"Kept as it is: {counted(len(done.kept), 'other norm layer')} ({kinds}): {shown}.")
    return lines


def _document(done: Conversion, fresh: bool) -> dict[str, Any]:
    card = done.draft.card
    return {
        "id": done.draft.id,
        "source": done.source.name,
        "norm": done.norm,
        "norm_options": dict(done.norm_options),
        "replaced": [layer.name for layer in done.layers],
        "kept": dict(done.kept),
        "parameters_before": done.parameters_before,
        "parameters": done.parameters_after,
        "image_shape": card["recipe"]["image_shape"],
        "classes": card["recipe"]["classes"],
        "preprocessing": card["recipe"]["preprocessing"],
        "home_mode": card["home_mode"],
        "test_accuracy": None,
        "remarks": list(done.source.remarks),
        "converted_now": fresh,
    }
