"""How sure a network is of its answers, as counts that add up over shards of a data set.

Confidences and negative log-likelihoods are rounded, image by image, to whole multiples of 2**-20, so that
sums are the same in every order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
#: Bins of equal width over confidences from 0 to 1.
BINS = 15
#: Sums are in units of 1 / UNIT.
UNIT = 2**20
#: In nats; a larger negative log-likelihood of one image counts as this.
MOST_NATS = 2**20


@dataclass(frozen=True, eq=False)
class Calibration:
    """Counts that the expected calibration error and the mean negative log-likelihood follow from.

    Attributes:
        bins: (BINS, 3) int64, for images whose confidence lies in ((b - 1) / BINS, b / BINS]: how many, how
            many of them right, and the sum of their confidences in units of 1 / UNIT.
        nll: sum of the negative log-likelihoods of the true classes, in units of 1 / UNIT nats.

    Source:
        Guo et al. 2017, arXiv 1706.04599, section 2, with 15 bins.
    """

    bins: Ints
    nll: int

    def numbers(self) -> list[int]:
        """Return all counts as one list: the bins row by row, then the log-likelihood.

        The numbers of disjoint parts of a data set add up to those of the whole.
        """
        return [*map(int, self.bins.reshape(-1)), self.nll]

    @classmethod
    def from_numbers(cls, numbers: npt.ArrayLike) -> Calibration | None:
        """Return what `numbers` came from; None for numbers that count no image.

        Raises:
            ValueError: not as many numbers as `numbers` gives.
        """
        flat = np.asarray(numbers, dtype=np.int64)
        if flat.shape != (3 * BINS + 1,):
            raise ValueError(f"{flat.shape} numbers are no counts of calibration")
        bins = flat[:-1].reshape(BINS, 3)
        return cls(bins, int(flat[-1])) if bins[:, 0].any() else None


NOTHING = Calibration(np.zeros((BINS, 3), np.int64), 0)


def calibrate(log_answered: Floats, log_true: Floats, right: npt.NDArray[np.bool_]) -> Calibration:
    """Return the counts of some images.

    Args:
        log_answered: (images,) logarithms of the probabilities of the classes answered: of the confidences.
        log_true: (images,) logarithms of the probabilities of the true classes.
        right: (images,) whether the class answered is the true one.
    """
    confidence = np.exp(np.minimum(log_answered, 0.0))
    units = np.rint(confidence * UNIT).astype(np.int64)
    # ((b - 1) / BINS, b / BINS], by whole numbers, so that no rounding moves an image across an edge.
    places = np.maximum(-(-units * BINS // UNIT) - 1, 0)
    bins = np.zeros((BINS, 3), np.int64)
    np.add.at(bins, places, np.stack([np.ones_like(units), right, units], axis=1))
    nats = np.clip(-log_true, 0.0, MOST_NATS)
    return Calibration(bins, int(np.rint(nats * UNIT).astype(np.int64).sum()))


def log_probabilities(logits: npt.NDArray[np.float32], copies: int) -> Floats:
    """Return (images, classes) logarithms of the mean probabilities over an image's copies.

    Args:
        logits: (images * copies, classes), an image's rows side by side.
        copies: rows of an image.
    """
    from scipy import special  # takes 0.2 s, which a command that only plans does not have to spend

    rows = special.log_softmax(logits.astype(np.float64), axis=1)
    if copies == 1:
        return np.asarray(rows)
    by_image = rows.reshape(-1, copies, rows.shape[1])
    return np.asarray(special.logsumexp(by_image, axis=1) - np.log(copies))


def belongs(numbers: npt.ArrayLike, images: npt.ArrayLike, correct: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return whether counts can be those of so many images, so many of them right; none at all always can.

    Args:
        numbers: (..., 3 * BINS + 1) as `Calibration.numbers` returns them.
        images: (...) how many images.
        correct: (...) how many of them right.
    """
    flat = np.asarray(numbers, dtype=np.int64)
    counted, right, confidence = np.moveaxis(flat[..., :-1].reshape(*flat.shape[:-1], BINS, 3), -1, 0)
    possible = (right >= 0) & (right <= counted) & (confidence >= 0) & (confidence <= counted * UNIT)
    whole = (counted.sum(-1) == images) & (right.sum(-1) == correct) & (flat[..., -1] >= 0)
    return np.asarray((possible.all(-1) & whole) | ~flat.any(-1))


def expected_calibration_error(bins: npt.ArrayLike) -> Floats:
    """Return the mean distance between confidence and accuracy over the bins, weighted by their images.

    Args:
        bins: (..., BINS, 3) as in `Calibration`; without any image NaN.
    """
    images, right, confidence = np.moveaxis(np.asarray(bins, dtype=np.float64), -1, 0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(right - confidence / UNIT).sum(-1) / images.sum(-1))
