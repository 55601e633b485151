"""What a comparison consists of: flat rows of plain numbers, for tables, JSON and CSV alike."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Compared:
    """Two networks in their modes, on the same test images under the same noise.

    Attributes:
        model_a, mode_a, seed_a: A's network, its mode and training seed; so for B.
        data, checksum, limit: the test images.
        noise, noise_seed: with its options.
        coupled: which of the two takes statistics from other test images: "", "A", "B" or "A and B".
    """

    model_a: str
    mode_a: str
    seed_a: int
    model_b: str
    mode_b: str
    seed_b: int
    data: str
    checksum: str
    limit: int | None
    noise: str
    noise_seed: int
    coupled: str


@dataclass(frozen=True)
class Row(Compared):
    """Two cells.

    Attributes:
        sigma: a decimal string.
        cell_a, cell_b: names of the cells.
        images: n.
        right_a, right_b: how many images each got right.
        only_a, only_b: how many it alone got right, the discordant counts.
        accuracy_a, accuracy_b, difference: shares; the last is B - A.
        low, high: 95 % interval of the difference, see `robustbench_ln.comparison.paired`.
        p, p_holm: McNemar's exact test; adjusted over all rows of the comparison.
    """

    sigma: str
    cell_a: str
    cell_b: str
    images: int
    right_a: int
    right_b: int
    only_a: int
    only_b: int
    accuracy_a: float
    accuracy_b: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float

    def drops(self, points: float) -> bool:
        """Return whether B lies more than some percentage points below A, and its interval below 0."""
        # Exact: 57 of 10,000 images are 0.57 points, which no float is.
        drop = Fraction(100 * (self.right_a - self.right_b), self.images)
        return drop > Fraction(str(points)) and self.high < 0


@dataclass(frozen=True)
class Area(Compared):
    """Two areas under the curve.

    Attributes:
        sigmas: which sigmas the curves have in common, ascending.
        area_a, area_b, difference: mean accuracies over their range; the last is B - A.
        low, high: 95 % interval of the difference over images, by a paired bootstrap.
    """

    sigmas: tuple[str, ...]
    area_a: float
    area_b: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class OverSeeds:
    """The difference at one noise and sigma, or of areas, over training seeds.

    Attributes:
        mode_a, mode_b, data, checksum, limit, noise: of what.
        sigmas: the one sigma, or those that the area under the curve is over.
        seeds: n, how many pairs of networks.
        difference: their mean difference B - A; of several noise seeds the mean comes first.
        low, high: its 95 % t interval; None where n is 1, which says nothing of other trainings.
    """

    mode_a: str
    mode_b: str
    data: str
    checksum: str
    limit: int | None
    noise: str
    sigmas: tuple[str, ...]
    seeds: int
    difference: float
    low: float | None
    high: float | None
