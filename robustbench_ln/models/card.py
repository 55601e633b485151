"""A network with its card, ready for the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from robustbench_ln import provenance
from robustbench_ln.identity import content_hash
from robustbench_ln.models.weights import weights_hash
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.store import SCHEMA_VERSION, Store, StoredModel


@dataclass(frozen=True)
class Draft:
    """A network with its card, ready for the store.

    Attributes:
        id: `<label>.<recipe>.<weights>`.
        card: the content of model.json.
        state: tensors by name.
        history: a row an epoch.
    """

    id: str
    card: dict[str, Any]
    state: dict[str, Tensor]
    history: pd.DataFrame

    def stored(self, store: Store) -> StoredModel:
        """Return the network as a store has it or will have it; nothing is written."""
        there = [model for model in store.models() if model.id == self.id]
        return there[0] if there else StoredModel(self.id, store.root / "models" / self.id, self.card)


def recipe_id(recipe: Mapping[str, Any]) -> str:
    """Return the name of a recipe: a hash over all of it but `benchmark`, which is a label."""
    return content_hash({key: value for key, value in recipe.items() if key != "benchmark"})


def draft_model(
    network: nn.Module,
    recipe: dict[str, Any],
    *,
    run_id: str,
    class_names: Sequence[str] | None,
    data_spec: str | None,
    image_size: int | None,
    history: pd.DataFrame,
    test_accuracy: float | None = None,
    seconds: float = 0.0,
) -> Draft:
    """Return a network with the card that it gets in the store.

    Args:
        network: with the norms that the recipe names.
        recipe: as `robustbench_ln.training.recipe.Recipe.card` gives it, and `start`.
        run_id: names the invocation.
        class_names: of the outputs; None where they are not known.
        data_spec: the data set to test it on unless another is named; None where there is none.
        image_size: to which a folder's images are brought for it.
        history: a row an epoch, columns as `robustbench_ln.training.loop.Epoch`.
        test_accuracy: of the last epoch; None where nothing was measured.
        seconds: of training.
    """
    # Copies: a layer in two places has one tensor, which safetensors would not write twice.
    state = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    weights, own_id = weights_hash(state), recipe_id(recipe)
    card = {
        "schema": SCHEMA_VERSION,
        "recipe": recipe,
        "recipe_id": own_id,
        "weights": weights,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "home_mode": find_norm(recipe["norm"]).home_mode,
        "class_names": None if class_names is None else list(class_names),
        "test_accuracy": test_accuracy,
        "how": {
            "run_id": run_id,
            "finished": provenance.now(),
            "data": data_spec,
            "image_size": image_size,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "host": provenance.host(),
            "seconds": seconds,
        },
    }
    label = f"{recipe['benchmark']}-{recipe['norm']}-s{recipe['seed']}"
    return Draft(f"{label}.{own_id}.{weights}", card, state, history)


def publish_draft(draft: Draft, store: Store) -> StoredModel:
    """Publish a network, or return the equal one that the store has already."""

    def write(folder: Path) -> None:
        save_file(draft.state, folder / "weights.safetensors")
        draft.history.to_csv(folder / "history.csv", index=False)
        (folder / "model.json").write_text(json.dumps(draft.card, indent=1, sort_keys=True), encoding="utf-8")

    return store.publish_model(draft.id, write)
