"""Gather what the page shows: cells by data set and noise, each curve with its labels and its style."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from robustbench_ln.compositions import Composition, compositions, headline_size, usual_cells
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.data.decoded import find_decoded
from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import content_hash
from robustbench_ln.metrics import averaged
from robustbench_ln.modes import MODES, check_mode
from robustbench_ln.noise import NOISES, NoiseSpec
from robustbench_ln.noise.corrupt import Space
from robustbench_ln.norms.registry import find_norm, norm_rank
from robustbench_ln.report.labels import (
    data_labels,
    distinct_labels,
    mode_label,
    model_labels,
    norm_label,
    repeat_parts,
    training_labels,
)
from robustbench_ln.report.rows import rows_of
from robustbench_ln.report.selection import ALL, Selection
from robustbench_ln.store.frame import read_cells
from robustbench_ln.store.results import Results
from robustbench_ln.store.stored import StoredModel

_DATA = ["data", "limit", "checksum"]
_NOISE = ["noise", "clip", "rescale", "space"]
#: Columns that name one curve within a data set, apart from its noise.
_CURVE = ["model", "mode", "vote", "blend", "batch_size", "order", "order_seed", "noise_seed", "dtype"]
_ORDER = [
    "data", "norm_rank", "groups", "benchmark", "train_seed", "model",
    "noise_rank", "clip", "rescale", "space", "mode_rank", "batch_size", "order_seed", "noise_seed", "sigma",
]  # fmt: skip


@dataclass(frozen=True)
class NoiseGroup:
    """The cells of one data set under one noise.

    Attributes:
        spec: the noise with its options.
        label: its name on the page.
        cells: rows of `load_results`, sorted, with the columns that `DataGroup` names; repeats averaged, and
            without orders that serve the stress test alone.
        measured: all rows, one a cell, with the same columns but `repeats`.
        compositions: how networks fare in other orders and set sizes, where several were measured.
    """

    spec: NoiseSpec
    label: str
    cells: pd.DataFrame
    measured: pd.DataFrame
    compositions: list[Composition]

    @cached_property
    def home(self) -> pd.DataFrame:
        """The cells of networks in their home mode."""
        return self.cells[self.cells["home"]]


@dataclass(frozen=True)
class DataGroup:
    """The cells measured on the same test images.

    Attributes:
        label: the data set's name on the page.
        name, limit, checksum: identity of the test images.
        images: number of test images in use.
        classes: the classes' names, their numbers where the data are not on this machine.
        data: the data set, None where it is not on this machine.
        noises: the cells by noise. Beside the columns of `load_results` they have `sigma_text`; `home`,
            whether the mode is the norm's home mode; `family`, the norm with K; `model_label`;
            `training`, the same for networks that differ in their training seed alone; `training_label`, its
            norm, with what tells it from other trainings of that norm; `curve_label`, different for all
            curves in home modes; `mode_label`, different for all curves of a model; and `repeats`, how many
            noise and order seeds the row is the mean of (`robustbench_ln.metrics.averaged`).
    """

    label: str
    name: str
    limit: int | None
    checksum: str
    images: int
    classes: tuple[str, ...]
    data: DataSet | None
    noises: list[NoiseGroup]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The cells of all noises."""
        return pd.concat([noise.cells for noise in self.noises])


@dataclass(frozen=True)
class Inputs:
    """All that the page shows.

    Attributes:
        store: where it comes from.
        selection: which part of the results it is, in a sentence; empty for all of them.
        table: the table of `load_results`, of all cells.
        data: the cells by data set.
        identities: of each cell on the page, by cell id.
        hows: how each cell was measured, by cell id; empty where it is not known.
        models: the networks' cards; of a selection those of its cells, as with what follows.
        runs: the invocations, by run id.
        failures: cells that could not be measured, by `<cell_id>.<run_id>`.
        problems: a sentence for each thing that could not be read; drawing the page adds to it.
    """

    store: Results
    selection: str
    table: pd.DataFrame
    data: list[DataGroup]
    identities: dict[str, dict[str, Any]]
    hows: dict[str, dict[str, Any]]
    models: list[StoredModel]
    runs: dict[str, dict[str, Any]]
    failures: dict[str, dict[str, Any]]
    problems: list[str]


def gather(store: Results, data_dir: Path, selection: Selection = ALL) -> Inputs:
    """Read results and look its data sets up on this machine.

    Raises:
        LnbenchError: no cell can be read, or none is selected.
    """
    table, identities, problems = read_cells(store)
    known = _known(table, problems)
    # Cells name their networks themselves: a broken card costs the card, not the page.
    models, unread = store.readable_models()
    problems = [problem.replace(f"{store.root}/", "") for problem in (*problems, *unread)]
    if known.empty:
        raise LnbenchError(
            f"No cell in '{store.root}' can be read. {' '.join(problems[:1])}",
            "Remove such cells and run lnbench corrupt-eval.",
        )
    chosen = selection.of(known, store.root)
    if chosen.empty:
        raise LnbenchError(
            f"No cell in '{store.root}' is of {selection.text}.", "lnbench results ls says what there is."
        )
    left_out = (
        f"A selection: {len(chosen):,} of {len(known):,} cells, of {selection.text}." if selection else ""
    )
    hows = {cell: store.how(cell) for cell in chosen["cell"]}
    runs = {name: record for name, record in store.run_records().items() if isinstance(record, dict)}
    failures = {name: record for name, record in store.failure_records().items() if isinstance(record, dict)}
    if selection:
        # A part of results tells nothing of the rest.
        networks, measured = set(chosen["model"]), {how.get("run_id") for how in hows.values()}
        models = [model for model in models if model.id in networks]
        runs = {name: record for name, record in runs.items() if name in measured}
        failures = {name: record for name, record in failures.items() if name.rpartition(".")[2] in runs}
    return Inputs(
        store,
        left_out,
        table,
        _by_data(chosen, identities, data_dir, {model.id: model.card["recipe"] for model in models}),
        {cell: identities[cell] for cell in chosen["cell"]},
        hows,
        models,
        runs,
        failures,
        problems,
    )


def spread_sigmas(sigmas: npt.ArrayLike) -> list[float]:
    """Return the sigmas nearest to 0, a quarter, a half and all of the largest, each once.

    >>> spread_sigmas([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4])
    [0.0, 1.0, 2.0, 4.0]
    """
    known = np.unique(np.asarray(sigmas, dtype=np.float64))
    nearest = [float(known[np.abs(known - part * known[-1]).argmin()]) for part in (0, 0.25, 0.5, 1)]
    return list(dict.fromkeys(nearest))


def _known(table: pd.DataFrame, problems: list[str]) -> pd.DataFrame:
    """Return the rows whose norm, noise and mode this version has; tell the others."""

    @cache
    def reason(norm: str, noise: str, clip: bool, rescale: bool, space: Space, mode: str) -> str:
        try:
            find_norm(norm)
            NoiseSpec.stored(noise, clip, rescale, space)
            check_mode(mode)
        except LnbenchError as error:
            return str(error)
        return ""

    reasons = [reason(*values) for values in rows_of(table, "norm", *_NOISE, "mode")]
    problems.extend(
        f"Left out cell '{cell}': {text}"
        for (cell,), text in zip(rows_of(table, "cell"), reasons, strict=True)
        if text
    )
    return table[[not text for text in reasons]]


def _by_data(
    known: pd.DataFrame,
    identities: dict[str, dict[str, Any]],
    data_dir: Path,
    recipes: dict[str, dict[str, Any]],
) -> list[DataGroup]:
    ready_made = sorted(set(known["noise"]) - set(NOISES))
    own = [identities[cell] for cell in known["cell"].tolist()]
    cells = known.assign(
        sigma_text=[identity["noise"]["sigma"] for identity in own],
        home=known["norm"].map(lambda norm: find_norm(norm).home_mode) == known["mode"],
        family=[_family(identity["model"]) for identity in own],
        training=_trainings([identity["model"] for identity in own], recipes),
        norm_rank=known["norm"].map(norm_rank),
        noise_rank=known["noise"].map([*NOISES, *ready_made].index),
        mode_rank=known["mode"].map(MODES.index),
    ).sort_values(_ORDER, ignore_index=True)
    groups = dict(list(cells.groupby(_DATA, dropna=False, sort=False)))
    keys = {key: (str(key[0]), _whole(key[1]), str(key[2])) for key in groups}
    labels = data_labels(keys)
    return [
        _data_group(labels[key], *keys[key], group, identities, data_dir) for key, group in groups.items()
    ]


def _data_group(
    label: str,
    name: str,
    limit: int | None,
    checksum: str,
    cells: pd.DataFrame,
    identities: dict[str, dict[str, Any]],
    data_dir: Path,
) -> DataGroup:
    data = find_decoded(checksum, data_dir)
    count = int(cells["classes"].max())
    names = data.info.classes if data is not None else ()
    usual = usual_cells(cells)
    usual = usual.assign(home=usual["home"] & headline_size(usual))
    shown = dict(list(_by_noise(_labelled(averaged(usual), identities))))
    noises = []
    for options, measured in _by_noise(_labelled(cells, identities)):
        spec = NoiseSpec.stored(*options)
        several = compositions(measured, several=True)
        noises.append(NoiseGroup(spec, spec.text, shown[options], measured, several))
    return DataGroup(
        label,
        name,
        limit,
        checksum,
        int(cells["images"].max()),
        names if len(names) == count else tuple(map(str, range(count))),
        data,
        noises,
    )


def _by_noise(cells: pd.DataFrame) -> Any:
    return cells.sort_values("noise_rank", kind="stable").groupby(_NOISE, sort=False)


def _labelled(cells: pd.DataFrame, identities: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return the cells of one data set with the labels of models, curves and modes as columns."""
    models = {model: identities[cell]["model"] for model, cell in rows_of(cells, "model", "cell")}
    names = model_labels(models)
    trainings = training_labels(
        {training: models[model] for training, model in rows_of(cells, "training", "model")}
    )
    codes = cells.groupby(_CURVE, dropna=False, sort=False).ngroup()
    curves = cells.assign(code=codes).drop_duplicates("code").set_index("code").to_dict("index")
    at_home = distinct_labels(
        {code: (names[row["model"]], *repeat_parts(row)) for code, row in curves.items() if row["home"]}
    )
    modes: dict[int, str] = {}
    for model in models:
        own = {code: row for code, row in curves.items() if row["model"] == model}
        modes |= distinct_labels({code: (mode_label(row), *repeat_parts(row)) for code, row in own.items()})
    return cells.assign(
        model_label=cells["model"].map(names),
        training_label=cells["training"].map(trainings),
        curve_label=codes.map(lambda code: at_home.get(code, "")),
        mode_label=codes.map(modes),
    )


def _family(model: dict[str, Any]) -> str:
    return norm_label(model["norm"], model["norm_options"])


def _trainings(models: list[dict[str, Any]], recipes: dict[str, dict[str, Any]]) -> list[str]:
    """Return the same key for networks that differ in their training seed alone."""
    keys: list[str] = []
    last: dict[str, Any] | None = None
    for model in models:
        # Cells are sorted by their networks.
        if model == last:
            keys.append(keys[-1])
            continue
        last, whole = model, recipes.get(model["id"], model)
        keys.append(
            content_hash({name: value for name, value in whole.items() if name not in ("id", "seed")})
        )
    return keys


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)
