"""How sure networks are of their answers, by sigma, as a table of the page."""

from __future__ import annotations

import math

from robustbench_ln.report.exhibit import Table
from robustbench_ln.report.formats import percent, sigma_text
from robustbench_ln.report.inputs import DataGroup, NoiseGroup


def calibration_table(data: DataGroup, noise: NoiseGroup) -> Table | None:
    """Return the calibration error and negative log-likelihood of each curve in its home mode, by sigma.

    Returns:
        None where no cell counted them.
    """
    cells = noise.home[["curve_label", "sigma", "ece", "nll"]].drop_duplicates(["curve_label", "sigma"])
    if cells["ece"].isna().all():
        return None
    sigmas = sorted(cells["sigma"].unique())
    rows = []
    for curve, own in cells.groupby("curve_label", sort=False):
        by_sigma = own.set_index("sigma").reindex(sigmas)
        rows.append([curve, "calibration error", *map(percent, by_sigma["ece"])])
        rows.append([curve, "log-likelihood", *map(_nats, by_sigma["nll"])])
    caption = (
        f"Calibration on {data.label} under {noise.label}, by sigma: expected calibration error (15 bins), "
        "and mean negative log-likelihood in nats"
    )
    return Table(caption, ["network", "measure", *map(sigma_text, sigmas)], rows, heads=2)


def _nats(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
