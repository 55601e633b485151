"""Compare two networks of a store, or the seeds of two trainings, on the same noisy images.

Nothing is measured: stored predictions are read. Importing this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from robustbench_ln.comparison.area import compare_areas
from robustbench_ln.comparison.cells import Cell, Common, Curves, common_cells, curves_of, setting_remarks
from robustbench_ln.comparison.networks import Network, Pair, Side, asked_modes, networks_of, pair_networks
from robustbench_ln.comparison.paired import difference_interval, holm, mcnemar
from robustbench_ln.comparison.right import Labels, right_images
from robustbench_ln.comparison.rows import Area, OverSeeds, Row
from robustbench_ln.comparison.training_seeds import over_seeds
from robustbench_ln.errors import LnbenchError
from robustbench_ln.noise import NoiseSpec, parse_sigmas
from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.results import Results

Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """What is compared.

    Attributes:
        a, b: `GLOB` or `GLOB:MODE` over the models of a store.
        noises: only these; none for all.
        sigma: only these, as `robustbench_ln.noise.parse_sigmas` reads them; None for all.
        modes: of the sides that name none; none for home modes.
        set_size: of modes that couple images only cells in which so many share statistics; None for all.
        data: only these test images, a data set as on the command line; None for all.
        seed: of the bootstrap.
        complete: networks without a partner and cells of A that B lacks are problems; else remarks.
    """

    a: str
    b: str
    noises: tuple[str, ...] = ()
    sigma: str | None = None
    modes: tuple[str, ...] = ()
    set_size: int | None = None
    data: str | None = None
    seed: int = 0
    complete: bool = False


@dataclass(frozen=True)
class Comparison:
    """How two networks compare.

    Attributes:
        asked: what was asked for.
        a, b: the networks that were compared, by mode and training seed.
        rows: a row a pair of cells.
        areas: a row a pair of curves with two sigmas or more.
        over_seeds: the same over training seeds.
        remarks: what a reader must know, and what was left out.
        problems: sentences on what was asked for and is not compared: cells that cannot be read, noises and
            sigmas that were not measured, and what `Asked.complete` makes one.
    """

    asked: Asked
    a: tuple[Network, ...]
    b: tuple[Network, ...]
    rows: tuple[Row, ...]
    areas: tuple[Area, ...]
    over_seeds: tuple[OverSeeds, ...]
    remarks: tuple[str, ...]
    problems: tuple[str, ...]


def compare(
    store: Results,
    asked: Asked,
    data_dir: Path,
    corrupted: Path | None = None,
    *,
    on_note: Callable[[str], None] = lambda note: None,
) -> Comparison:
    """Compare two networks, or the training seeds of two, wherever both saw the same noisy images.

    Args:
        store: holds their cells with predictions.
        asked: what to compare.
        data_dir: where decoded data sets lie; their labels say which predictions are right.
        corrupted: a folder of ready-made corrupted images, for the cells that were measured on them.
        on_note: told before work that may take minutes.

    Raises:
        LnbenchError: an unknown model, mode or noise, a network that would be compared with itself, or no
            cell that can be compared.
    """
    cells, problems = read_rows(store)
    if cells.empty:
        raise LnbenchError(
            f"No measured cell in '{store.root}' can be read."
            if problems
            else f"There is no measured cell in '{store.root}'.",
            problems[0] if problems else "Run this first: lnbench corrupt-eval",
        )
    asked = replace(asked, noises=_full_names(asked.noises, set(cells["noise"])))
    chosen = _filtered(cells, asked)
    pairs, lacking = _pairs(store, cells, asked)
    remarks: list[str] = []
    labels = Labels(data_dir, corrupted)
    if asked.data is not None:
        names = dict.fromkeys(one.model for pair in pairs for one in (pair.a, pair.b))
        checksums = labels.open(asked.data, lambda: [store.model(name) for name in names], on_note)
        chosen = chosen[chosen["checksum"].isin(checksums)]
    found: list[Common] = []
    read: dict[tuple[str, Network], Curves] = {}
    for pair in pairs:
        curves = [curves_of(one, chosen, store) for one in (pair.a, pair.b)]
        read |= {("A", pair.a): curves[0], ("B", pair.b): curves[1]}
        lacking.extend(
            f"No cell of {name}'s {network.text} is measured with these options."
            for name, network, one in zip("AB", (pair.a, pair.b), curves, strict=True)
            if not one.cells
        )
        common, only_a, only_b = common_cells(pair, *curves)
        found.extend(common)
        lacking.extend(only_a)
        remarks.extend(only_b)
    if not found:
        raise LnbenchError(
            f"No cell of A, '{asked.a}', and B, '{asked.b}', saw the same noisy images."
            f" {' '.join([*lacking, *remarks][:4])}".rstrip(),
            "Measure both alike: lnbench corrupt-eval --model GLOB --noise NAME --sigma GRID --mode NAME",
        )
    if asked.complete:
        problems.extend(lacking)
    else:
        remarks = [*lacking, *remarks]
    remarks.extend(setting_remarks([(name, network, one) for (name, network), one in read.items()]))
    rows, areas, broken = _measure(store, found, labels, asked.seed)
    if not rows:
        raise broken[0]
    adjusted = holm([row.p for row in rows])
    rows = [replace(row, p_holm=float(p)) for row, p in zip(rows, adjusted, strict=True)]
    problems.extend(_not_measured(asked, pairs, found))
    return Comparison(
        asked,
        tuple(dict.fromkeys(one.pair.a for one in found)),
        tuple(dict.fromkeys(one.pair.b for one in found)),
        tuple(rows),
        tuple(areas),
        tuple(over_seeds(rows)),
        tuple(dict.fromkeys(remarks)),
        tuple(dict.fromkeys([*problems, *(f"Left out {error}" for error in broken)])),
    )


def _pairs(store: Results, cells: pd.DataFrame, asked: Asked) -> tuple[list[Pair], list[str]]:
    """Return the networks to compare in each mode, and a sentence for each that is left out."""
    sides = Side.parse("A", asked.a), Side.parse("B", asked.b)
    found: list[Pair] = []
    left_out: list[str] = []
    for mode in asked_modes(*sides, asked.modes):
        networks = []
        for side in sides:
            own, unmeasured = networks_of(side, mode, cells, store)
            networks.append(own)
            left_out.extend(unmeasured)
        pairs, alone = pair_networks(*networks)
        found.extend(pairs)
        left_out.extend(alone)
    return found, left_out


def _full_names(noises: Sequence[str], measured: Set[str]) -> tuple[str, ...]:
    """Return noises as cells name them: those of the user's with their version.

    Raises:
        LnbenchError: there is no such noise.
    """
    return tuple(
        noise if noise in measured else NoiseSpec.stored(noise, False, False, "pixel").name
        for noise in noises
    )


def _filtered(cells: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    sigmas = None if asked.sigma is None else {float(sigma) for sigma in parse_sigmas(asked.sigma)}
    kept = pd.Series(True, index=cells.index)
    if asked.noises:
        kept &= cells["noise"].isin(asked.noises)
    if sigmas is not None:
        kept &= cells["sigma"].isin(sigmas)
    if asked.set_size is not None:
        kept &= cells["set_size"].isna() | (cells["set_size"] == asked.set_size).fillna(False)
    return cells[kept]


def _not_measured(asked: Asked, pairs: Sequence[Pair], found: Sequence[Common]) -> list[str]:
    """Return a sentence on the noises and sigmas that were asked for and that a pair of networks lacks."""
    there: dict[Pair, set[tuple[str, str]]] = {pair: set() for pair in pairs}
    for one in found:
        there[one.pair] |= {(one.scene.noise.partition(" ")[0], a.sigma) for a, _ in one.cells}
    sigmas = () if asked.sigma is None else parse_sigmas(asked.sigma)
    lacking = [
        " ".join(filter(None, [noise, sigma and f"sigma {sigma}"]))
        for noise, sigma in product(asked.noises or ("",), sigmas or ("",))
        if (noise or sigma)
        and not all(
            any(noise in (known, "") and sigma in (at, "") for known, at in own) for own in there.values()
        )
    ]
    every = "" if len(pairs) == 1 else " of every pair"
    return [f"Not measured for both A and B{every}: {', '.join(lacking)}."] if lacking else []


def _measure(
    store: Results, found: Sequence[Common], labels: Labels, seed: int
) -> tuple[list[Row], list[Area], list[LnbenchError]]:
    """Return the rows and areas of cells, and why some of them cannot be compared."""
    rows: list[Row] = []
    areas: list[Area] = []
    broken: list[LnbenchError] = []
    for one in found:
        own: dict[str, tuple[Right, Right]] = {}
        for a, b in one.cells:
            try:
                true = labels.of(one.scene.data, one.scene.checksum, one.scene.limit)
                own[a.sigma] = right_images(store, a.id, true), right_images(store, b.id, true)
            except LnbenchError as error:
                broken.append(error)
                continue
            rows.append(_row(one, a, b, *own[a.sigma]))
        if len(own) > 1:
            areas.append(_area(one, own, seed))
    return rows, areas, broken


def _row(one: Common, a: Cell, b: Cell, right_a: Right, right_b: Right) -> Row:
    images, both = len(right_a), int((right_a & right_b).sum())
    count_a, count_b = int(right_a.sum()), int(right_b.sum())
    only_a, only_b = count_a - both, count_b - both
    low, high = difference_interval(both, only_a, only_b, images - both - only_a - only_b)
    p = float(mcnemar(only_a, only_b))
    return Row(
        **_compared(one),
        sigma=a.sigma,
        cell_a=a.id,
        cell_b=b.id,
        images=images,
        right_a=count_a,
        right_b=count_b,
        only_a=only_a,
        only_b=only_b,
        accuracy_a=count_a / images,
        accuracy_b=count_b / images,
        difference=(count_b - count_a) / images,
        low=float(low),
        high=float(high),
        p=p,
        p_holm=p,
    )


def _area(one: Common, rights: dict[str, tuple[Right, Right]], seed: int) -> Area:
    right_a, right_b = (np.stack(side) for side in zip(*rights.values(), strict=True))
    areas = compare_areas([float(sigma) for sigma in rights], right_a, right_b, seed=seed)
    return Area(
        **_compared(one),
        sigmas=tuple(rights),
        area_a=areas.a,
        area_b=areas.b,
        difference=areas.difference,
        low=areas.low,
        high=areas.high,
    )


def _compared(one: Common) -> dict[str, Any]:
    """Return the attributes of `Compared`."""
    scene, first = one.scene, one.cells[0]
    coupled = [name for name, cell in zip("AB", first, strict=True) if cell.coupled]
    return {
        "model_a": one.pair.a.model,
        "mode_a": one.pair.a.mode,
        "seed_a": one.pair.a.seed,
        "model_b": one.pair.b.model,
        "mode_b": one.pair.b.mode,
        "seed_b": one.pair.b.seed,
        "data": scene.data,
        "checksum": scene.checksum,
        "limit": scene.limit,
        "noise": scene.noise,
        "noise_seed": scene.noise_seed,
        "coupled": " and ".join(coupled),
    }
