"""The cells that a claim's curves name, and whether their networks count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from robustbench_ln.benchmarks.benchmark import PAPER
from robustbench_ln.benchmarks.claims import Of
from robustbench_ln.benchmarks.printed import mode_of
from robustbench_ln.experiments.checks import Point, UndecidedError, points_of
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.identity import canonical_json
from robustbench_ln.metrics import of_clean_images
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.noise.grid import DEFAULT_POINTS
from robustbench_ln.norms.registry import fits, parse_norm
from robustbench_ln.store.stored import StoredModel


@dataclass(frozen=True)
class Scene:
    """Where a check looks.

    Attributes:
        data: the test images' name.
        checksum: what tells them from others.
        noise, reading: see `Check`.
    """

    data: str
    checksum: str
    noise: str
    reading: str


@dataclass(frozen=True)
class Curve:
    """One curve: a norm's networks in one mode, under one noise.

    Attributes:
        label: its name in sentences.
        cells: one a training seed and sigma.
        asked: the sigmas that the experiment asks for.
    """

    label: str
    cells: pd.DataFrame
    asked: frozenset[float] = frozenset()

    def table(self, measure: str = "accuracy") -> pd.DataFrame:
        """Return a measure, a row a sigma and a column a training seed."""
        return self.cells.pivot(index="sigma", columns="train_seed", values=measure)

    @property
    def images(self) -> pd.Series:
        """Test images by sigma, the fewest of any seed."""
        return self.cells.groupby("sigma")["images"].min()

    def points(self) -> list[Point]:
        """Return accuracies; Wilson's interval where there is one network."""
        return points_of(self.table(), self.images, self.cells.drop_duplicates("sigma").set_index("sigma"))


def label_of(of: Of) -> str:
    """Return a curve's name in sentences."""
    sets = " on sets of N/K images" if of.small_sets else ""
    return f"{of.norm} ({mode_of(of)}{sets})"


def networks_of(entry: Evidence, norm: str) -> list[StoredModel]:
    """Return the networks of a norm."""
    wanted = parse_norm(norm)
    recipes = [(model, model.card["recipe"]) for model in entry.models]
    return [model for model, recipe in recipes if fits((recipe["norm"], recipe["norm_options"]), wanted)]


def rows_of(entry: Evidence, of: Of) -> pd.DataFrame:
    """Return the cells of a curve, on all data and under all noises of its kind."""
    cells = entry.cells
    mine = cells[
        cells["model"].isin([model.id for model in networks_of(entry, of.norm)])
        & (cells["mode"] == mode_of(of))
        & (cells["small_sets"].astype(bool) == of.small_sets)
    ]
    if of.noise is not None:
        return mine[mine["kind"] == of.noise]
    return mine[of_clean_images(mine)].assign(noise_text="", reading="both")


def scenes_of(rows: Sequence[pd.DataFrame]) -> list[Scene]:
    """Return the test sets and noises that some cells are of."""
    columns = ["checksum", "data", "noise_text", "reading"]
    known = pd.concat([part[columns] for part in rows]).drop_duplicates()
    checksums = known.groupby("data")["checksum"].nunique()
    scenes = []
    for (checksum, data, noise), part in known.groupby(columns[:3], sort=False):
        name = data if checksums[data] == 1 else f"{data} ({checksum[:6]})"
        readings = set(part["reading"])
        scenes.append(Scene(name, checksum, noise, readings.pop() if len(readings) == 1 else "both"))
    return scenes


def in_scene(rows: pd.DataFrame, scene: Scene) -> pd.DataFrame:
    """Return the cells of a scene, one a network's options, training seed and sigma.

    A clean image is the same under every noise. Of two networks of a seed, trained on other data, the
    first by name does.
    """
    mine = rows[(rows["checksum"] == scene.checksum) & (rows["noise_text"] == scene.noise)]
    kept = mine.sort_values(["space", "noise", "model"], kind="stable")
    return kept.drop_duplicates(["groups", "train_seed", "sigma"])


def curve_in(entry: Evidence, rows: pd.DataFrame, scene: Scene, label: str, norm: str) -> Curve:
    """Return a curve of one mode and kind of sets in a scene.

    Raises:
        UndecidedError: it was not measured there, or its norm names networks with different options.
    """
    cells = in_scene(rows, scene)
    if cells.empty:
        where = f" under {scene.noise}" if scene.noise else ""
        raise UndecidedError(f"{label} of {entry.benchmark} was not measured on {scene.data}{where}")
    one_kind([model for model in networks_of(entry, norm) if model.id in set(rows["model"])], norm)
    mode, small_sets = cells["mode"].iloc[0], bool(cells["small_sets"].iloc[0])
    asked = entry.asked_sigmas(norm, mode, scene.noise, small_sets=small_sets)
    return Curve(label, cells, frozenset(asked))


def same_networks(line: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of a line at the sigmas that all of its networks were measured at.

    Means over other networks from one sigma to the next would show the networks' difference as a jump of the
    curve. A network that leaves fewer sigmas than a default grid has points, as while it is being measured,
    is left out instead.
    """
    sigmas = line.groupby("train_seed")["sigma"].agg(set).to_dict()
    enough = min(DEFAULT_POINTS, max(map(len, sigmas.values())))
    while len(shared := set.intersection(*sigmas.values())) < enough:
        del sigmas[min(sigmas, key=lambda seed: (len(sigmas[seed]), -seed))]
    return line[line["sigma"].isin(shared) & line["train_seed"].isin(list(sigmas))]


def one_kind(networks: Sequence[StoredModel], norm: str) -> None:
    """Make sure that networks of a norm are told apart by their seed alone.

    Raises:
        UndecidedError: they have different options.
    """
    kinds = {canonical_json(network.card["recipe"]["norm_options"]) for network in networks}
    if len(kinds) > 1:
        raise UndecidedError(
            f"{norm} names networks with {len(kinds)} different options; the claim names none"
        )


def check_clean(
    entry: Evidence, networks: Sequence[StoredModel], minimum: float, scene: Scene | None
) -> None:
    """Make sure that a norm's networks learned enough for their curves to mean something.

    Their clean accuracy is the mean over training seeds of sigma 0 in the home mode; where that was not
    measured, that of their last epoch.

    Raises:
        UndecidedError: it is below the minimum, or not known.
    """
    norm = networks[0].card["recipe"]["norm"]
    clean = Of(norm=norm)
    rows = rows_of(entry, clean)
    rows = rows[rows["model"].isin([network.id for network in networks])]
    if scene is not None:
        rows = in_scene(rows, Scene(scene.data, scene.checksum, "", "both"))
    cards = [network.card.get("test_accuracy") for network in networks]
    known = list(rows["accuracy"]) or [accuracy for accuracy in cards if accuracy is not None]
    if not known:
        raise UndecidedError(f"the clean accuracy of {norm} of {entry.benchmark} is not known")
    accuracy = sum(known) / len(known)
    if accuracy < minimum:
        raise UndecidedError(
            f"{norm} of {entry.benchmark} has {100 * accuracy:.2f} % on clean images, "
            f"below the {100 * minimum:g} % from which its curves count"
        )


def paired(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return tables by sigma and training seed, cut down to the seeds and sigmas that all have.

    Raises:
        UndecidedError: no seed, or no sigma, is in all of them.
    """
    seeds = sorted(set.intersection(*(set(table.columns) for table in tables)))
    if not seeds:
        raise UndecidedError("no training seed was measured on all sides")
    sigmas = sorted(set.intersection(*(set(table[seeds].dropna(how="all").index) for table in tables)))
    if not sigmas:
        raise UndecidedError("no sigma was measured on all sides")
    cut = [table.loc[sigmas, seeds] for table in tables]
    # A seed that one side lacks at a sigma counts on no side there.
    there = pd.concat([table.notna() for table in cut], keys=range(len(cut))).groupby(level=1).all()
    return [table.where(there) for table in cut]


def at_sigmas(
    points: Sequence[Point], grid: str | None, asked: Collection[float] = ()
) -> tuple[list[Point], list[float], list[float]]:
    """Return the points at the sigmas of a claim, and the sigmas that were not measured.

    Args:
        points: at every measured sigma.
        grid: the sigmas of the claim; None for all.
        asked: the sigmas that the experiment asks for at this preset.

    Returns:
        The points; the sigmas of the claim without one; and of these, those that are asked for.

    Raises:
        UndecidedError: none was measured.
    """
    wanted = {float(sigma) for sigma in parse_sigmas(grid)} if grid is not None else None
    kept = [point for point in points if wanted is None or point.sigma in wanted]
    if kept:
        missing = (set(asked) if wanted is None else wanted) - {point.sigma for point in kept}
        return kept, sorted(missing), sorted(missing & set(asked))
    if not points:
        raise UndecidedError("no sigma was measured on all sides")
    known = [point.sigma for point in points]
    nearest = {min(known, key=lambda sigma: abs(sigma - one)) for one in wanted or ()}
    raise UndecidedError(
        f"none of sigma {listed(sorted(wanted or ()))} was measured; "
        f"the nearest measured: {listed(sorted(nearest))}"
    )


def listed(sigmas: Iterable[float]) -> str:
    """Return sigmas as a list in a sentence."""
    return ", ".join(f"{sigma:g}" for sigma in sigmas)


def shortening(entries: Iterable[Evidence]) -> str:
    """Return which presets shortened the networks' training, starting with a semicolon.

    What a preset shortens is said where it is declared, and once for an item.
    """
    texts: Mapping[str, None] = dict.fromkeys(
        f"; preset {entry.preset}"
        for entry in entries
        if entry.preset != PAPER and entry.preset in entry.settings.presets
    )
    return "".join(texts)
