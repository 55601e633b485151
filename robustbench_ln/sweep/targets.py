"""Which stored networks are tested, and on which data."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from pathlib import Path

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.data.open import open_data, takes_image_size
from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.store import Store, StoredModel


def choose_models(store: Store, patterns: Sequence[str]) -> list[StoredModel]:
    """Return the networks whose name matches one of the patterns; all without a pattern.

    Args:
        store: the results folder.
        patterns: shell patterns over model ids, such as `mnist-*`; or their first parts, up to a dot.

    Raises:
        LnbenchError: the store has no network, or a pattern matches none.
    """
    models = store.models()
    if not models:
        raise LnbenchError(f"There is no trained model in '{store.root}'.", "Run this first: lnbench train")
    chosen = {}
    for pattern in patterns or ("*",):
        matching = [model for model in models if _matches(model.id, pattern)]
        if not matching:
            names = ", ".join(model.id for model in models[:20])
            raise LnbenchError(f"No model in '{store.root}' matches '{pattern}'.", f"Models: {names}.")
        chosen.update({model.id: model for model in matching})
    return list(chosen.values())


def _matches(model_id: str, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(model_id, tried) for tried in (pattern, f"{pattern}.*"))


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
        image_size: of the images of a folder or of stanford-cars; None for the size that each network was
            trained on.
        on_note: told before work that may take minutes.

    Raises:
        LnbenchError: data that cannot be opened.
    """
    opened: dict[tuple[str, int | None], DataSet] = {}
    pairs = []
    for model in models:
        how = model.card["how"]
        named = spec or how["data"]
        trained_size = how["image_size"] if takes_image_size(named) else None
        key = (named, trained_size if image_size is None else image_size)
        if key not in opened:
            opened[key] = open_data(key[0], data_dir, key[1], on_note=on_note)
        pairs.append((model, opened[key]))
    return pairs
