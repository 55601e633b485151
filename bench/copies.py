"""Row d: SINGLE and SINGLE-VOTING beside an evaluator that copies each image into every slot of a batch.

`python bench/copies.py [IMAGES]`. Such an evaluator needs no test-time mode: a batch of one image's copies
has in every group the statistics of that image alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch
from networks import BATCH, GROUPS, network
from networks import images as images_of
from side_by_side import REPEATS, rounded, seconds, tell
from torch import Tensor, nn

from robustbench_ln.batches import in_memory_format
from robustbench_ln.modes import Layout, count_votes, lay_out
from robustbench_ln.norms.sets import laid_out

NAME = "resnet32"
#: How far logits may be apart; predictions are compared where the first two classes are further apart.
CLOSE = 1e-3


def by_copies(model: nn.Module, batch: Tensor) -> Tensor:
    """Return (images, groups, classes) logits: row r of a batch of copies passes through group r mod K."""
    found = []
    for image in batch:
        copies = image.expand(BATCH, *image.shape).contiguous()
        found.append(model(copies)[:GROUPS])
    return torch.stack(found)


def layout_of(mode: str) -> Layout:
    """Return how a mode lays out images for the network."""
    return lay_out(mode, "localnorm", GROUPS, BATCH)


def groups_of(mode: str, start: int, stop: int) -> Tensor:
    """Return the groups that the rows of images pass through in a mode."""
    groups = layout_of(mode).groups_of_sets(np.arange(start, stop), seed=0)
    assert groups is not None  # a mode of single images
    return torch.from_numpy(groups)


def by_mode(model: nn.Module, batch: Tensor, mode: str) -> Tensor:
    """Return (images, rows, classes) logits of a mode."""
    layout = layout_of(mode)
    found = []
    for start in range(0, len(batch), layout.images):
        part = batch[start : start + layout.images]
        rows = in_memory_format(part.repeat_interleave(layout.copies, dim=0))
        with laid_out(model, groups_of(mode, start, start + len(part)), sets_are_slices=True):
            found.append(model(rows).reshape(len(part), layout.copies, -1))
    return torch.cat(found)


def logits_apart(copies: Tensor, own: Tensor, mode: str) -> float:
    """Return how far the logits of a mode are from those of copies.

    Args:
        copies: (images, rows, classes) logits of the rows' groups, of copies.
        own: the same of the mode.
        mode: its name.

    Raises:
        SystemExit: they are further apart than `CLOSE`, predictions differ where the margin of every row
            exceeds that, or no image has such margins.
    """
    apart = float((copies - own).abs().max())
    ahead = copies.sort(dim=2).values
    clear = (ahead[..., -1] - ahead[..., -2] > CLOSE).all(1).numpy()
    rows = copies.shape[1]
    told = [
        count_votes(each.reshape(-1, each.shape[2]).numpy(), rows, "majority")[clear]
        for each in (copies, own)
    ]
    if apart > CLOSE or not np.array_equal(*told) or not clear.any():
        raise SystemExit(f"{mode} differs from copies: logits by {apart:.2g}, predictions {told}.")
    return apart


def main(count: int) -> None:
    """Compare, and print the ratio that is nearest to its target."""
    model, batch = network(NAME, "localnorm").eval(), images_of(NAME, count)
    # Few images are enough for the evaluator that takes as long for one as the modes for a batch.
    few = min(count, 4)

    def case(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
        return torch.inference_mode()(run)

    found = seconds(
        {
            "copies": case(lambda: by_copies(model, batch[:few])),
            "single": case(lambda: by_mode(model, batch, "single")),
            "single-voting": case(lambda: by_mode(model, batch, "single-voting")),
        }
    )
    with torch.inference_mode():
        copies = by_copies(model, batch[:few])
        own = {mode: by_mode(model, batch[:few], mode) for mode in ("single", "single-voting")}
    # A single image passes through one of the groups.
    chosen = copies[torch.arange(few), groups_of("single", 0, few)].unsqueeze(1)
    apart = {
        mode: logits_apart(of_copies, own[mode], mode)
        for mode, of_copies in (("single", chosen), ("single-voting", copies))
    }
    per_image = {name: taken / (few if name == "copies" else count) for name, taken in found.items()}
    speedups = {mode: per_image["copies"] / per_image[mode] for mode in ("single", "single-voting")}
    tell(
        "d",
        "SINGLE's speed over that of copies into every slot (SINGLE-VOTING's: at least 14)",
        speedups["single"],
        repeats=REPEATS,
        least=100,
        speedups=rounded(speedups),
        also=speedups["single-voting"] >= 14,
        seconds_an_image=rounded(per_image),
        images=count,
        images_copied=few,
        logits_apart=apart,
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
