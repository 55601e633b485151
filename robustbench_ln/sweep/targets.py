"""Which stored networks are tested, and on which data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.data.names import takes_image_size
from robustbench_ln.data.open import check_folder, open_data
from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.loadable import check_loadable
from robustbench_ln.models.source_names import is_source, parse_source
from robustbench_ln.store.results import choose_names
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.class_order import class_note
from robustbench_ln.wording import counted

if TYPE_CHECKING:
    from robustbench_ln.models.card import Draft


def choose_models(store: Store, patterns: Sequence[str]) -> list[StoredModel]:
    """Return the networks whose name matches one of the patterns; all without a pattern.

    Args:
        store: the results folder.
        patterns: shell patterns over model ids, such as `mnist-*`; or their first parts, up to a dot.

    Raises:
        LnbenchError: the store has no network, a pattern matches none, or a chosen card cannot be read.
    """
    names = store.model_ids()
    if not names:
        outside = [text for text in patterns if text.isidentifier()]
        raise LnbenchError(
            f"There is no trained network in '{store.root}'.",
            "Run this first: lnbench train"
            + (f"; or name one from outside, such as torchvision:{outside[0]}." if outside else ""),
        )
    return [store.model(name) for name in choose_names(names, patterns, store.root)]


@dataclass(frozen=True)
class Chosen:
    """The networks that are tested.

    Attributes:
        models: each once.
        drafts: those of them that come from a source and are not in the store yet.
    """

    models: list[StoredModel]
    drafts: list[Draft]


def choose_networks(
    store: Store,
    texts: Sequence[str],
    *,
    network: str | None = None,
    image_size: int | None = None,
    data: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    run_id: str = "",
    on_note: Callable[[str], None] = lambda note: None,
) -> Chosen:
    """Return the networks that texts name: patterns over those in the store, or sources from outside.

    Args:
        store: the results folder.
        texts: patterns as `choose_models` takes them, and sources as `robustbench_ln.models.source_names`
            describes them; empty for all in the store that have data to test them on.
        network: architecture of a source that is a file.
        image_size: to which images are brought for a source.
        data: the data set that is asked for; None for the one that each network was trained on.
        mean: of each channel, in place of what sources say.
        std: likewise.
        run_id: names the invocation in the cards of sources.
        on_note: told what sources are, and what was left out.

    Raises:
        LnbenchError: no such network, or `network` without a file.
    """
    sources = [text for text in dict.fromkeys(texts) if is_source(text)]
    if network is not None and not any(parse_source(text).file for text in sources):
        raise LnbenchError("--network names the network of a file, but --model names no file.")
    if (mean is not None or std is not None) and not sources:
        raise LnbenchError(
            "--mean and --std describe a source, but --model names none.",
            "Networks in the store know their own.",
        )
    # Weights may take minutes to download.
    if sources and data is None:
        raise _no_data(sources[0])
    if sources:
        check_folder(str(data))
    drafts = []
    for text in sources:
        from robustbench_ln.models.convert import import_source

        brought = import_source(
            text, network=network, image_size=image_size, run_id=run_id, mean=mean, std=std
        )
        for line in (brought.source.description, *brought.source.remarks):
            on_note(line)
        drafts.append(brought.draft)
    patterns = [text for text in texts if text not in sources]
    stored = choose_models(store, patterns) if patterns or not drafts else []
    stored = _loadable(stored, on_note, named=bool(patterns))
    left_out = without_data(stored) if data is None and not texts else []
    if left_out and len(left_out) < len(stored):
        stored = [one for one in stored if one not in left_out]
        on_note(
            f"Left out {counted(len(left_out), 'model')} from outside, which no data set is known for: "
            "name one with --data SPEC."
        )
    by_id = {one.id: one for one in [*stored, *(draft.stored(store) for draft in drafts)]}
    return Chosen(list(by_id.values()), drafts)


def trained_from(models: Sequence[StoredModel], seeds: Sequence[int] | None) -> list[StoredModel]:
    """Return the networks of some training seeds; all without seeds.

    Raises:
        LnbenchError: no network has one of the seeds.
    """
    known = {model.card["recipe"]["seed"] for model in models}
    for seed in seeds or ():
        if seed not in known:
            there = f"There are: {', '.join(map(str, sorted(known)))}."
            raise LnbenchError(
                f"No chosen network has the training seed {seed}.",
                f"{there} lnbench train --train-seeds {seed} trains networks with it.",
            )
    return [model for model in models if seeds is None or model.card["recipe"]["seed"] in seeds]


def _loadable(models: list[StoredModel], on_note: Callable[[str], None], *, named: bool) -> list[StoredModel]:
    """Return the networks whose code is there; where they were named, all must be.

    Raises:
        LnbenchError: one that was named, or every one, needs code of the user's that is not there.
    """
    loadable = []
    for model in models:
        try:
            check_loadable(model.card)
        except LnbenchError as error:
            if named or len(models) == 1:
                raise
            on_note(f"Left out model '{model.id}': {error.message}")
        else:
            loadable.append(model)
    if models and not loadable:
        check_loadable(models[0].card)
    return loadable


def without_data(models: Sequence[StoredModel]) -> list[StoredModel]:
    """Return the networks from outside, which no data set is known for."""
    return [model for model in models if model.card["how"]["data"] is None]


def _no_data(network: str) -> LnbenchError:
    return LnbenchError(
        f"'{network}' comes from outside: no data set is known to test it on.",
        "Name one with --data SPEC, such as --data folder:PATH.",
    )


def pair_with_data(
    models: Sequence[StoredModel],
    spec: str | None,
    data_dir: Path,
    image_size: int | None,
    *,
    skip_unreadable: bool = False,
    on_note: Callable[[str], None] = lambda note: None,
) -> list[tuple[StoredModel, DataSet]]:
    """Return each network with the data set to test it on.

    Args:
        models: the networks.
        spec: a data set as on the command line; None for the one that each network was trained on.
        data_dir: where data are kept.
        image_size: of the images of a folder or of stanford-cars; None for the size that each network takes.
        skip_unreadable: leave out images of a folder that cannot be read.
        on_note: told before work that may take minutes.

    Raises:
        LnbenchError: data that cannot be opened, or a network from outside without `spec`.
    """
    opened: dict[tuple[str, int | None], DataSet] = {}
    pairs = []
    for model in models:
        how = model.card["how"]
        named = spec or how["data"]
        if named is None:
            raise _no_data(model.id)
        size = image_size
        if size is None and takes_image_size(named):
            size = how["image_size"]
            if size is None and spec is not None:
                _, height, width = model.card["recipe"]["image_shape"]
                size = height if height == width else None
        key = (named, size)
        if key not in opened:
            opened[key] = open_data(
                key[0], data_dir, key[1], skip_unreadable=skip_unreadable, on_note=on_note
            )
        pairs.append((model, opened[key]))
    for note in dict.fromkeys(class_note(model, opened_data) for model, opened_data in pairs):
        if note:
            on_note(note)
    return pairs
