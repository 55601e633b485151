"""Train the networks that are missing, one after the other.

A network whose recipe is in the store is not trained again, and then torch is not imported either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.store.store import Store, StoredModel
from robustbench_ln.training.recipe import Recipe

if TYPE_CHECKING:
    from robustbench_ln.training.loop import Epoch


@dataclass(frozen=True)
class Trained:
    """One network asked for.

    Attributes:
        recipe: how it is trained.
        model: it, in the store; None where it has not been trained yet.
    """

    recipe: Recipe
    model: StoredModel | None


def look_up(recipes: Sequence[Recipe], store: Store) -> list[Trained]:
    """Return which of the networks asked for are in the store."""
    return [Trained(recipe, store.find_recipe(recipe.id)) for recipe in recipes]


def train_missing(
    asked: Sequence[Trained],
    data: DataSet,
    store: Store,
    *,
    run_id: str,
    threads: int | None = None,
    on_epoch: Callable[[Recipe, Epoch], None] = lambda recipe, epoch: None,
) -> list[StoredModel]:
    """Train what `look_up` did not find and publish each network when it is finished.

    Args:
        asked: from `look_up`.
        data: the data set of all recipes.
        store: where networks go.
        run_id: names the invocation in the cards.
        threads: of torch; None leaves torch's own choice.
        on_epoch: told each finished epoch.

    Returns:
        The networks, in the order asked for.
    """
    models = []
    for one in asked:
        if one.model is not None:
            models.append(one.model)
            continue
        from robustbench_ln.training.loop import train

        def tell(epoch: Epoch, recipe: Recipe = one.recipe) -> None:
            on_epoch(recipe, epoch)

        models.append(
            train(
                one.recipe,
                data,
                store,
                run_id=run_id,
                threads=threads,
                on_epoch=tell,
            )
        )
    return models
