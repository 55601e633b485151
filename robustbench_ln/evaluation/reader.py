"""What reads the stream: one network in one mode, cutting its own batches and counting its own votes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from torch import nn

from robustbench_ln.batches import rows_at_once
from robustbench_ln.calibration import calibrate, log_probabilities
from robustbench_ln.data.dataset import Arrays, limited
from robustbench_ln.devices import device_of
from robustbench_ln.errors import LnbenchError
from robustbench_ln.evaluation.ahead import ahead
from robustbench_ln.evaluation.forward import logits_of
from robustbench_ln.evaluation.images import NoisyImages, Preprocessing, standardise
from robustbench_ln.evaluation.order import evaluation_order
from robustbench_ln.modes import Layout, Vote, count_votes, lay_out
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.norms.convert import norm_of
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.stored import Counts

IntArray = npt.NDArray[np.int64]


class Reader:
    """One network in one mode, reading a stream of noisy images in evaluation order.

    Batches are cut by position in the order alone, so the counts do not depend on how the stream is
    chunked or on what else reads it. Where no image enters another's statistics they are as large as is
    fastest.

    Args:
        network: in evaluation mode.
        layout: how the mode arranges images.
        preprocessing: the network's own normalization.
        vote: rule of the voting modes.
        seed: draws the groups of mode `single`.
        labels: (N,) of the whole split.
        indices: ascending indices of the images in use.
        dtype: of the products, see `robustbench_ln.devices.DTYPES`; votes are counted in float32.

    Attributes:
        device: where the network is.
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
        dtype: str = "float32",
    ) -> None:
        self._network, self._layout, self._preprocessing = network, layout, preprocessing
        self.device = device_of(network)
        self._dtype = dtype
        self._vote, self._seed = vote, seed
        self._labels, self._indices = labels, indices
        self._predicted = np.full(len(labels), -1, dtype=np.int64)
        self._classes = 0
        # Logarithms of the probabilities of the class answered and of the true one.
        self._sure = np.zeros((2, len(labels)))
        self._waiting: list[tuple[IntArray, FloatArray]] = []
        self._counted = 0
        rows = layout.images * layout.copies
        at_once = rows if layout.coupled else rows_at_once(rows, self.device)
        self._batch = max(at_once // layout.copies, 1)

    @property
    def length(self) -> int:
        """Images to be read: all in use, and for a coupled mode what fills the last batch."""
        images, batch = len(self._indices), self._layout.images
        return -(-images // batch) * batch if self._layout.coupled else images

    def read(self, indices: IntArray, images: FloatArray, *, standardised: bool) -> None:
        """Take the next images of the order; run every batch that is full.

        Raises:
            LnbenchError: a logit is not finite, or a label that the network has no output for.
        """
        ready = images if standardised else standardise(images, self._preprocessing)
        held = [*self._waiting, (indices, ready)]
        indices = np.concatenate([part for part, _ in held])
        ready = np.concatenate([part for _, part in held]) if len(held) > 1 else ready
        batch, start = self._batch, 0
        while start < len(indices):
            stop = start + batch
            if stop > len(indices) and self._counted + len(indices) - start < self.length:
                break
            self._run(indices[start:stop], ready[start:stop])
            start = stop
        # A copy: a view of the rest would keep its whole chunk in memory.
        self._waiting = [(indices[start:], ready[start:].copy())] if start < len(indices) else []

    def counts(self) -> Counts:
        """Return what was counted, once the whole order has been read."""
        predictions = self._predicted[self._indices]
        true = self._labels[self._indices]
        confusion = np.bincount(true * self._classes + predictions, minlength=self._classes**2)
        answered, truth = self._sure[:, self._indices]
        calibration = calibrate(answered, truth, predictions == true)
        return Counts(confusion.reshape(self._classes, self._classes), predictions, calibration)

    def _run(self, indices: IntArray, images: FloatArray) -> None:
        groups = self._layout.groups_of_sets(indices, self._seed)
        logits = logits_of(self._network, self._layout, images, groups, self._dtype)
        if not np.isfinite(logits).all():
            raise LnbenchError(
                "The network's logits are not finite.", "Its weights overflow on these images."
            )
        self._classes = logits.shape[1]
        largest = self._labels[self._indices].max()
        if largest >= self._classes:
            raise LnbenchError(f"The labels go up to {largest}, but the network has {self._classes} classes.")
        predicted = count_votes(logits, self._layout.copies, self._vote)
        # The order repeats at its end to fill the last batch; an image's first prediction counts.
        fresh = indices[: max(len(self._indices) - self._counted, 0)]
        self._predicted[fresh] = predicted[: len(fresh)]
        sure = log_probabilities(logits, self._layout.copies)[: len(fresh)]
        answers = np.stack([predicted[: len(fresh)], self._labels[fresh]])
        self._sure[:, fresh] = np.take_along_axis(sure.T, answers, axis=0)
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

    Args:
        stream: the noisy images.
        order: (images,) indices of the images in use, as they are evaluated. It is continued from its start
            as far as any reader needs it to fill its last batch.
        readers: one or more, all on one device, of the same images.

    Returns:
        One entry a reader; one that fails keeps no other from its counts.

    Raises:
        LnbenchError: the user's own noise fails, which no reader gets past.
    """
    failed: dict[int, LnbenchError] = {}
    longest = max(reader.length for reader in readers)
    position = 0
    for indices, images in ahead(stream.chunks(np.resize(order, longest)), readers[0].device):
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


def evaluate_clean(
    network: nn.Module,
    test: Arrays,
    preprocessing: Preprocessing,
    batch_size: int,
    limit: int | None = None,
    dtype: str = "float32",
) -> float:
    """Return a network's accuracy on clean images in its norm's home mode; its state is not changed.

    Args:
        network: what is evaluated.
        test: the images.
        preprocessing: the network's own normalization.
        batch_size: N of a coupled mode.
        limit: use this many images, a fixed random choice.
        dtype: of the products, see `robustbench_ln.devices.DTYPES`.

    Returns:
        A share of 1.

    Raises:
        LnbenchError: as `norm_of` and `lay_out`, a label that the network has no output for, or logits that
            are not finite.
    """
    norm, groups = norm_of(network)
    layout = lay_out(find_norm(norm).home_mode, norm, groups, batch_size)
    indices = limited(len(test.labels), limit)
    reader = Reader(network, layout, preprocessing, "majority", 0, test.labels, indices, dtype)
    clean = NoisyImages(test, NoiseSpec("agn"), "0", 0, indices, preprocessing)
    with evaluation_mode(network):
        (counts,) = read_all(clean, evaluation_order(test.labels, indices, "shuffled", 0), [reader])
    if isinstance(counts, LnbenchError):
        raise counts
    return counts.record()["correct"] / len(indices)  # type: ignore[no-any-return]
