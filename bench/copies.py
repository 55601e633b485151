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
from side_by_side import rounded, seconds, tell
from torch import Tensor, nn

from robustbench_ln.batches import in_memory_format
from robustbench_ln.modes import count_votes, lay_out
from robustbench_ln.norms.sets import laid_out

NAME = "resnet32"


def by_copies(model: nn.Module, batch: Tensor) -> Tensor:
    """Return (images, groups, classes) logits: row r of a batch of copies passes through group r mod K."""
    found = []
    for image in batch:
        copies = image.expand(BATCH, *image.shape).contiguous()
        found.append(model(copies)[:GROUPS])
    return torch.stack(found)


def by_mode(model: nn.Module, batch: Tensor, mode: str) -> Tensor:
    """Return (images, rows, classes) logits of a mode."""
    layout = lay_out(mode, "localnorm", GROUPS, BATCH)
    found = []
    for start in range(0, len(batch), layout.images):
        part = batch[start : start + layout.images]
        groups = layout.groups_of_sets(np.arange(start, start + len(part)), seed=0)
        rows = in_memory_format(part.repeat_interleave(layout.copies, dim=0))
        with laid_out(model, torch.from_numpy(groups), sets_are_slices=True):
            found.append(model(rows).reshape(len(part), layout.copies, -1))
    return torch.cat(found)


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
        logits, voting = by_copies(model, batch[:few]), by_mode(model, batch[:few], "single-voting")
    apart = float((logits - voting).abs().max())
    ahead = logits.sort(dim=2).values
    clear = (ahead[..., -1] - ahead[..., -2] > 1e-3).all(1).numpy()
    votes = [
        count_votes(each.reshape(-1, each.shape[2]).numpy(), GROUPS, "majority") for each in (logits, voting)
    ]
    if apart > 1e-3 or (votes[0] != votes[1])[clear].any():
        raise SystemExit(f"The two evaluators differ: logits by {apart:.2g}, votes {votes}.")
    per_image = {name: taken / (few if name == "copies" else count) for name, taken in found.items()}
    speedups = {mode: per_image["copies"] / per_image[mode] for mode in ("single", "single-voting")}
    tell(
        "d",
        "SINGLE's speed over that of copies into every slot (SINGLE-VOTING's: at least 14)",
        speedups["single"],
        least=100,
        speedups=rounded(speedups),
        also=speedups["single-voting"] >= 14,
        seconds_an_image=rounded(per_image),
        logits_apart=apart,
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
