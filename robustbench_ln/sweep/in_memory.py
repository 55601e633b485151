"""`evaluate`: a sweep over one network in memory, without a store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from robustbench_ln.data.dataset import Arrays, limited
from robustbench_ln.devices import choose_dtype, full_precision, memory_checked
from robustbench_ln.errors import LnbenchError
from robustbench_ln.evaluation.images import NoisyImages
from robustbench_ln.evaluation.order import evaluation_order, takes_seed
from robustbench_ln.evaluation.reader import Reader, evaluation_mode, read_all
from robustbench_ln.modes import Vote, canonical_mode, lay_out, modes_for
from robustbench_ln.noise import NoiseSpec, parse_sigmas
from robustbench_ln.norms.convert import norm_of
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.frame import tabulate
from robustbench_ln.sweep.plan import SweepSettings

#: N where the caller names none.
DEFAULT_BATCH_SIZE = 128


def evaluate(
    network: nn.Module,
    images: npt.NDArray[np.uint8] | torch.Tensor,
    labels: npt.ArrayLike | torch.Tensor,
    *,
    noise: str = "agn",
    sigma: str | float | Sequence[float] = "0:4",
    modes: Sequence[str] | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    seed: int = 0,
    order: str = "shuffled",
    order_seed: int = 0,
    vote: Vote = "majority",
    clip: bool = False,
    limit: int | None = None,
    dtype: str = "fp32",
) -> pd.DataFrame:
    """Measure a network's accuracy under growing noise, in every test-time mode that fits its norm.

    Args:
        network: takes (N, C, H, W) float32, returns (N, classes) logits. Its parameters, buffers and training
            mode are the same bits afterwards as before.
        images: (N, C, H, W) uint8.
        labels: (N,) classes, 0 to classes - 1.
        noise: a family's name, see `robustbench_ln.noise.NOISES`.
        sigma: a grid, `START:STOP[:STEP]` or a comma list, or numbers; what sigma means is the family's.
        modes: test-time modes; None for all that fit the network's norm.
        batch_size: N; a multiple of the number of groups of LocalNorm or GhostBatchNorm.
        mean: of each channel, what the network's own normalization takes off images in [0, 1]; default 0.
        std: of each channel, what it then divides by; default 1.
        seed: of the noise and of mode `single`'s groups.
        order: "shuffled", "class-sorted" or "dirichlet:ALPHA", see `robustbench_ln.evaluation.order`; matters
            to modes that couple images.
        order_seed: of what is drawn in it.
        vote: "majority" or "mean", the rule of the voting modes.
        clip: clip noisy images to [0, 1].
        limit: use this many images, a fixed random choice.
        dtype: "fp32", "bf16" or "auto", in which the network multiplies.

    Returns:
        One row for each mode and sigma with the columns of `load_results`, and `confusion`, a
        (classes, classes) array of counts [true, predicted].

    Raises:
        LnbenchError: unknown names, images of another type, a network that mixes norms, a batch size that
            does not divide, or logits that are not finite.

    Example:
        >>> import numpy as np
        >>> from torch import nn
        >>> from robustbench_ln import LocalNorm2d
        >>> net = nn.Sequential(LocalNorm2d(1, groups=2), nn.Flatten(), nn.Linear(16, 3))
        >>> images, labels = np.zeros((8, 1, 4, 4), np.uint8), np.arange(8) % 3
        >>> rows = evaluate(net, images, labels, sigma="0,1", batch_size=4)
        >>> sorted(rows["mode"].unique()), rows["images"].unique().tolist()
        (['batch', 'single', 'single-voting', 'voting'], [8])

    Source:
        Modes of arXiv 1902.06550, section 3; see `robustbench_ln.modes`.
    """
    arrays = _as_arrays(images, labels)
    device = next((parameter.device.type for parameter in network.parameters()), "cpu")
    settings = SweepSettings(
        (NoiseSpec(noise, clip=clip),),
        parse_sigmas(sigma if isinstance(sigma, str) else ",".join(map(str, np.atleast_1d(sigma)))),
        seed=seed,
        order=order,
        order_seed=order_seed,
        vote=vote,
        batch_size=batch_size,
        limit=limit,
        dtype=choose_dtype(dtype, device).name,
    )
    (spec,), sigmas = settings.noises, settings.sigmas
    norm, groups = norm_of(network)
    channels = arrays.images.shape[1]
    preprocessing = {"mean": _each(mean, 0.0, channels, "mean"), "std": _each(std, 1.0, channels, "std")}
    named = dict.fromkeys(canonical_mode(mode) for mode in modes or modes_for(norm))
    layouts = [lay_out(mode, norm, groups, batch_size) for mode in named]
    indices = limited(len(arrays.labels), limit)
    ordered = evaluation_order(arrays.labels, indices, settings.order, order_seed)
    rows, confusions = [], {}
    with evaluation_mode(network), full_precision(), memory_checked():
        for one in sigmas:
            readers = [
                Reader(network, item, preprocessing, vote, seed, arrays.labels, indices, settings.dtype)
                for item in layouts
            ]
            stream = NoisyImages(arrays, spec, one, seed, indices, preprocessing)
            for layout, counts in zip(layouts, read_all(stream, ordered, readers), strict=True):
                if isinstance(counts, LnbenchError):
                    raise counts
                mode = layout.blend.text if layout.blend else layout.mode
                cell = f"{norm}-{mode}-{spec.name}-{one}"
                confusions[cell] = counts.confusion
                rows.append(
                    {
                        "cell": cell,
                        "model": type(network).__name__,
                        "norm": norm,
                        "groups": groups if find_norm(norm).has_groups else None,
                        **spec.identity(),
                        "noise": spec.name,
                        "sigma": float(one),
                        "noise_seed": seed,
                        "mode": layout.mode,
                        "vote": vote if layout.copies > 1 else None,
                        "blend": layout.blend.text.partition(":")[2] if layout.blend else None,
                        "coupled": layout.coupled,
                        "batch_size": batch_size if layout.coupled else None,
                        "set_size": layout.set_size if layout.coupled else None,
                        "order": settings.order if layout.coupled else None,
                        "order_seed": order_seed if layout.coupled and takes_seed(settings.order) else None,
                        "limit": limit,
                        "dtype": settings.dtype,
                        "classes": len(counts.confusion),
                        **counts.record(),
                    }
                )
    table = tabulate(rows)
    table["confusion"] = [confusions[cell] for cell in table["cell"]]
    return table


def _each(values: Sequence[float] | None, default: float, channels: int, name: str) -> tuple[float, ...]:
    """Return one number a channel."""
    numbers = (default,) * channels if values is None else tuple(float(value) for value in values)
    if len(numbers) != channels:
        raise LnbenchError(f"`{name}` has {len(numbers)} numbers, but the images have {channels} channels.")
    if name == "std" and not all(numbers):
        raise LnbenchError("`std` holds a 0, by which no channel can be divided.")
    return numbers


def _as_arrays(images: npt.NDArray[np.uint8] | torch.Tensor, labels: npt.ArrayLike | torch.Tensor) -> Arrays:
    pixels = images.cpu().numpy() if isinstance(images, torch.Tensor) else np.asarray(images)
    classes = labels.cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if pixels.ndim != 4 or pixels.dtype != np.uint8:
        raise LnbenchError(
            f"Images must be (N, C, H, W) uint8, but are {tuple(pixels.shape)} {pixels.dtype}.",
            "Multiply images in [0, 1] by 255 and round.",
        )
    if classes.shape != (len(pixels),) or not len(pixels) or not np.issubdtype(classes.dtype, np.integer):
        raise LnbenchError(
            f"Expected {len(pixels)} integer labels (one per image), got {classes.shape} {classes.dtype}."
        )
    if classes.min() < 0:
        raise LnbenchError(f"Labels must be 0 or more, got {classes.min()}.")
    return Arrays(pixels, classes.astype(np.int64))
