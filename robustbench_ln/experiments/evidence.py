"""What was measured for an experiment: the cells and networks of a store that answer what it asks for.

Networks are recognised by their cards, so that packed results can be read where no data are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from robustbench_ln.benchmarks.benchmark import PAPER, Benchmark, Preprocessing, on_data
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.experiments.needs import (
    Need,
    count_cells,
    count_networks,
    needs_of,
    preset_of,
    shown_norms,
)
from robustbench_ln.identity import recipe_id
from robustbench_ln.modes import modes_for
from robustbench_ln.norms.registry import fits, parse_norm, resolve_options
from robustbench_ln.store.results import Results
from robustbench_ln.store.stored import StoredModel


@dataclass(frozen=True)
class Evidence:
    """What was measured for one experiment over the networks of one benchmark at one preset.

    Attributes:
        benchmark: the benchmark's name.
        preset: how much of the recipe the networks had.
        settings: the benchmark at that preset.
        results: where the networks' logs are read.
        models: the networks, all norms and seeds, also seeds that the benchmark does not name; one a recipe.
        cells: rows of `load_results` and `reading` ("text", "code" or "both"), `kind` (first part of the
            noise's name), `noise_text` (the noise with its options) and `small_sets`; one for each network,
            noise, mode, sets and sigma.
        asked: number of networks that the benchmark declares, or of those there are where that is more.
        needs: the sweeps that the experiment asks for; none where there is no network.
    """

    benchmark: str
    preset: str
    settings: Benchmark
    results: Results
    models: tuple[StoredModel, ...]
    cells: pd.DataFrame
    asked: int
    needs: tuple[Need, ...] = ()

    @property
    def place(self) -> str:
        """The benchmark's name, and that of the data of `of_one_data_set`."""
        cells = of_one_data_set(self.cells)
        return self.benchmark if cells.empty else on_data(self.benchmark, str(cells["data"].iloc[0]))

    def asked_sigmas(self, norm: str, mode: str, noise_text: str, *, small_sets: bool) -> set[float]:
        """Return the sigmas that the experiment asks for of one curve."""
        wanted = parse_norm(norm)
        return {
            float(sigma)
            for need in self.needs
            if need.noise.text == noise_text
            and (need.small_sets is not None) == small_sets
            and mode in (need.modes or modes_for(wanted[0]))
            and any(fits(one, wanted) for one in need.norms)
            for sigma in need.sigmas
        }


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
        table: their `load_results`; networks whose cards cannot be read are left out as its cells are.
        preset: of this preset alone; None takes, for each benchmark, the fullest one that has at least half
            as large a share of its cells as any other has or, where none has cells, a network.
    """
    found = []
    models, _ = results.readable_models()
    for name in experiment.benchmarks:
        presets = (PAPER, *declared.benchmark(name).presets) if preset is None else (preset,)
        entries = [_of_preset(declared, experiment, name, one, results, models, table) for one in presets]
        found.append(_fullest(entries))
    return found


def _fullest(entries: Sequence[Evidence]) -> Evidence:
    """Return the first entry that is measured well beside the others.

    One that was only begun does not hide another that is complete.

    Args:
        entries: one a preset, the full recipe first.
    """
    shares = [len(entry.cells) / max(count_cells(entry.needs), 1) for entry in entries]
    enough = max(shares) / 2
    if not enough:
        return next((entry for entry in entries if entry.models), entries[0])
    return next(entry for entry, share in zip(entries, shares, strict=True) if share >= enough)


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
    of_norms = [model for model in models if is_of(model, declared, name, settings)]
    of_norms = [model for model in of_norms if _norm_of(model) in norms]
    rows = table[table["model"].isin([model.id for model in of_norms])]
    # Most presets have no network, and then nothing needs to be looked for.
    needs = needs_of(declared, experiment, name, preset) if of_norms else []
    parts = [_matching(rows, need) for need in needs]
    extra: dict[str, list[object]] = {"reading": [], "kind": [], "noise_text": [], "small_sets": []}
    cells = pd.concat(parts) if parts else rows.iloc[:0].assign(**extra)
    own = _one_a_recipe(of_norms, cells.drop_duplicates("cell"))
    cells = cells[cells["model"].isin([model.id for model in own])]
    # A cell that two sweeps ask for counts once.
    readings = cells.groupby("cell")["reading"].transform("nunique")
    cells = cells.assign(reading=cells["reading"].where(readings == 1, "both"))
    cells = _without_repeats(cells.drop_duplicates("cell", ignore_index=True))
    asked = max(count_networks(experiment, settings), len(own))
    taken = preset if preset in settings.presets else PAPER
    return Evidence(name, taken, settings, results, tuple(own), cells, asked, tuple(needs))


def is_of(model: StoredModel, declared: Declared, name: str, settings: Benchmark) -> bool:
    """Return whether a network was trained as a benchmark, at some preset, declares.

    It may have been trained for another benchmark, where both declare the same recipe for its norm.
    """
    recipe: Mapping[str, Any] = model.card["recipe"]
    trained_for = declared.benchmarks.get(recipe["benchmark"])
    own = [
        resolve_options(norm, options) for norm, options in settings.norm_options() if norm == recipe["norm"]
    ]
    return bool(
        (recipe["benchmark"] == name or (trained_for and _images_of(trained_for) == _images_of(settings)))
        and recipe["network"] == settings.network
        and recipe.get("train") == settings.train.card()
        and recipe["norm_options"] in own
        and recipe.get("start") == settings.start
        and recipe.get("statistics_over") is None
        and settings.preprocessing in (None, Preprocessing.model_validate(recipe["preprocessing"]))
        and _is_of_images(model, settings.train_images)
    )


def _is_of_images(model: StoredModel, declared: int | None) -> bool:
    """Return whether a network was trained on as many images as are declared, all where that is None."""
    limit = (model.card["recipe"]["data"] or {}).get("limit")
    if limit is not None or declared is None:
        return bool(limit == declared)
    # A set of no more images than that is used whole, and then no limit is written down.
    images = model.card["how"].get("train_images")
    return images is None or images <= declared


def of_one_data_set(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells on the test images that most of them are on.

    A figure is of one data set, as of CIFAR-10's own images or of JPEG files; verdicts are given on each.
    """
    if cells.empty:
        return cells
    return cells[cells["checksum"] == cells["checksum"].value_counts(sort=True).index[0]]


def _images_of(settings: Benchmark) -> tuple[str, int | None]:
    return settings.data, settings.image_size


def _one_a_recipe(models: list[StoredModel], rows: pd.DataFrame) -> list[StoredModel]:
    """Return one network for each recipe, as two machines train different ones: that of the most cells.

    They are no two draws of a seed, so only one counts.

    Args:
        models: the networks.
        rows: the cells that are asked for, each once.
    """
    cells = rows["model"].value_counts()
    by_cells = sorted(models, key=lambda model: (-cells.get(model.id, 0), model.id))
    kept = {recipe_id(model.card["recipe"]): model.id for model in reversed(by_cells)}
    return [model for model in models if model.id in kept.values()]


def _without_repeats(cells: pd.DataFrame) -> pd.DataFrame:
    """Return one cell where noise seeds, orders or limits repeat it: that of most images, then the first.

    Repeats on the same network are no further draws of a training seed.
    """
    first = cells.sort_values(
        ["images", "noise_seed", "order_seed", "cell"], ascending=[False, True, True, True], kind="stable"
    )
    which = ["model", "checksum", "noise_text", "reading", "mode", "small_sets", "sigma"]
    return first.drop_duplicates(which).sort_index(ignore_index=True)


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
        & (rows["clip"].astype(bool) == noise.clip)
        & rows["sigma"].isin([float(sigma) for sigma in need.sigmas])
        & rows["norm"].isin([norm for norm, _ in need.norms])
        & (
            ~rows["coupled"].astype(bool)
            | ((rows["batch_size"] == need.batch_size) & (rows["order"] == "shuffled"))
        )
        & (rows["vote"].isna() | (rows["vote"] == "majority"))
        & (rows["dtype"] == "float32")
    )
    limit = need.settings.test_images
    wanted &= rows["limit"].isna() if limit is None else (rows["limit"].isna() | (rows["limit"] == limit))
    # Without blends, of which none is asked for and which have one name.
    fitting = {mode for norm, _ in need.norms for mode in modes_for(norm)}
    wanted &= rows["mode"].isin(fitting if need.modes is None else need.modes)
    return rows[wanted.fillna(False)].assign(
        reading=need.sweep.reading or "both",
        kind=need.sweep.kind,
        noise_text=noise.text,
        small_sets=need.small_sets is not None,
    )
