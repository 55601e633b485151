"""Evaluate networks on noisy images: one stream of images, read by any number of networks and modes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from robustbench_ln.data.dataset import Arrays, limited
from robustbench_ln.errors import LnbenchError
from robustbench_ln.modes import Layout, Vote, count_votes, lay_out, modes_for
from robustbench_ln.noise import NoiseSpec, parse_sigmas
from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.norms.convert import norm_of
from robustbench_ln.norms.sets import laid_out
from robustbench_ln.store.frame import tabulate
from robustbench_ln.store.store import Counts
from robustbench_ln.sweep.images import NoisyImages, Preprocessing, evaluation_order, standardise
from robustbench_ln.sweep.plan import DEFAULT_BATCH_SIZE, Order, SweepSettings

IntArray = npt.NDArray[np.int64]


class Reader:
    """One network in one mode, reading a stream of noisy images in evaluation order.

    Batches are cut by position in the order alone, so the counts do not depend on how the stream is
    chunked or on what else reads it.

    Args:
        network: in evaluation mode.
        layout: how the mode arranges images.
        preprocessing: the network's own normalization.
        vote: rule of the voting modes.
        seed: draws the groups of mode `single`.
        labels: (N,) of the whole split.
        indices: ascending indices of the images in use.
    """

    def __init__(
        self,
        network: nn.Module,
        layout: Layout,
        preprocessing: Preprocessing,
        vote: Vote,
        seed: int,
        labels: IntArray,
        indices: IntArray,
    ) -> None:
        self._network, self._layout, self._preprocessing = network, layout, preprocessing
        self._vote, self._seed = vote, seed
        self._labels, self._indices = labels, indices
        self._predicted = np.full(len(labels), -1, dtype=np.int64)
        self._classes = 0
        self._waiting: list[tuple[IntArray, FloatArray]] = []
        self._counted = 0

    @property
    def length(self) -> int:
        """Images to be read: all in use, and for a coupled mode what fills the last batch."""
        images, batch = len(self._indices), self._layout.images
        return -(-images // batch) * batch if self._layout.coupled else images

    def read(self, indices: IntArray, images: FloatArray, *, standardised: bool) -> None:
        """Take the next images of the order; run every batch that is full.

        Raises:
            LnbenchError: a logit is not finite.
        """
        ready = images if standardised else standardise(images, self._preprocessing)
        held = [*self._waiting, (indices, ready)]
        indices = np.concatenate([part for part, _ in held])
        ready = np.concatenate([part for _, part in held]) if len(held) > 1 else ready
        batch, start = self._layout.images, 0
        left = len(self._indices) if not self._layout.coupled else self.length
        while start < len(indices):
            stop = start + batch
            if stop > len(indices) and self._counted + len(indices) - start < left:
                break
            self._run(indices[start:stop], ready[start:stop])
            start = stop
        self._waiting = [(indices[start:], ready[start:])] if start < len(indices) else []

    def counts(self) -> Counts:
        """Return what was counted, once the whole order has been read.

        Raises:
            LnbenchError: a label that the network has no output for.
        """
        predictions = self._predicted[self._indices]
        true = self._labels[self._indices]
        if true.max() >= self._classes:
            raise LnbenchError(
                f"The labels go up to {true.max()}, but the network has {self._classes} classes."
            )
        confusion = np.bincount(true * self._classes + predictions, minlength=self._classes**2)
        return Counts(confusion.reshape(self._classes, self._classes), predictions)

    def _run(self, indices: IntArray, images: FloatArray) -> None:
        groups = self._layout.groups_of_sets(indices, self._seed)
        with (
            torch.inference_mode(),
            laid_out(self._network, None if groups is None else torch.from_numpy(groups)),
        ):
            # A fresh tensor: the layout in memory of `images` must not choose other kernels.
            rows = torch.from_numpy(np.ascontiguousarray(images)).repeat_interleave(
                self._layout.copies, dim=0
            )
            logits = self._network(rows).float().numpy()
        if not np.isfinite(logits).all():
            raise LnbenchError(
                "The network's logits are not finite.", "Its weights overflow on these images."
            )
        predicted = count_votes(logits, self._layout.copies, self._vote)
        self._classes = logits.shape[1]
        # The order repeats at its end to fill the last batch; an image's first prediction counts.
        fresh = indices[: max(len(self._indices) - self._counted, 0)]
        self._predicted[fresh] = predicted[: len(fresh)]
        self._counted += len(indices)


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode and give every module's own mode back afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def read_all(stream: NoisyImages, order: IntArray, readers: Sequence[Reader]) -> list[Counts | LnbenchError]:
    """Let every reader read the noisy images; return its counts, or why it could not finish.

    The order is continued from its start as far as any reader needs it to fill its last batch.
    """
    failed: dict[int, LnbenchError] = {}
    longest = max(reader.length for reader in readers)
    position = 0
    for indices, images in stream.chunks(np.resize(order, longest)):
        for number, reader in enumerate(readers):
            wanted = reader.length - position
            if number in failed or wanted <= 0:
                continue
            try:
                reader.read(indices[:wanted], images[:wanted], standardised=stream.standardised)
            except LnbenchError as error:
                failed[number] = error
        position += len(indices)
    results: list[Counts | LnbenchError] = []
    for number, reader in enumerate(readers):
        try:
            results.append(failed[number] if number in failed else reader.counts())
        except LnbenchError as error:
            results.append(error)
    return results


def evaluate_clean(network: nn.Module, test: Arrays, preprocessing: Preprocessing, batch_size: int) -> float:
    """Return a network's accuracy on clean images in its norm's home mode; its state is not changed."""
    norm, groups = norm_of(network)
    layout = lay_out(modes_for(norm)[0], norm, groups, batch_size)
    indices = np.arange(len(test.labels))
    reader = Reader(network, layout, preprocessing, "majority", 0, test.labels, indices)
    clean = NoisyImages(test, NoiseSpec("agn"), "0", 0, indices, preprocessing, np.zeros((2, 1), np.int64))
    with evaluation_mode(network):
        (counts,) = read_all(clean, evaluation_order(test.labels, indices, "shuffled", 0), [reader])
    if isinstance(counts, LnbenchError):
        raise counts
    return counts.record()["correct"] / len(indices)  # type: ignore[no-any-return]


def evaluate(
    network: nn.Module,
    images: npt.NDArray[np.uint8] | torch.Tensor,
    labels: npt.ArrayLike | torch.Tensor,
    *,
    noise: str = "agn",
    sigma: str = "0:4",
    modes: Sequence[str] | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    seed: int = 0,
    order: Order = "shuffled",
    order_seed: int = 0,
    vote: Vote = "majority",
    clip: bool = False,
    limit: int | None = None,
) -> pd.DataFrame:
    """Measure a network's accuracy under growing noise, in every test-time mode that fits its norm.

    Args:
        network: takes (N, C, H, W) float32, returns (N, classes) logits. Its parameters, buffers and training
            mode are the same bits afterwards as before.
        images: (N, C, H, W) uint8.
        labels: (N,) classes, 0 to classes - 1.
        noise: a family's name, see `robustbench_ln.noise.NOISES`.
        sigma: a grid, `START:STOP[:STEP]` or a comma list; what sigma means is the family's.
        modes: test-time modes; None for all that fit the network's norm.
        batch_size: N; a multiple of LocalNorm's groups.
        mean: of each channel, what the network's own normalization takes off images in [0, 1]; default 0.
        std: of each channel, what it then divides by; default 1.
        seed: of the noise and of mode `single`'s groups.
        order: "shuffled" or "class-sorted"; matters to modes that couple images.
        order_seed: of the permutation.
        vote: "majority" or "mean", the rule of the voting modes.
        clip: clip noisy images to [0, 1].
        limit: use this many images, a fixed random choice.

    Returns:
        One row for each mode and sigma with the columns of `load_results`, and `confusion`, a
        (classes, classes) array of counts [true, predicted].

    Raises:
        LnbenchError: unknown names, images of another type, a network that mixes norms, a batch size that
            does not divide, or logits that are not finite.

    Example:
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
    settings = SweepSettings(
        (NoiseSpec(noise, clip=clip),),
        parse_sigmas(sigma),
        seed=seed,
        order=order,
        order_seed=order_seed,
        vote=vote,
        batch_size=batch_size,
        limit=limit,
    )
    (spec,), sigmas = settings.noises, settings.sigmas
    norm, groups = norm_of(network)
    channels = arrays.images.shape[1]
    preprocessing = {"mean": _each(mean, 0.0, channels, "mean"), "std": _each(std, 1.0, channels, "std")}
    layouts = [lay_out(mode, norm, groups, batch_size) for mode in modes or modes_for(norm)]
    indices = limited(len(arrays.labels), limit)
    ordered = evaluation_order(arrays.labels, indices, order, order_seed)
    rows, confusions = [], {}
    with evaluation_mode(network):
        for one in sigmas:
            readers = [
                Reader(network, item, preprocessing, vote, seed, arrays.labels, indices) for item in layouts
            ]
            stream = NoisyImages(arrays, spec, one, seed, indices, preprocessing, np.zeros((2, 1), np.int64))
            for layout, counts in zip(layouts, read_all(stream, ordered, readers), strict=True):
                if isinstance(counts, LnbenchError):
                    raise counts
                cell = f"{norm}-{layout.mode}-{noise}-{one}"
                confusions[cell] = counts.confusion
                rows.append(
                    {
                        "cell": cell,
                        "model": type(network).__name__,
                        "norm": norm,
                        "groups": groups if norm == "localnorm" else None,
                        **spec.identity(),
                        "noise": noise,
                        "sigma": float(one),
                        "noise_seed": seed,
                        "mode": layout.mode,
                        "vote": vote if layout.copies > 1 else None,
                        "coupled": layout.coupled,
                        "batch_size": batch_size if layout.coupled else None,
                        "set_size": layout.set_size if layout.coupled else None,
                        "order": order if layout.coupled else None,
                        "order_seed": order_seed if layout.coupled and order == "shuffled" else None,
                        "limit": limit,
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
        raise LnbenchError(f"{len(pixels)} images need as many integer labels, but {classes.shape} came.")
    if classes.min() < 0:
        raise LnbenchError(f"Labels must be 0 or more, but {classes.min()} came.")
    return Arrays(pixels, classes.astype(np.int64))
