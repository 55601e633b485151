"""How far one curve of accuracy lies above another, with its interval, for the replication's page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from robustbench_ln.metrics import t_interval


@dataclass(frozen=True)
class Difference:
    """How far one curve lies above another, in points.

    Attributes:
        mean: over sigma above 0, and over training seeds.
        low, high: 95 % interval, over seeds where there are several, else over images.
        seeds: how many training seeds both have.
        lowest, highest: the mean over seeds at one sigma.
        sigmas: how many.
    """

    mean: float
    low: float
    high: float
    seeds: int
    lowest: float
    highest: float
    sigmas: int

    @classmethod
    def of(cls, above: pd.DataFrame, below: pd.DataFrame) -> Difference | None:
        """Return the difference of two curves, None where they share no sigma above 0."""
        both = above.join(below, lsuffix="_a", rsuffix="_b", how="inner")
        both = both[both.index.get_level_values("sigma") > 0]
        # Sigmas that every seed was measured at: other ones would make seeds differ by their grids.
        counts = both.groupby("sigma")["accuracy_a"].transform("size")
        both = both[counts == both.index.get_level_values("train_seed").nunique()]
        if both.empty:
            return None
        points = 100 * (both["accuracy_a"] - both["accuracy_b"])
        by_seed = points.groupby("train_seed").mean().to_numpy()
        by_sigma = points.groupby("sigma").mean()
        interval = t_interval(by_seed) or _over_images(both)
        return cls(
            float(by_seed.mean()), *interval, len(by_seed), by_sigma.min(), by_sigma.max(), len(by_sigma)
        )

    def row(self) -> list[str]:
        """Return the mean with its interval, the range over sigma, and the number of sigmas."""
        seeds = f"{self.seeds} seeds" if self.seeds > 1 else "one seed, over images"
        return [
            f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f}, {seeds})",
            f"{self.lowest:+.1f} to {self.highest:+.1f}",
            str(self.sigmas),
        ]


def _over_images(both: pd.DataFrame) -> tuple[float, float]:
    """Return the unpaired interval of a difference of shares in points, its bounds averaged over sigma.

    Source: Newcombe, Interval estimation for the difference between independent proportions (1998), method
    10. The same images and draws serve all sigmas, so the mean is as uncertain as one sigma.
    """
    apart = both["accuracy_a"] - both["accuracy_b"]
    down = np.hypot(both["accuracy_a"] - both["low_a"], both["high_b"] - both["accuracy_b"])
    up = np.hypot(both["high_a"] - both["accuracy_a"], both["accuracy_b"] - both["low_b"])
    return float(100 * (apart - down).mean()), float(100 * (apart + up).mean())


def in_one_sentence(words: str, found: list[Difference]) -> str:
    """Say of all networks and noises how LocalNorm compares with one control."""
    means = [one.mean for one in found]
    return (
        f"Less {words}: {min(means):+.1f} to {max(means):+.1f} points over {len(found)} networks and noises; "
        f"the interval lies above 0 in {sum(one.low > 0 for one in found)}, below 0 in "
        f"{sum(one.high < 0 for one in found)}, and holds 0 in "
        f"{sum(one.low <= 0 <= one.high for one in found)}."
    )
