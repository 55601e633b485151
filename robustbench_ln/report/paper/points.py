"""Points of curves: the cells of one benchmark, averaged over training seeds, with their interval."""

from __future__ import annotations

from typing import Any

import pandas as pd

from robustbench_ln.experiments.curves import same_networks
from robustbench_ln.experiments.evidence import Evidence, of_one_data_set
from robustbench_ln.metrics import t_interval
from robustbench_ln.modes import MODES
from robustbench_ln.norms.registry import find_norm, norm_rank
from robustbench_ln.report.labels import norm_label

#: What names a line within a benchmark.
_LINE = ["noise_text", "reading", "kind", "noise", "rescale", "space", "norm", "groups", "mode", "small_sets"]
COLUMNS = [
    "benchmark", "preset", "data", "kind", "noise_text", "reading", "noise", "rescale", "space", "norm",
    "groups", "norm_label", "mode", "small_sets", "mode_label", "home", "sigma", "accuracy", "low", "high",
    "networks", "images", "classes", "checksum",
]  # fmt: skip
_NUMBERS = ("sigma", "accuracy", "low", "high")


def line_points(evidence: Evidence) -> pd.DataFrame:
    """Return a row for each point of each line, in the order of sweeps, norms, modes and sigmas.

    Returns:
        The columns of `COLUMNS`. `accuracy` is the mean over `networks` trained with different seeds; `low`
        and `high` are its 95 % interval: Student's t over the seeds, clipped to [0, 1], or Wilson's of the
        one network. `norm_label` names the norm with K; `mode_label` the mode with its sets where they are
        small; `home` is whether the norm is used as it is meant to be. All points of a line are of the same
        networks, see `same_networks`.
    """
    rows = []
    cells = of_one_data_set(evidence.cells)
    # Of two networks of a seed, trained on other data, the first by name counts, as in verdicts.
    cells = cells.sort_values("model", kind="stable").drop_duplicates([*_LINE, "train_seed", "sigma"])
    cells = cells.sort_index()
    lines = [same_networks(own) for _, own in cells.groupby(_LINE, dropna=False, sort=False)]
    cells = pd.concat(lines) if lines else cells
    for key, own in cells.groupby([*_LINE, "sigma"], dropna=False, sort=False):
        line = dict(zip([*_LINE, "sigma"], key, strict=True))
        small = bool(line["small_sets"])
        mode = f"{line['mode']}, sets of {own['batch_size'].iloc[0]}" if small else str(line["mode"])
        low, high = _interval(own)
        rows.append(
            {
                **line,
                "benchmark": evidence.benchmark,
                "preset": evidence.preset,
                "data": own["data"].iloc[0],
                "norm_label": _norm_label(line),
                "mode_label": mode,
                "home": line["mode"] == find_norm(str(line["norm"])).home_mode and not small,
                "accuracy": float(own["accuracy"].mean()),
                "low": low,
                "high": high,
                "networks": len(own),
                "images": int(own["images"].min()),
                "classes": int(own["classes"].max()),
                "checksum": own["checksum"].iloc[0],
            }
        )
    # Without any row the columns still are what they are with some: booleans select rows.
    kinds = {"home": bool, "small_sets": bool, "groups": "Int64"} | dict.fromkeys(_NUMBERS, float)
    table = pd.DataFrame(rows, columns=COLUMNS).astype(kinds)
    order = {
        "_sweep": table.groupby(["noise_text", "reading"], sort=False).ngroup(),
        "_norm": table["norm"].map(norm_rank),
        "_groups": table["groups"].fillna(0),
        "_mode": table["mode"].map(MODES.index),
    }
    ordered = table.assign(**order).sort_values([*order, "small_sets", "sigma"], ignore_index=True)
    return ordered[COLUMNS]


def home_label(cells: pd.DataFrame) -> pd.Series:
    """Return the norm's label of each cell in its home mode, a missing value for the others."""
    labels = [
        _norm_label({"norm": row.norm, "groups": row.groups})
        if row.mode == find_norm(row.norm).home_mode and not row.small_sets
        else None
        for row in cells.itertuples()
    ]
    return pd.Series(labels, index=cells.index, dtype=object)


def interval_sentence(points: pd.DataFrame) -> str:
    """Return what the intervals of some points are."""
    most, least = int(points["networks"].max()), int(points["networks"].min())
    if most == 1:
        return "One network a line; intervals are 95 % Wilson intervals over its test images."
    if least == most:
        return f"Means of {most} training seeds; intervals are 95 % over seeds."
    return (
        f"Means of up to {most} training seeds; intervals are 95 % over seeds, or Wilson's over test images "
        "where there is one network."
    )


def _interval(own: pd.DataFrame) -> tuple[float, float]:
    over_seeds = t_interval(own["accuracy"])
    if over_seeds is None:
        return float(own["low"].iloc[0]), float(own["high"].iloc[0])
    return max(over_seeds[0], 0.0), min(over_seeds[1], 1.0)


def _norm_label(line: dict[str, Any]) -> str:
    groups = line["groups"]
    return norm_label(str(line["norm"]), {} if pd.isna(groups) else {"groups": int(groups)})
