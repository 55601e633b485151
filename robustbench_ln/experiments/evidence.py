"""What was measured for an experiment: the cells and networks of a store that answer what it asks for.

Networks are recognised by their cards, so that packed results can be read where no data are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from robustbench_ln.benchmarks.benchmark import PAPER, Benchmark, Preprocessing
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.benchmarks.read import Declared
from robustbench_ln.experiments.needs import Need, needs_of, preset_of, shown_norms
from robustbench_ln.norms.registry import resolve_options
from robustbench_ln.store.results import Results
from robustbench_ln.store.store import StoredModel


@dataclass(frozen=True)
class Evidence:
    """What was measured for one experiment over the networks of one benchmark at one preset.

    Attributes:
        benchmark: the benchmark's name.
        preset: how much of the recipe the networks had.
        settings: the benchmark at that preset.
        results: where the networks' logs are read.
        models: the networks, all norms and seeds.
        cells: rows of `load_results` and `reading` ("text", "code" or "both"), `kind` (first part of the
            noise's name), `noise_text` (the noise with its options) and `small_sets`.
        asked: number of networks that the benchmark declares.
    """

    benchmark: str
    preset: str
    settings: Benchmark
    results: Results
    models: tuple[StoredModel, ...]
    cells: pd.DataFrame
    asked: int


def gather_evidence(
    declared: Declared,
    experiment: Experiment,
    results: Results,
    table: pd.DataFrame,
    preset: str | None = None,
) -> list[Evidence]:
    """Return what was measured for an experiment, one entry a benchmark.

    Args:
        declared: the file.
        experiment: the item.
        results: the store, or packed results.
        table: their `load_results`.
        preset: of this preset alone; None takes, for each benchmark, the fullest one that has a network.
    """
    found = []
    models = results.models()
    for name in experiment.benchmarks:
        presets = (PAPER, *declared.benchmark(name).presets) if preset is None else (preset,)
        entries = (_of_preset(declared, experiment, name, one, results, models, table) for one in presets)
        first = next(entries)
        # The others are looked through only while no network is found.
        found.append(first if first.models else next((one for one in entries if one.models), first))
    return found


def _of_preset(
    declared: Declared,
    experiment: Experiment,
    name: str,
    preset: str,
    results: Results,
    models: list[StoredModel],
    table: pd.DataFrame,
) -> Evidence:
    settings = preset_of(declared, name, preset)
    norms = shown_norms(experiment, settings)
    own = [model for model in models if is_of(model, name, settings) and _norm_of(model) in norms]
    rows = table[table["model"].isin([model.id for model in own])]
    # Most presets have no network, and then nothing needs to be looked for.
    needs = needs_of(declared, experiment, name, preset) if own else []
    parts = [_matching(rows, need) for need in needs]
    extra: dict[str, list[object]] = {"reading": [], "kind": [], "noise_text": [], "small_sets": []}
    cells = pd.concat(parts) if parts else rows.iloc[:0].assign(**extra)
    # A cell that two sweeps ask for counts once.
    cells = cells.drop_duplicates("cell", ignore_index=True)
    # Histograms are of images alone.
    asked = 0 if experiment.figure == "histograms" else len(norms) * len(settings.seeds)
    return Evidence(name, preset, settings, results, tuple(own), cells, asked)


def is_of(model: StoredModel, name: str, settings: Benchmark) -> bool:
    """Return whether a network was trained as a benchmark, at some preset, declares."""
    recipe: Mapping[str, Any] = model.card["recipe"]
    own = [
        resolve_options(norm, options) for norm, options in settings.norm_options() if norm == recipe["norm"]
    ]
    return bool(
        recipe["benchmark"] == name
        and recipe["network"] == settings.network
        and recipe["train"] == settings.train.card()
        and recipe["norm_options"] in own
        and recipe["seed"] in settings.seeds
        and recipe.get("start") == settings.start
        and settings.preprocessing in (None, Preprocessing.model_validate(recipe["preprocessing"]))
        and (recipe["data"] or {}).get("limit") == settings.train_images
    )


def _norm_of(model: StoredModel) -> tuple[str, Mapping[str, Any]]:
    recipe = model.card["recipe"]
    return recipe["norm"], recipe["norm_options"]


def _matching(rows: pd.DataFrame, need: Need) -> pd.DataFrame:
    """Return the rows that a sweep asks for, with what it calls them."""
    noise = need.noise
    wanted = (
        (rows["noise"] == noise.name)
        & (rows["rescale"] == noise.rescale)
        & (rows["space"] == noise.space)
        & ~rows["clip"].astype(bool)
        & rows["sigma"].isin([float(sigma) for sigma in need.sigmas])
        & rows["norm"].isin([norm for norm, _ in need.norms])
        & (
            ~rows["coupled"].astype(bool)
            | ((rows["batch_size"] == need.batch_size) & (rows["order"] == "shuffled"))
        )
        & (rows["vote"].isna() | (rows["vote"] == "majority"))
    )
    limit = need.settings.test_images
    wanted &= rows["limit"].isna() if limit is None else (rows["limit"].isna() | (rows["limit"] == limit))
    if need.modes is not None:
        wanted &= rows["mode"].isin(need.modes)
    options = [
        *(["rescaled"] if noise.rescale else []),
        *(["standardised"] if noise.space != "pixel" else []),
    ]
    return rows[wanted.fillna(False)].assign(
        reading=need.sweep.reading or "both",
        kind=need.sweep.kind,
        noise_text=" ".join([noise.name, *options]),
        small_sets=need.small_sets is not None,
    )
