"""The order in which test images are evaluated, which decides whose statistics coupled modes share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.identity import number_text

IntArray = npt.NDArray[np.int64]
_DIRICHLET = "dirichlet"
ORDERS = ("shuffled", "class-sorted", f"{_DIRICHLET}:ALPHA")
_HINT = (
    "Write shuffled, class-sorted or dirichlet:0.1; the smaller the number, the more alike are neighbours."
)


def check_order(text: str) -> str:
    """Return an order as it is written everywhere.

    Raises:
        UnknownNameError: there is no such order.
        LnbenchError: the concentration of `dirichlet` is missing, or not a number above 0.

    >>> check_order("dirichlet:0.10")
    'dirichlet:0.1'
    """
    name, _, number = text.partition(":")
    if name == _DIRICHLET:
        return f"{_DIRICHLET}:{number_text(_concentration(number))}"
    if text not in ORDERS:
        raise UnknownNameError("order", text, ORDERS)
    return text


def takes_seed(order: str) -> bool:
    """Return whether an order is drawn at random."""
    return order != "class-sorted"


def evaluation_order(labels: IntArray, indices: IntArray, order: str, seed: int) -> IntArray:
    """Return the indices of the images in use in the order in which they are evaluated.

    Args:
        labels: (N,) of the whole split.
        indices: ascending indices of the images in use.
        order: "shuffled" is a permutation from `seed`: images come independent and identically distributed.
            "class-sorted" is by class, then by index. "dirichlet:ALPHA" divides the images of each class
            among as many slots as there are classes, in shares drawn from a symmetric Dirichlet
            distribution of concentration ALPHA, and shuffles each slot: towards 0 a slot holds few classes,
            towards infinity it is "shuffled".
        seed: of what is drawn.

    Source:
        The shares as in Hsu et al. 2019, arXiv 1909.06335, and in Gong et al. 2022, arXiv 2208.05117, for
        test-time adaptation; there the images of a slot stay sorted by class.
    """
    if order == "class-sorted":
        return indices[np.argsort(labels[indices], kind="stable")]
    generator = np.random.Generator(np.random.Philox(seed))
    name, _, number = order.partition(":")
    if name == _DIRICHLET:
        return _in_slots(labels[indices], indices, _concentration(number), generator)
    return generator.permutation(indices)


def _concentration(number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = np.nan
    if not 0 < value < np.inf:
        raise LnbenchError(f"Order 'dirichlet:{number}' needs a number above 0.", _HINT)
    return value


def _in_slots(
    labels: IntArray, indices: IntArray, concentration: float, generator: np.random.Generator
) -> IntArray:
    """Return indices slot by slot.

    Args:
        labels: (N,) class of each index.
        indices: (N,).
        concentration: of the shares.
        generator: draws them.
    """
    classes = np.unique(labels)
    slots: list[list[IntArray]] = [[] for _ in classes]
    for one in classes:
        own = generator.permutation(indices[labels == one])
        shares = generator.dirichlet(np.full(len(classes), concentration))
        # A tiny concentration may underflow to shares of 0 / 0: then one slot takes all.
        if not np.isfinite(shares).all():
            shares = np.eye(len(classes))[generator.integers(len(classes))]
        ends = np.rint(np.cumsum(shares)[:-1] * len(own)).astype(np.int64)
        for slot, part in zip(slots, np.split(own, ends), strict=True):
            slot.append(part)
    return np.concatenate([generator.permutation(np.concatenate(parts)) for parts in slots])
