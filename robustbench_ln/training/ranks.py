"""Several processes that train one network together, each on its own part of every batch.

They are started by torchrun, one a device. A norm that splits the batch into groups takes no statistics
across them: each rank owns disjoint groups, takes the rows of those, and nothing but gradients is
exchanged (section 3.1 of arXiv 1902.06550: computational groups on separate devices).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from robustbench_ln.errors import LnbenchError
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Value = TypeVar("Value")
_PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class Ranks:
    """The processes of a training, and which of them this is.

    Attributes:
        rank: this process, counted from 0; the first one reads and writes the store.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process reads and writes the store, evaluates and tells of the progress."""
        return self.rank == 0

    def groups(self, groups: int) -> range:
        """Return which of the groups of a norm are this process's own."""
        own = groups // self.count
        return range(self.rank * own, (self.rank + 1) * own)

    def part(self, rows: Tensor, groups: int) -> Tensor:
        """Return this process's rows of a batch.

        Row r of the batch is in group r mod `groups`; row r of the part is in this process's own group
        r mod (`groups` / `count`).

        Args:
            rows: (N,) positions among the images.
            groups: of the norm; for a norm without groups, the number of processes.
        """
        own = self.groups(groups)
        return rows.reshape(-1, groups)[:, own.start : own.stop].reshape(-1)

    def parallel(self, network: nn.Module) -> nn.Module:
        """Return the network with its gradients averaged over all processes."""
        if self.count == 1:
            return network
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(network)

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.count > 1:
            from torch import distributed

            distributed.all_reduce(value)
        return value

    def on_first(self, make: Callable[[], Value]) -> Value:
        """Return in every process what a function gives in the first, which alone calls it.

        Raises:
            LnbenchError: the function raised it, in every process.
        """
        if self.count == 1:
            return make()
        from torch import distributed

        values: list[Value | LnbenchError | None] = [None]
        if self.leads:
            try:
                values[0] = make()
            except LnbenchError as error:
                values[0] = error
        distributed.broadcast_object_list(values)
        if isinstance(values[0], LnbenchError):
            raise values[0]
        return cast(Value, values[0])


def ranks_here() -> Ranks:
    """Return what torchrun says of this process; torch is not imported.

    Raises:
        LnbenchError: its variables are no numbers.
    """
    if not {"RANK", "WORLD_SIZE"} <= os.environ.keys():
        return Ranks()
    values = os.environ["RANK"], os.environ["WORLD_SIZE"]
    if not all(value.isdigit() for value in values) or int(values[0]) >= int(values[1]):
        raise LnbenchError(
            f"RANK is '{values[0]}' and WORLD_SIZE '{values[1]}', which torchrun does not set so.",
            "Start the command with torchrun --nproc-per-node N --no-python lnbench train, or unset them.",
        )
    return Ranks(int(values[0]), int(values[1]))


def split_groups(recipe: Recipe) -> int | None:
    """Return K of a recipe whose norm splits the batch into groups, None for another norm."""
    return int(recipe.norm_options["groups"]) if find_norm(recipe.norm).has_groups else None


def recipe_on(recipe: Recipe, ranks: Ranks, *, sync_bn: bool) -> Recipe:
    """Return what a recipe comes to when several processes train its network.

    Args:
        recipe: for one process.
        ranks: the processes.
        sync_bn: let BatchNorm take its statistics over the rows of all processes, which changes nothing; else
            each process has its own, over its part of the batch.

    Raises:
        LnbenchError: `sync_bn` for a norm that has no such statistics, or cannot share them.
    """
    if sync_bn and recipe.norm != "batchnorm":
        raise LnbenchError(
            f"--sync-bn is BatchNorm's: {recipe.norm} does not take its statistics over all processes.",
            "Leave it out, or train batchnorm alone: --norm batchnorm.",
        )
    if ranks.count == 1 or sync_bn or not _has_batch_statistics(recipe):
        return recipe
    return replace(recipe, statistics_over=recipe.train.batch_size // ranks.count)


def check_ranks(recipe: Recipe, ranks: Ranks) -> None:
    """Make sure that each process has its own groups, or rows.

    Raises:
        LnbenchError: they do not divide, or the recipe is one for another number of processes.
    """
    size, groups = recipe.train.batch_size, split_groups(recipe)
    whole, what = (size, "rows of a batch") if groups is None else (groups, f"groups of {recipe.norm}")
    if whole % ranks.count:
        raise LnbenchError(
            f"{whole} {what} do not divide among {ranks.count} processes.",
            "Start as many processes as divide them.",
        )
    if recipe.statistics_over not in (None, size // ranks.count) or (
        recipe.norm == "switchnorm" and ranks.count > 1 and recipe.statistics_over is None
    ):
        raise LnbenchError(
            f"The recipe takes statistics over {recipe.statistics_over or size} images, "
            f"but each of {ranks.count} processes has {size // ranks.count}.",
            "Start the number of processes that the recipe is for.",
        )


def rows_of(recipe: Recipe, rows: Tensor, ranks: Ranks, device: torch.device) -> Tensor:
    """Return this process's rows of a batch, in the order in which `statistics_of` has the norms take them.

    Args:
        recipe: what is trained.
        rows: (N,) positions among the images; row r is in group r mod K.
        ranks: the processes.
        device: where this one computes.
    """
    from robustbench_ln.batches import ordered_by_set
    from robustbench_ln.norms.sets import by_set

    groups = split_groups(recipe)
    own = ranks.part(rows, groups or ranks.count)
    if groups is None or not ordered_by_set(device):
        return own
    return own[by_set(len(own), groups // ranks.count)]


@contextmanager
def statistics_of(recipe: Recipe, network: nn.Module, ranks: Ranks) -> Iterator[None]:
    """Let the norms take the statistics in training that the recipe means, within the context.

    Those with groups take them over this process's groups. BatchNorm, such as the one behind VGG's dense
    layer, takes them over all processes, unless the recipe says that each has its own.
    """
    with ExitStack() as stack:
        groups = split_groups(recipe)
        if groups is not None:
            import torch

            from robustbench_ln.batches import ordered_by_set
            from robustbench_ln.norms.sets import laid_out

            device = next(network.parameters()).device
            own = None if ranks.count == 1 else torch.tensor(ranks.groups(groups), device=device)
            stack.enter_context(laid_out(network, own, sets_are_slices=ordered_by_set(device)))
        if ranks.count > 1 and recipe.statistics_over is None:
            from robustbench_ln.norms.synchronised import synchronised

            stack.enter_context(synchronised(network))
        yield


def _has_batch_statistics(recipe: Recipe) -> bool:
    return "momentum" in find_norm(recipe.norm).options


@contextmanager
def joined(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Connect the processes within the context: by NCCL on GPUs, by Gloo on the CPU."""
    if ranks.count == 1:
        yield
        return
    import torch

    # DistributedDataParallel imports it, and what is imported within a process group keeps it for ever: its
    # threads would then be running when the process ends, which aborts it.
    import torch._dynamo
    from torch import distributed

    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # The others wait while the first evaluates and stores.
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()
