"""Small networks of every norm, with images for them."""

import numpy as np
import torch
from torch import nn

from robustbench_ln.models.card import draft_model, publish_draft
from robustbench_ln.models.registry import build_network
from robustbench_ln.modes import modes_for
from robustbench_ln.norms.registry import NORMS, build_norm
from robustbench_ln.norms.sets import SetNorm

SHAPE, CLASSES = (2, 4, 3), 5
MEAN, STD = (0.4, 0.6), (0.25, 0.5)
FITTING = [(norm, mode) for norm in NORMS for mode in modes_for(norm)]


def network_of(norm, groups=1, seed=0):
    """1x1 convolutions, ReLUs and two norms of random parameters and statistics, then a dense layer."""
    torch.manual_seed(seed)
    options = {"groups": groups} if NORMS[norm].has_groups else None
    options = {"channel_groups": 2} if norm == "groupnorm" else options
    network = nn.Sequential(
        nn.Conv2d(2, 6, 1),
        nn.ReLU(),
        build_norm(norm, 6, options),
        nn.Conv2d(6, 4, 1),
        nn.ReLU(),
        build_norm(norm, 4, options),
        nn.Flatten(),
        nn.Linear(4 * 4 * 3, CLASSES),
    )
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "running_var" in name:
                tensor.uniform_(0.5, 2)
            elif "num_batches" not in name and (
                tensor.dim() == 1 or "running" in name or norm == "localnorm"
            ):
                tensor.add_(0.3 * torch.randn_like(tensor))
    return network


def images_and_labels(count, seed=0):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return images, generator.integers(0, CLASSES, count)


def recorded(network, copies=1):
    """Return a list to which the network adds the (rows, logits) of each call, in the order of the images.

    Args:
        network: the network.
        copies: rows of an image.
    """
    calls = []
    layers = [module for module in network.modules() if isinstance(module, SetNorm)]

    def in_order(values):
        if not any(layer.sets_are_slices and layer.groups_of_sets is not None for layer in layers):
            return values
        parts = copies if copies > 1 else len(layers[0].groups_of_sets)
        return values.reshape(parts, -1, *values.shape[1:]).swapaxes(0, 1).reshape(values.shape)

    network.register_forward_hook(
        lambda module, inputs, output: calls.append(
            tuple(in_order(tensor.numpy().copy()) for tensor in (inputs[0], output))
        )
    )
    return calls


BATCHES = [(1, 8, 4), (3, 8, 4), (7, 4, 4), (8, 8, 4), (9, 6, 2), (13, 12, 4), (16, 5, 5), (11, 4, 1)]


def stored_network(store, norm, change, image_shape=(1, 28, 28), mean=0.0, std=1.0):
    """Publish an untrained network of ten classes after `change(network)`; its batches hold 20 images."""
    options = {"groups": 4} if NORMS[norm].has_groups else {}
    torch.manual_seed(0)
    network = build_network(
        "mnist-net", image_shape=image_shape, num_classes=10, norm=norm, norm_options=options
    )
    with torch.no_grad():
        change(network)
    recipe = {
        "benchmark": "digits",
        "network": "mnist-net",
        "norm": norm,
        "norm_options": options,
        "image_shape": list(image_shape),
        "classes": 10,
        "preprocessing": {"mean": [mean], "std": [std]},
        "train": {"batch_size": 20, "epochs": 1},
        "seed": 0,
        "data": None,
    }
    draft = draft_model(
        network, recipe, run_id="run-0", class_names=None, data_spec=None, image_size=None, logs={}, how={}
    )
    return publish_draft(draft, store)
