"""What the training seeds of two networks say of the difference between their trainings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from robustbench_ln.comparison.rows import OverSeeds, Row
from robustbench_ln.metrics import area_under_curve, t_interval
from robustbench_ln.noise.ready_made import corruption_of


def over_seeds(rows: Iterable[Row]) -> list[OverSeeds]:
    """Return the mean differences over training seeds: at each sigma, then of the area under the curve.

    An area is that over the sigmas which all seeds have in common. Several noise seeds of one pair of
    networks are averaged first: they are no further networks.

    Args:
        rows: of a comparison.
    """
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        # Labels are one checksum for all versions of ready-made images, whose names tell them apart.
        images = row.data if corruption_of(row.noise) else ""
        groups[row.mode_a, row.mode_b, row.checksum, row.limit, row.noise, images].append(row)
    found = []
    for own in groups.values():
        curves: dict[tuple[str, str, int], dict[str, Row]] = defaultdict(dict)
        for row in own:
            curves[row.model_a, row.model_b, row.noise_seed][row.sigma] = row
        for sigma in sorted({row.sigma for row in own}, key=float):
            there = {name: curve[sigma].difference for name, curve in curves.items() if sigma in curve}
            found.append(_mean(own[0], (sigma,), there))
        shared = sorted(set.intersection(*(set(curve) for curve in curves.values())), key=float)
        if len(shared) > 1:
            areas = {name: _area_difference([curve[one] for one in shared]) for name, curve in curves.items()}
            found.append(_mean(own[0], tuple(shared), areas))
    return found


def _area_difference(curve: Sequence[Row]) -> float:
    sigmas = [float(row.sigma) for row in curve]
    a, b = (
        area_under_curve(sigmas, accuracies)
        for accuracies in ([row.accuracy_a for row in curve], [row.accuracy_b for row in curve])
    )
    return b - a


def _mean(of: Row, sigmas: tuple[str, ...], values: Mapping[tuple[str, str, int], float]) -> OverSeeds:
    by_pair: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (model_a, model_b, _), value in values.items():
        by_pair[model_a, model_b].append(value)
    differences = [float(np.mean(several)) for several in by_pair.values()]
    low, high = t_interval(differences) or (None, None)
    return OverSeeds(
        of.mode_a,
        of.mode_b,
        of.data,
        of.checksum,
        of.limit,
        of.noise,
        sigmas,
        len(differences),
        float(np.mean(differences)),
        low,
        high,
    )
