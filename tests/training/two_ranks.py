"""Trains networks for 20 steps in double precision, alone or as one of several processes of torchrun.

Argument: the file for the weights of the first process, by norm and whose statistics it has.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from robustbench_ln.norms.registry import NORMS, build_norm
from robustbench_ln.training.ranks import Ranks, joined, ranks_here, rows_of, statistics_of
from robustbench_ln.training.recipe import Recipe

CASES = [
    ("localnorm", "own"),
    ("ghostbatchnorm", "own"),
    ("batchnorm", "sync"),
    ("batchnorm", "own"),
    ("switchnorm", "own"),
    ("groupnorm", "own"),
    ("none", "own"),
]
BATCH, GROUPS, CLASSES, STEPS = 24, 4, 5, 20


def recipe_of(norm: str, statistics: str, processes: int) -> Recipe:
    own = statistics == "own" and processes > 1 and "momentum" in NORMS[norm].options
    options = {"groups": GROUPS} if NORMS[norm].has_groups else {}
    options = {"channel_groups": 2} if norm == "groupnorm" else options
    over = BATCH // processes if own else None
    return Recipe("b", "n", norm, options, {}, (2, 5, 5), CLASSES, {}, None, 0, None, over)


def trained(norm: str, statistics: str, ranks: Ranks) -> dict[str, torch.Tensor]:
    recipe = recipe_of(norm, statistics, ranks.count)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        build_norm(norm, 6, recipe.norm_options),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3),
        build_norm(norm, 4, recipe.norm_options),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(4 * 9, 8),
        # Such as VGG's: its statistics are over all processes, unless the norm has its own in each.
        nn.BatchNorm1d(8),
        nn.Linear(8, CLASSES),
    ).double()
    images, labels = torch.randn(200, 2, 5, 5).double(), torch.arange(200) % CLASSES
    # A mean that differs from image to image tells sets of rows apart.
    images += torch.linspace(-3, 3, 200).double()[torch.randperm(200)].reshape(-1, 1, 1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    parallel = ranks.parallel(network).train()
    with statistics_of(recipe, parallel, ranks):
        for _ in range(STEPS):
            rows = rows_of(recipe, torch.randperm(200)[:BATCH], ranks, torch.device("cpu"))
            optimizer.zero_grad()
            F.cross_entropy(parallel(images[rows]), labels[rows]).backward()
            optimizer.step()
    return network.state_dict()


if __name__ == "__main__":
    here = ranks_here()
    with joined(here, torch.device("cpu")):
        states = {case: trained(*case, here) for case in CASES}
    # Threads that are left would abort a process that ends, every now and then.
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    left = [name for name in threads if "gloo" in name]
    if left:
        raise RuntimeError(f"Threads of the process group are left: {left}.")
    if here.leads:
        torch.save({" ".join(case): state for case, state in states.items()}, sys.argv[1])
