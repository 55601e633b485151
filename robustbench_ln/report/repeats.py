"""What the intervals on the page are."""

from __future__ import annotations

import pandas as pd


def interval_note(cells: pd.DataFrame) -> str:
    """Return what the intervals of some rows of `averaged` are, in a sentence."""
    counts = sorted(set(cells["repeats"]))
    wilson = "95 % Wilson intervals over images, one noise seed"
    if counts == [1]:
        return f"{wilson}."
    several = (
        f"of {_range(counts)} noise and order seeds the wider of the 95 % Wilson and t intervals of the mean"
    )
    return f"{several}; of one, {wilson}." if counts[0] == 1 else f"{several}."


def _range(counts: list[int]) -> str:
    known = [count for count in counts if count > 1]
    return str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
