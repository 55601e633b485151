"""A network with its card, ready for the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save
from torch import Tensor, nn

from robustbench_ln import provenance
from robustbench_ln.identity import recipe_id, recipe_label
from robustbench_ln.models.parameters import count_parameters
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.results import Log
from robustbench_ln.store.store import Store, write_card
from robustbench_ln.store.stored import SCHEMA_VERSION, StoredModel
from robustbench_ln.store.weights import weights_hash
from robustbench_ln.threads import available_cores


@dataclass(frozen=True)
class Draft:
    """A network with its card, ready for the store.

    Attributes:
        id: `<label>.<recipe>.<weights>`.
        card: the content of model.json.
        state: tensors by name.
        logs: what a training wrote down, by name; see `robustbench_ln.store.results.LOGS`.
    """

    id: str
    card: dict[str, Any]
    state: dict[str, Tensor]
    logs: Mapping[Log, pd.DataFrame]

    def stored(self, store: Store) -> StoredModel:
        """Return the network as a store has it or will have it; nothing is written."""
        if self.id in store.model_ids():
            return store.model(self.id)
        return StoredModel(self.id, store.root / "models" / self.id, self.card)


def draft_model(
    network: nn.Module,
    recipe: dict[str, Any],
    *,
    run_id: str,
    class_names: Sequence[str] | None,
    data_spec: str | None,
    image_size: int | None,
    logs: Mapping[Log, pd.DataFrame],
    test_accuracy: float | None = None,
    test_images: int | None = None,
    how: Mapping[str, Any],
) -> Draft:
    """Return a network with the card that it gets in the store.

    Args:
        network: with the norms that the recipe names.
        recipe: as `robustbench_ln.training.recipe.Recipe.card` gives it.
        run_id: names the invocation.
        class_names: of the outputs; None where they are not known.
        data_spec: the data set to test it on unless another is named; None where there is none.
        image_size: to which a folder's images are brought for it.
        logs: what the training wrote down, such as a history with the columns of
            `robustbench_ln.training.state.Epoch`.
        test_accuracy: of the last epoch; None where nothing was measured.
        test_images: of how many test images that is; None for all.
        how: what else is known of how it came about, such as seconds and threads.
    """
    # Copies: a layer in two places has one tensor, which safetensors would not write twice.
    state = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    weights, own_id = weights_hash(state), recipe_id(recipe)
    card = {
        "schema": SCHEMA_VERSION,
        "recipe": recipe,
        "recipe_id": own_id,
        "weights": weights,
        "parameters": count_parameters(network).trainable,
        "home_mode": find_norm(recipe["norm"]).home_mode,
        "class_names": None if class_names is None else list(class_names),
        "test_accuracy": test_accuracy,
        "test_images": test_images,
        "how": {
            "run_id": run_id,
            "finished": provenance.now(),
            "data": data_spec,
            "image_size": image_size,
            "host": provenance.host(),
            "threads": torch.get_num_threads(),
            "cores": available_cores(),
            "torch": str(torch.__version__),
            **how,
        },
    }
    return Draft(f"{recipe_label(recipe)}.{own_id}.{weights}", card, state, logs)


def publish_draft(draft: Draft, store: Store) -> StoredModel:
    """Publish a network, or return the equal one that the store has already, now with weights."""

    def write(folder: Path) -> None:
        # safetensors' own writing hides that a disk is full in an error of another kind.
        (folder / "weights.safetensors").write_bytes(save(draft.state))
        for name, log in draft.logs.items():
            log.to_csv(folder / f"{name}.csv", index=False)
        write_card(folder, draft.card)

    model = store.publish_model(draft.id, write)
    store.add_weights(model, lambda: save(draft.state))
    return model
