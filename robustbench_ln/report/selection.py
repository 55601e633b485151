"""A part of results for a page: some networks, some of their modes, some noises."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ln.inspection.choose import matching
from robustbench_ln.modes import MODES
from robustbench_ln.store.results import choose_names

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Selection:
    """What a page shows of results.

    Attributes:
        models: patterns over networks, each with a mode after a colon or without: `mnist-localnorm*:batch`;
            all where there is none.
        noises: names or patterns; all where there is none.
    """

    models: tuple[str, ...] = ()
    noises: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything is left out."""
        return bool(self.models or self.noises)

    @property
    def text(self) -> str:
        """What was asked for, in words."""
        parts = [("networks", self.models), ("noises", self.noises)]
        return " and ".join(f"{kind} {', '.join(asked)}" for kind, asked in parts if asked)

    def of(self, cells: pd.DataFrame, where: Path) -> pd.DataFrame:
        """Return the chosen rows of a table of cells.

        Args:
            cells: rows of `load_results`.
            where: the results, for the error.

        Raises:
            LnbenchError: a pattern matches nothing.
        """
        if self.models:
            cells = cells[self._chosen(cells, where)]
        noises = matching("noises of these results", sorted(set(cells["noise"])), self.noises)
        return cells[cells["noise"].isin(noises)]

    def _chosen(self, cells: pd.DataFrame, where: Path) -> pd.Series:
        names = sorted(set(cells["model"]))
        chosen = cells["model"].isna()
        for pattern in self.models:
            networks, mode = _with_mode(pattern)
            models = set(choose_names(names, [networks], where))
            own = cells["model"].isin(models)
            modes = matching(f"modes of {networks}", sorted(set(cells["mode"][own])), [mode] if mode else [])
            chosen |= own & cells["mode"].isin(modes)
        return chosen


#: All of the results.
ALL = Selection()


def _with_mode(pattern: str) -> tuple[str, str]:
    """Return the networks and the mode of `NETWORKS[:MODE]`; names of networks may have colons, too."""
    networks, colon, mode = pattern.rpartition(":")
    if colon and (fnmatch.filter(MODES, mode) or "." not in mode):
        return networks, mode
    return pattern, ""
