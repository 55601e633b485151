"""Weights of stored networks, loaded without executing anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from robustbench_ln.errors import LnbenchError, first_line
from robustbench_ln.models.registry import build_network
from robustbench_ln.models.state_files import load_state
from robustbench_ln.store.files import read_regular
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.store.weights import weights_hash


def load_network(model: StoredModel) -> nn.Module:
    """Build a stored network and load its weights.

    Raises:
        LnbenchError: the weights are missing, truncated, or not those that the card names; or the network
            comes from packed results, which leave weights out.
    """
    weights = model.weights
    run = f"runs/{model.card['how']['run_id']}.json"
    what = "lnbench train" if model.card["recipe"]["train"]["epochs"] else "lnbench convert"
    hint = f"Remove '{model.folder}', then repeat the {what} command that '{run}' records."
    try:
        return build_stored(model.card, read_regular(weights))
    except LnbenchError:
        raise
    except (OSError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
        raise LnbenchError(f"Weights '{weights}' cannot be read: {first_line(error)}.", hint) from error


def build_stored(card: Mapping[str, Any], weights: bytes) -> nn.Module:
    """Build the network of a card, in evaluation mode.

    Args:
        card: the content of model.json.
        weights: the content of weights.safetensors.

    Raises:
        ValueError, RuntimeError, SafetensorError: the weights are not those of the card.
    """
    state = load(weights)
    if weights_hash(state) != card["weights"]:
        raise ValueError("they are not those that their card names")
    recipe = card["recipe"]
    with torch.random.fork_rng(devices=[]):
        network = build_network(
            recipe["network"],
            image_shape=tuple(recipe["image_shape"]),
            num_classes=recipe["classes"],
            norm=recipe["norm"],
            norm_options=recipe["norm_options"],
        )
    load_state(network, state)
    return network.eval()
