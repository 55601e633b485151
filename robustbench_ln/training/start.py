"""Start a training from the weights of a network that is there already (the paper's section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.source_names import is_source
from robustbench_ln.models.sources import load_source
from robustbench_ln.models.weights import load_network
from robustbench_ln.norms.convert import convert_norm
from robustbench_ln.store.store import Store
from robustbench_ln.training.recipe import Recipe


def take_over(network: nn.Module, recipe: Recipe, store: Store) -> None:
    """Copy into a fresh network the weights of the model that its recipe starts from.

    A source with BatchNorm is converted to the recipe's norm first. Tensors of another shape, as those of the
    last layer for another number of classes, keep their fresh values.

    Args:
        network: built by the recipe; changed in place.
        recipe: names the start, a network in the store or a source.
        store: where stored networks are.

    Raises:
        LnbenchError: the start cannot be loaded, or another tensor than the last layer's does not fit.
    """
    start = str(recipe.start)
    if is_source(start):
        source = load_source(start)
        state = convert_norm(source.network, recipe.norm, **recipe.norm_options).state_dict()
    else:
        state = load_network(store.find_model(start)).state_dict()
    own = network.state_dict()
    fitting: dict[str, Tensor] = {
        name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape
    }
    left = [name for name in own if name not in fitting]
    # The last layer may differ, with the classes; anything more is another network.
    layers = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if not set(left) <= {f"{layers[-1]}.weight", f"{layers[-1]}.bias"}:
        raise LnbenchError(
            f"'{start}' does not fit network '{recipe.network}' with norm '{recipe.norm}': "
            f"{len(left)} of {len(own)} tensors differ, such as '{left[0]}'.",
            "Start from a model of the same network, for images with as many channels.",
        )
    with torch.no_grad():
        network.load_state_dict(fitting, strict=False)
