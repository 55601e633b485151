"""Train the networks that are missing, one after the other.

A network whose recipe is in the store is not trained again, and then torch is not imported either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.training.ranks import Ranks, joined
from robustbench_ln.training.recipe import Recipe

if TYPE_CHECKING:
    from robustbench_ln.training.state import Epoch


@dataclass(frozen=True)
class Lookup:
    """One network asked for.

    Attributes:
        recipe: how it is trained.
        model: it, in the store; None where it is to be trained, for the first time or for its weights.
    """

    recipe: Recipe
    model: StoredModel | None


def look_up(recipes: Sequence[Recipe], store: Store) -> list[Lookup]:
    """Return which of the networks asked for are in the store, with their weights."""
    found = [(recipe, store.find_recipe(recipe.id)) for recipe in recipes]
    return [Lookup(recipe, model if model and model.has_weights else None) for recipe, model in found]


def train_missing(
    asked: Sequence[Lookup],
    data: DataSet,
    store: Store,
    *,
    run_id: str,
    threads: int | None = None,
    device: str = "auto",
    ranks: Ranks = Ranks(),  # noqa: B008 - it cannot be changed
    test_images: int | None = None,
    on_epoch: Callable[[Recipe, Epoch], None] = lambda recipe, epoch: None,
) -> list[StoredModel | LnbenchError]:
    """Train what `look_up` did not find and publish each network when it is finished.

    A training that fails, by diverging for example, does not keep the others from being done.

    Args:
        asked: from `look_up`.
        data: the data set of all recipes.
        store: where networks go.
        run_id: names the invocation in the cards.
        threads: of torch; None leaves torch's own choice.
        device: see `robustbench_ln.devices.choose_device`.
        ranks: the processes of torchrun, which train each network together.
        test_images: see `robustbench_ln.training.loop.train`.
        on_epoch: told each finished epoch.

    Returns:
        The networks in the order asked for, or why one could not be trained.

    Raises:
        LnbenchError: no network could be had.
    """
    models: list[StoredModel | LnbenchError] = []
    with _joined(ranks, device):
        for one in asked:
            # Where several processes train together, the first one's store decides, in `train`.
            if one.model is not None and ranks.count == 1:
                models.append(one.model)
                continue
            from robustbench_ln.training.loop import train

            def tell(epoch: Epoch, recipe: Recipe = one.recipe) -> None:
                on_epoch(recipe, epoch)

            try:
                models.append(
                    train(
                        one.recipe,
                        data,
                        store,
                        run_id=run_id,
                        threads=threads,
                        device=device,
                        ranks=ranks,
                        test_images=test_images,
                        on_epoch=tell,
                    )
                )
            except LnbenchError as error:
                models.append(error)
    errors = [model for model in models if isinstance(model, LnbenchError)]
    if errors and len(errors) == len(models):
        raise errors[0]
    return models


def _joined(ranks: Ranks, device: str) -> AbstractContextManager[None]:
    """Connect the processes once for all networks: torchrun's addresses are good for one connection."""
    if ranks.count == 1:
        return nullcontext()
    from robustbench_ln.devices import choose_device

    return joined(ranks, choose_device(device))
