"""How far networks are from a reference, in mean accuracy over sigma."""

from __future__ import annotations

import math

import pandas as pd

from robustbench_ln.metrics import t_interval
from robustbench_ln.store.results import matches

#: The norm whose networks others are held against unless a pattern names some.
_USUAL = "batchnorm"


def reference_rows(summary: pd.DataFrame, pattern: str | None) -> pd.Series:
    """Return which curves in home modes are references.

    Args:
        summary: a row a curve, with `model` and `norm`.
        pattern: over names of networks, or their first parts, up to a dot; None for BatchNorm's.
    """
    if pattern is None:
        return summary["norm"] == _USUAL
    return summary["model"].map(lambda name: matches(name, pattern))


def differences(summary: pd.DataFrame, pattern: str | None) -> list[str]:
    """Return the difference of each curve to its reference, in points, with an interval.

    The reference is that of the same benchmark and training seed, else the first. The interval is that of
    independent images at full dependence between sigmas; the images are the same, so it is too wide
    (`lnbench compare` gives the paired one).

    Args:
        summary: a row a curve under one noise, with `area`, `area_low`, `area_high` and `grid`.
        pattern: as `reference_rows` takes it.

    Returns:
        A text each: "reference"; empty where there is no reference of the same sigmas.
    """
    references = summary[reference_rows(summary, pattern)]
    texts = []
    for row in summary.itertuples():
        alike = references[references["grid"] == row.grid]
        same = alike[(alike["benchmark"] == row.benchmark) & (alike["train_seed"] == row.train_seed)]
        chosen = same if len(same) else alike
        if row.Index in references.index:
            texts.append("reference")
        elif chosen.empty or math.isnan(row.area):
            texts.append("")
        else:
            other = chosen.iloc[0]
            half = math.hypot(row.area_high - row.area_low, other["area_high"] - other["area_low"]) / 2
            texts.append(f"{100 * (row.area - other['area']):+.2f} (\u00b1 {100 * half:.2f})")
    return texts


def difference_over_seeds(own: pd.Series, other: pd.Series) -> str:
    """Return the mean difference of networks of the same training seeds, with its 95 % t interval, in points.

    Args:
        own: mean accuracy over sigma by training seed.
        other: of the reference; empty for none.
    """
    common = own.index.intersection(other.index)
    paired = 100 * (own[common] - other[common]).dropna()
    interval = t_interval(paired)
    if interval is None:
        return ""
    return f"{paired.mean():+.2f} ({interval[0]:+.2f} to {interval[1]:+.2f})"
