"""Corrupted images of one name and one set of labels, but other pixels: which belong together.

A cell names the images of its own corruption and severity, not their folder. Two folders of one name, or a
folder whose files were changed, would fall into one curve without this.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

_SET = ["data", "checksum"]
#: A corruption at a severity.
_POINT = ["noise", "sigma"]


def versioned_names(cells: pd.DataFrame, run_of: Callable[[str], str]) -> pd.Series:
    """Return the names of the cells' data sets, those of later versions with the version's number.

    What an invocation measures lies in one folder, so the images that it is the first to measure are of one
    version: the last one, or a new one where that has other images of the same corruption and severity.

    Args:
        cells: with the columns `cell`, `data`, `checksum`, `noise`, `sigma` and `pixels`, the checksum of
            ready-made images, empty for others.
        run_of: returns the invocation that measured a cell; they sort by their time.

    Returns:
        Names such as "corrupted:C", "corrupted:C (2)".
    """
    names = cells["data"].copy()
    made = cells[cells["pixels"] != ""]
    points = made.groupby([*_SET, *_POINT], sort=False)["pixels"].nunique()
    mixed = points[points > 1].index.droplevel(_POINT).unique()
    for data, checksum in mixed:
        own = made[(made["data"] == data) & (made["checksum"] == checksum)]
        first = own.assign(run=own["cell"].map(run_of)).sort_values(["run", "pixels"])
        first = first.drop_duplicates([*_POINT, "pixels"])
        numbers = _numbers(
            list(first[["run", "noise", "sigma", "pixels"]].itertuples(index=False, name=None))
        )
        for row in own.itertuples():
            number = numbers[row.noise, row.sigma, row.pixels]
            if number > 1:
                names[row.Index] = f"{data} ({number})"
    return names


def _numbers(measured: list[tuple[str, str, float, str]]) -> dict[tuple[str, float, str], int]:
    """Return the number of the version of each (noise, sigma, pixels), from 1.

    Args:
        measured: (run, noise, sigma, pixels) in the order of runs.
    """
    batches: dict[tuple[str, int], list[tuple[str, float, str]]] = {}
    for run, noise, sigma, pixels in measured:
        # Of an unknown run there may be several at one point.
        place = 0
        while any((noise, sigma) == known[:2] for known in batches.get((run, place), [])):
            place += 1
        batches.setdefault((run, place), []).append((noise, sigma, pixels))
    taken: list[set[tuple[str, float]]] = [set()]
    numbers = {}
    for batch in batches.values():
        here = {image[:2] for image in batch}
        if taken[-1] & here:
            taken.append(set())
        taken[-1] |= here
        numbers.update(dict.fromkeys(batch, len(taken)))
    return numbers
