"""Weights of stored networks: their hash, and loading them without executing anything."""

from __future__ import annotations

import hashlib

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.registry import build_network
from robustbench_ln.models.state_files import load_state
from robustbench_ln.store.stored import StoredModel


def weights_hash(state: dict[str, Tensor]) -> str:
    """Return 12 hexadecimal digits over the sorted tensors: names, types, shapes and values."""
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def load_network(model: StoredModel) -> nn.Module:
    """Build a stored network and load its weights.

    Raises:
        LnbenchError: the weights are missing, truncated, or not those that the card names; or the network
            comes from packed results, which leave weights out.
    """
    weights = model.weights
    recipe = model.card["recipe"]
    run = f"runs/{model.card['how']['run_id']}.json"
    what = "lnbench train" if recipe["train"]["epochs"] else "lnbench convert"
    hint = f"Remove '{model.folder}', then repeat the {what} command that '{run}' records."
    try:
        state = load_file(weights)
        if weights_hash(state) != model.card["weights"]:
            raise LnbenchError(f"Weights '{weights}' are not those that their card names.", hint)
        with torch.random.fork_rng(devices=[]):
            network = build_network(
                recipe["network"],
                image_shape=tuple(recipe["image_shape"]),
                num_classes=recipe["classes"],
                norm=recipe["norm"],
                norm_options=recipe["norm_options"],
            )
        load_state(network, state)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LnbenchError(f"Weights '{weights}' cannot be read: {reason}.", hint) from error
    return network.eval()
