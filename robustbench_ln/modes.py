"""Test-time modes: how rows are laid out, which group each set takes, and how votes are counted.

A mode only arranges. Images come in evaluation order; a batch holds `images` different ones, each in
`copies` consecutive rows; rows form G sets, row r in set r mod G, and each set passes through one group
(see `robustbench_ln.norms.sets`). So there is one formula for training and every mode, and no loop
over images.

| mode | rows of a set | sets | group of a set | rows are |
|---|---|---|---|---|
| batch | N/K | K | g | N different images |
| single | 1 | N | drawn per image from the seed | different images |
| single-voting | 1 | K an image | each of 0..K-1 | each image K times |
| voting | N/K | K | each of 0..K-1 | N/K images, each K times |
| frozen, eval | - | - | the layers' own behaviour | different images |
| blend | N | 1 | 0 | N different images, whose statistics are blended with the source's |

BatchNorm and SwitchNorm are the case K = 1. GhostBatchNorm's groups are sets alone: each passes through the
same parameters, so `single` has nothing to draw. Modes act on the 2-d norms only: a BatchNorm1d after a
dense layer keeps its running statistics, since one image alone has no variance there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.identity import number_text
from robustbench_ln.noise.draws import draw_groups
from robustbench_ln.norms.registry import NORMS, find_norm

Vote = Literal["majority", "mean"]
IntArray = npt.NDArray[np.int64]
MODES: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            *(mode for info in NORMS.values() for mode in info.modes),
            *(mode for info in NORMS.values() for mode in info.named_modes),
        ]
    )
)
#: What each mode does, and whether other test images decide on an image's prediction.
#: N is the batch size, K the number of groups.
MEANINGS: dict[str, tuple[str, str]] = {
    "frozen": ("running statistics of the training", "no"),
    "eval": ("the norm has no batch statistics", "no"),
    "single": (
        "each image by its own statistics; LocalNorm: through one group, drawn per image from the seed",
        "no",
    ),
    "single-voting": (
        "each image by its own statistics, through all K groups; the K predictions vote",
        "no",
    ),
    "voting": (
        "N/K images share statistics and pass together through each of the K groups; the K predictions of an "
        "image vote",
        "yes",
    ),
    "blend": (
        "BatchNorm: statistics of N images, blended with the running ones",
        "yes, from two images on",
    ),
    "batch": ("N images, split into K groups as in training; each image passes one group", "yes"),
}
_BLEND_HELP = "Write blend:alpha=0.9, the weight of the source, or blend:prior=16, its number of images."


@dataclass(frozen=True)
class Blend:
    """How much the source's statistics weigh in mode `blend`; one of the two is given.

    Attributes:
        alpha: weight of the source's statistics, in [0, 1]: 1 is `frozen`, 0 the batch's own alone.
        prior: N images that the source's statistics count for: their weight is N / (N + n) beside the n
            images of a batch.

    Source:
        Schneider et al. 2020, arXiv 2006.16971, equation 1 (prior); You et al. 2021, arXiv 2110.04065
        (alpha).
    """

    alpha: float | None = None
    prior: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.alpha, self.prior) if value is not None]
        if len(given) != 1:
            raise LnbenchError("Mode 'blend' takes one option, alpha or prior.", _BLEND_HELP)
        limit = 1.0 if self.prior is None else math.inf
        if not 0 <= given[0] <= limit or math.isinf(given[0]):
            raise LnbenchError(f"Mode '{self.text}': the number must be from 0 to {limit:g}.", _BLEND_HELP)

    @property
    def text(self) -> str:
        """The mode with its option, as on the command line."""
        name, value = ("alpha", self.alpha) if self.prior is None else ("prior", self.prior)
        return f"blend:{name}={number_text(value or 0.0)}"

    def source_weight(self, images: int) -> float:
        """Return what the source's statistics weigh beside those of a number of images."""
        return self.prior / (self.prior + images) if self.prior is not None else self.alpha or 0.0

    def identity(self) -> dict[str, float]:
        """Return its option, for a cell's identity."""
        # -0.0 is no other option than 0.0, but another text.
        return {"prior": self.prior or 0.0} if self.prior is not None else {"alpha": self.alpha or 0.0}


@dataclass(frozen=True)
class Layout:
    """How one mode arranges the images of one network.

    Attributes:
        mode: the mode's name.
        groups: K, the number of groups to choose among.
        images: number of different images in a batch.
        copies: number of consecutive rows that an image takes; their predictions vote.
        set_size: S, rows that share statistics; None where the layers use their own behaviour.
        coupled: whether other test images decide on an image's statistics or group. A coupled mode needs
            every batch full, so the last one is filled by wrapping round; fillers are not counted.
        blend: how much the source's statistics weigh, in mode `blend` alone.
    """

    mode: str
    groups: int
    images: int
    copies: int
    set_size: int | None
    coupled: bool
    blend: Blend | None = None

    @property
    def source_weight(self) -> float | None:
        """What the source's statistics weigh in those of a batch; None where they are not blended."""
        return None if self.blend is None else self.blend.source_weight(self.images)

    def groups_of_sets(self, indices: IntArray, seed: int) -> IntArray | None:
        """Return the (G,) group of each set for a batch.

        Args:
            indices: (images,) positions of the batch's images in their data set.
            seed: draws the groups of mode `single`, with the index.
        """
        if self.set_size is None:
            return None
        if self.mode == "single":
            return draw_groups(seed, indices, self.groups)
        every_group = np.arange(self.groups)
        return np.tile(every_group, len(indices)) if self.mode == "single-voting" else every_group


def modes_for(norm: str) -> tuple[str, ...]:
    """Return the modes that fit a norm and are measured unless others are named, its home mode first."""
    return find_norm(norm).modes


def fits_norm(mode: str, norm: str) -> bool:
    """Return whether a mode, with its options or without, fits a norm."""
    info = find_norm(norm)
    return mode.partition(":")[0] in (*info.modes, *info.named_modes)


def parse_mode(text: str) -> tuple[str, Blend | None]:
    """Return a mode's name, and what `NAME:OPTION=NUMBER` says of a blend.

    >>> parse_mode("blend:alpha=0.9")
    ('blend', Blend(alpha=0.9, prior=None))

    Raises:
        UnknownNameError: no mode, or no option of the mode, has the name.
        LnbenchError: an option that is missing, no number, or out of its range.
    """
    name, _, rest = text.partition(":")
    check_mode(name)
    if name != "blend":
        if rest:
            raise LnbenchError(f"Mode '{name}' takes no options, but '{text}' gives some.", _BLEND_HELP)
        return name, None
    option, _, number = rest.partition("=")
    if option not in ("alpha", "prior"):
        if not option:
            raise LnbenchError("Mode 'blend' takes one option, alpha or prior.", _BLEND_HELP)
        raise UnknownNameError("option of mode blend", option, ("alpha", "prior"))
    try:
        value = float(number)
    except ValueError:
        raise LnbenchError(f"Mode '{text}': '{number}' is not a number.", _BLEND_HELP) from None
    return name, Blend(**{option: value})


def check_mode(mode: str) -> str:
    """Return the name of a mode that exists.

    Raises:
        UnknownNameError: no mode has the name.
    """
    if mode not in MODES:
        raise UnknownNameError("mode", mode, MODES)
    return mode


def canonical_mode(text: str) -> str:
    """Return a mode with its options as it is written everywhere.

    Raises:
        LnbenchError: as `parse_mode`.
    """
    name, blend = parse_mode(text)
    return blend.text if blend else name


def full_mode(mode: str, option: object) -> str:
    """Return a mode with its option as on the command line.

    Args:
        mode: its name.
        option: `blend` of a row of `load_results`, such as "alpha=0.9"; no text where there is none.

    >>> full_mode("blend", "alpha=0.9"), full_mode("batch", None)
    ('blend:alpha=0.9', 'batch')
    """
    return f"{mode}:{option}" if isinstance(option, str) else mode


def lay_out(mode: str, norm: str, groups: int, batch_size: int) -> Layout:
    """Return how a mode arranges batches for a network.

    Args:
        mode: one that `fits_norm`, with its options.
        norm: the network's norm.
        groups: K, its number of groups.
        batch_size: N, rows of a full batch.

    Raises:
        LnbenchError: the mode does not fit the norm, or N does not divide into K groups.
    """
    mode, blend = parse_mode(mode)
    if not fits_norm(mode, norm):
        fitting = (*modes_for(norm), *find_norm(norm).named_modes)
        raise LnbenchError(f"Mode '{mode}' does not fit norm '{norm}'.", f"It takes: {', '.join(fitting)}.")
    if batch_size < 1:
        raise LnbenchError(f"A batch size of {batch_size} holds no image.", "Use a batch size of 1 or more.")
    if mode in ("frozen", "eval"):
        return Layout(mode, groups, images=batch_size, copies=1, set_size=None, coupled=False)
    if blend is not None:
        # One image alone is blended with the source, and with no other image.
        return Layout(mode, 1, batch_size, copies=1, set_size=batch_size, coupled=batch_size > 1, blend=blend)
    if mode == "single":
        # Where groups share their parameters there is one to draw.
        drawn = 1 if find_norm(norm).shared else groups
        return Layout(mode, drawn, images=batch_size, copies=1, set_size=1, coupled=False)
    if mode == "single-voting":
        return Layout(
            mode, groups, images=max(batch_size // groups, 1), copies=groups, set_size=1, coupled=False
        )
    if batch_size % groups:
        raise LnbenchError(
            f"Mode '{mode}': a batch of {batch_size} images does not divide into {groups} groups.",
            f"Use a batch size that is a multiple of {groups}.",
        )
    size = batch_size // groups
    if mode == "voting":
        return Layout(mode, groups, images=size, copies=groups, set_size=size, coupled=True)
    return Layout(mode, groups, images=batch_size, copies=1, set_size=size, coupled=True)


def count_votes(logits: npt.NDArray[np.float32], copies: int, vote: Vote) -> IntArray:
    """Return each image's prediction from the logits of its rows.

    "majority" takes the class that most rows put first; ties go to the larger summed probability, then to
    the lowest class. "mean" takes the class with the largest mean probability, ties to the lowest class.

    Args:
        logits: (images * copies, classes), an image's rows side by side.
        copies: rows of an image.
        vote: the rule; without effect for one row an image.

    Returns:
        (images,) predicted classes.

    Raises:
        UnknownNameError: an unknown rule.

    Source:
        The LocalNorm authors vote by majority, ties to the lowest class; ties by summed probability are
        this project's.
    """
    if vote not in get_args(Vote):
        raise UnknownNameError("vote rule", vote, get_args(Vote))
    if copies == 1:
        return np.asarray(logits.argmax(1), dtype=np.int64)
    from scipy import special  # takes 0.2 s, which a command that only plans does not have to spend

    rows, classes = logits.shape
    by_image = logits.reshape(rows // copies, copies, classes).astype(np.float64)
    # (images, classes), rounded so that equal probabilities that come in another order stay equal.
    summed = special.softmax(by_image, axis=2).sum(1).round(12)
    if vote == "mean":
        return np.asarray(summed.argmax(1), dtype=np.int64)
    votes = (by_image.argmax(2)[:, :, None] == np.arange(classes)).sum(1)
    leading = votes == votes.max(1, keepdims=True)
    return np.asarray(np.where(leading, summed, -1.0).argmax(1), dtype=np.int64)
