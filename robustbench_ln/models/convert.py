"""Bring a source into the store with another norm: a training of zero epochs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import PROTOCOL_VERSION, check_name
from robustbench_ln.models.card import Draft, draft_model
from robustbench_ln.models.parameters import count_parameters
from robustbench_ln.models.source_names import parse_source
from robustbench_ln.models.sources import Source, load_source
from robustbench_ln.norms.convert import ConvertibleLayer, convert_norm, convertible_layers, norm_of
from robustbench_ln.norms.registry import check_groups, resolve_options
from robustbench_ln.store.logs import HISTORY

#: N of a source from outside whose batch is not named.
DEFAULT_BATCH_SIZE = 128


@dataclass(frozen=True)
class Conversion:
    """What a conversion did, ready for the store.

    Attributes:
        source: what was converted.
        norm: the new norm.
        norm_options: the options in force, without those that differ between the layers.
        layers: what was replaced.
        kept: names of all other norm layers, which stay as they are, with their kinds.
        parameters_before, parameters_after: of the whole network.
        draft: the converted network with its card.
    """

    source: Source
    norm: str
    norm_options: Mapping[str, Any]
    layers: tuple[ConvertibleLayer, ...]
    kept: Mapping[str, str]
    parameters_before: int
    parameters_after: int
    draft: Draft


def convert_source(
    source: Source,
    norm: str,
    options: Mapping[str, Any] | None = None,
    *,
    run_id: str,
    batch_size: int | None = None,
    name: str | None = None,
) -> Conversion:
    """Replace every BatchNorm2d of a source by another norm; nothing is written.

    Args:
        source: from `load_source` or `source_of_model`.
        norm: the new norm's name; "batchnorm" brings the network in as it is.
        options: of the norm. eps and momentum stay those of each layer where they are not given.
        run_id: names the invocation in the card.
        batch_size: N of the coupled modes; default that of the source's training, else 128.
        name: start of the stored model's name; default the source's own.

    Raises:
        UnknownNameError: an unknown norm or option.
        LnbenchError: a name with other characters, what `convert_norm` raises, a network whose norms cannot
            be tested together, or a batch that does not divide into LocalNorm's groups.
    """
    if name is not None:
        check_name(name)
    given = dict(options or {})
    resolved = resolve_options(norm, given)
    stored = source.stored.card if source.stored is not None else None
    if stored is not None and stored["recipe"]["norm"] != "batchnorm":
        raise LnbenchError(
            f"Model '{source.name}' has norm '{stored['recipe']['norm']}', not BatchNorm, to convert.",
            "Name a network with norm 'batchnorm'.",
        )
    if stored is not None and norm == "batchnorm" and not given:
        raise LnbenchError(f"Model '{source.name}' has norm 'batchnorm' already.", "Name another --norm.")
    batch = batch_size or (stored["recipe"]["train"]["batch_size"] if stored else DEFAULT_BATCH_SIZE)
    check_groups(norm, given, batch)
    layers = _layers(source)
    converted = convert_norm(source.network, norm, **given)
    norm_of(converted)
    in_force = _in_force(resolved, given, layers)
    recipe: dict[str, Any] = {
        "benchmark": name or (_stored_label(stored) if stored else source.slug),
        "network": source.network_name,
        "norm": norm,
        "norm_options": in_force,
        "data": stored["recipe"]["data"] if stored else None,
        "image_shape": source.image_shape,
        "classes": source.classes,
        "preprocessing": dict(source.preprocessing),
        "train": {"epochs": 0, "batch_size": batch},
        "seed": stored["recipe"]["seed"] if stored else 0,
        "protocol": PROTOCOL_VERSION,
        "start": {"source": source.name, "weights": source.provenance["weights"]},
    }
    square = source.image_shape[1] == source.image_shape[2]
    draft = draft_model(
        converted,
        json.loads(json.dumps(recipe)),  # as it will be read again
        run_id=run_id,
        class_names=source.class_names,
        data_spec=stored["how"]["data"] if stored else None,
        image_size=stored["how"]["image_size"] if stored else source.image_shape[1] if square else None,
        logs={"history": pd.DataFrame(columns=list(HISTORY))},
        how={
            "given": source.provenance["given"],
            "preprocessing": source.provenance["preprocessing"],
            "seconds": 0.0,
            # Of the network as it was: a norm that replaces another changes the accuracy.
            **({"recorded": dict(source.recorded)} if source.recorded and norm == "batchnorm" else {}),
        },
    )
    return Conversion(
        source,
        norm,
        in_force,
        tuple(layers),
        _other_norms(source.network),
        count_parameters(source.network).trainable,
        count_parameters(converted).trainable,
        draft,
    )


def _other_norms(network: nn.Module) -> dict[str, str]:
    """Return the names, with their kinds, of layers that are called norms and are not BatchNorm2d."""
    kinds = {place: type(module) for place, module in network.named_modules()}
    return {
        place: kind.__name__
        for place, kind in kinds.items()
        if "norm" in kind.__name__.lower() and not issubclass(kind, nn.BatchNorm2d)
    }


def import_source(
    text: str,
    *,
    network: str | None,
    image_size: int | None,
    run_id: str,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Conversion:
    """Bring a source in as it is, with running statistics and all that the BatchNorm modes need.

    Args:
        text: see `load_source`.
        network: the architecture of those sources that are files of weights.
        image_size: see `load_source`.
        run_id: names the invocation in the card.
        mean: see `load_source`.
        std: see `load_source`.
    """
    of_file = network if parse_source(text).file is not None else None
    source = load_source(text, network=of_file, image_size=image_size, mean=mean, std=std)
    return convert_source(source, "batchnorm", run_id=run_id)


def _layers(source: Source) -> list[ConvertibleLayer]:
    try:
        return convertible_layers(source.network)
    except LnbenchError as error:
        if any(isinstance(module, nn.BatchNorm2d) for module in source.network.modules()):
            raise
        others = sorted(
            {type(module).__name__ for module in source.network.modules() if "Norm" in type(module).__name__}
        )
        has = f"its norms are {', '.join(others)}" if others else "it has no norm at all"
        raise LnbenchError(f"'{source.name}' has no BatchNorm2d layer: {has}.", error.hint) from error


def _in_force(
    resolved: Mapping[str, Any], given: Mapping[str, Any], layers: list[ConvertibleLayer]
) -> dict[str, Any]:
    """Return the options that rebuild the converted network.

    What the layers keep of their own is written down where all agree. Where they do not, it is left out: the
    architecture is built with the same differences again.
    """
    options = dict(resolved)
    for option in ("eps", "momentum"):
        if option in options and option not in given:
            own = {getattr(layer, option) for layer in layers}
            if len(own) > 1:
                del options[option]
            elif None not in own:
                options[option] = own.pop()
    return options


def _stored_label(card: Mapping[str, Any]) -> str:
    return f"{card['recipe']['benchmark']}-{card['recipe']['norm']}"
