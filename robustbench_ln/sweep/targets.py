"""Which stored networks are tested, and on which data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.data.names import takes_image_size
from robustbench_ln.data.open import open_data
from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.results import choose_names
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel


def choose_models(store: Store, patterns: Sequence[str]) -> list[StoredModel]:
    """Return the networks whose name matches one of the patterns; all without a pattern.

    Args:
        store: the results folder.
        patterns: shell patterns over model ids, such as `mnist-*`; or their first parts, up to a dot.

    Raises:
        LnbenchError: the store has no network, or a pattern matches none.
    """
    models = {model.id: model for model in store.models()}
    if not models:
        raise LnbenchError(f"There is no trained model in '{store.root}'.", "Run this first: lnbench train")
    return [models[name] for name in choose_names(list(models), patterns, store.root)]


def without_data(models: Sequence[StoredModel]) -> list[StoredModel]:
    """Return the networks from outside, which no data set is known for."""
    return [model for model in models if model.card["how"]["data"] is None]


def pair_with_data(
    models: Sequence[StoredModel],
    spec: str | None,
    data_dir: Path,
    image_size: int | None,
    *,
    on_note: Callable[[str], None] = lambda note: None,
) -> list[tuple[StoredModel, DataSet]]:
    """Return each network with the data set to test it on.

    Args:
        models: the networks.
        spec: a data set as on the command line; None for the one that each network was trained on.
        data_dir: where data are kept.
        image_size: of the images of a folder or of stanford-cars; None for the size that each network takes.
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
            raise LnbenchError(
                f"Model '{model.id}' comes from outside: no data set is known to test it on.",
                "Name one with --data SPEC, such as --data folder:PATH.",
            )
        size = image_size
        if size is None and takes_image_size(named):
            size = how["image_size"]
            if size is None and spec is not None:
                _, height, width = model.card["recipe"]["image_shape"]
                size = height if height == width else None
        key = (named, size)
        if key not in opened:
            opened[key] = open_data(key[0], data_dir, key[1], on_note=on_note)
        pairs.append((model, opened[key]))
    return pairs
