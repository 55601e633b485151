"""What has to be done for experiments: the networks that they share, and the sweeps over each.

Work is ordered network by network, seed 0 of every norm first: a network is measured as soon as it is
trained, so that a run that is cut off leaves whole networks behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from robustbench_ln.benchmarks.benchmark import PAPER, Benchmark
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.data.names import takes_image_size
from robustbench_ln.data.open import open_data
from robustbench_ln.errors import LnbenchError
from robustbench_ln.experiments.asked import Asked
from robustbench_ln.experiments.needs import Need, count_cells, needs_of, preset_of, shown_norms
from robustbench_ln.modes import modes_for
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import NoisyPass, SweepSettings
from robustbench_ln.sweep.several import Sweep, plan_sweeps
from robustbench_ln.training.recipe import Recipe, plan_recipes


@dataclass(frozen=True)
class NetworkWork:
    """One network and what is to be measured with it.

    Attributes:
        recipe: how it is trained.
        data: its data set.
        needs: the sweeps that any of the experiments asks for.
        test_images: how many the benchmark tests on, None for all.
    """

    recipe: Recipe
    data: DataSet
    needs: tuple[Need, ...]
    test_images: int | None

    def passes(self, model: StoredModel | None) -> list[NoisyPass]:
        """Return the passes over noisy images, each cell once.

        Args:
            model: the trained network; None counts the cells of one that is not trained yet.
        """
        if model is None:
            card = {"recipe": self.recipe.card(), "class_names": list(self.data.info.classes)}
            model = StoredModel(self.recipe.label, Path(), card)
        sweeps = []
        for need in self.needs:
            fitting = modes_for(self.recipe.norm)
            modes = fitting if need.modes is None else tuple(mode for mode in need.modes if mode in fitting)
            if not modes:
                continue
            settings = SweepSettings(
                (need.noise,),
                need.sigmas,
                modes=modes,
                batch_size=need.batch_size,
                limit=need.settings.test_images,
            )
            sweeps.append(Sweep([(model, self.data)], settings))
        return plan_sweeps(sweeps)


@dataclass(frozen=True)
class Obstacle:
    """What keeps the networks of a benchmark from being trained and measured.

    Attributes:
        error: what is missing, and how to mend it.
        networks: how many networks wait for it.
        cells: how many cells of theirs.
    """

    error: LnbenchError
    networks: int
    cells: int


@dataclass(frozen=True)
class Work:
    """All that is asked for.

    Attributes:
        networks: in the order in which they are done.
        data: the data set of each benchmark, by its name.
        obstacles: why networks of a benchmark cannot be trained, by its name.
    """

    networks: list[NetworkWork] = field(default_factory=list)
    data: dict[str, DataSet] = field(default_factory=dict)
    obstacles: dict[str, Obstacle] = field(default_factory=dict)


def plan_work(
    declared: Declared, asked: Asked, data_dir: Path, on_note: Callable[[str], None] = lambda note: None
) -> Work:
    """Return the networks and sweeps that experiments need; data that are missing are told, not raised.

    Raises:
        LnbenchError: unknown names, or a benchmark that none of the experiments shows.
    """
    experiments = [declared.experiment(name) for name in dict.fromkeys(asked.experiments)]
    names = dict.fromkeys(name for each in experiments for name in each.benchmarks)
    for name in asked.benchmarks:
        declared.benchmark(name)
        if name not in names:
            raise LnbenchError(
                f"None of the experiments shows benchmark '{name}'.", f"They show: {', '.join(names)}."
            )
    used = {preset_of(declared, name, asked.preset).data for name in asked.benchmarks or names}
    for data in asked.data:
        if data not in used:
            raise LnbenchError(
                f"None of the networks asked for is trained on '{data}'.",
                f"They are trained on: {', '.join(sorted(used))}.",
            )
    work = Work()
    for name in names:
        if asked.benchmarks and name not in asked.benchmarks:
            continue
        settings = preset_of(declared, name, asked.preset)
        try:
            _check_preset(settings, asked.preset)
            spec = asked.data.get(settings.data, settings.data)
            size = settings.image_size if takes_image_size(spec) else None
            work.data[name] = open_data(spec, data_dir, size, on_note=on_note)
            work.networks.extend(_of_benchmark(declared, asked, name, settings, work.data[name]))
        except LnbenchError as error:
            work.obstacles[name] = Obstacle(error, *_waiting(declared, asked, name, settings))
    work.networks[:] = _each_once(work.networks)
    order = list(names)
    work.networks.sort(
        key=lambda one: (one.recipe.seed != 0, order.index(one.recipe.benchmark), one.recipe.seed)
    )
    return work


def _check_preset(settings: Benchmark, preset: str) -> None:
    """Make sure that a shortened recipe is not silently the full one.

    Raises:
        LnbenchError: the benchmark has no such preset.
    """
    if preset != PAPER and preset not in settings.presets:
        raise LnbenchError(
            f"It has no preset '{preset}'.", f"It has: {', '.join((PAPER, *settings.presets))}."
        )


def _waiting(declared: Declared, asked: Asked, name: str, settings: Benchmark) -> tuple[int, int]:
    """Return how many networks and cells experiments ask of a benchmark, which needs no data."""
    shown = [
        experiment
        for experiment in map(declared.experiment, dict.fromkeys(asked.experiments))
        if name in experiment.benchmarks and experiment.figure != "histograms"
    ]
    if asked.seeds:
        settings = settings.model_copy(update={"seeds": asked.seeds})
    norms = {str(norm) for experiment in shown for norm in shown_norms(experiment, settings)}
    needs = [
        replace(need, settings=settings) for each in shown for need in _needs(declared, asked, each, name)
    ]
    return len(norms) * len(settings.seeds), count_cells(needs)


def _needs(declared: Declared, asked: Asked, experiment: Experiment, name: str) -> list[Need]:
    """Return the sweeps of an experiment over a benchmark, in the readings asked for."""
    return [
        need
        for need in needs_of(declared, experiment, name, asked.preset)
        if need.sweep.reading is None or need.sweep.reading in asked.readings
    ]


def _each_once(networks: list[NetworkWork]) -> list[NetworkWork]:
    """Return one entry a recipe: two benchmarks may declare the same one."""
    found: dict[str, NetworkWork] = {}
    for one in networks:
        known = found.get(one.recipe.id)
        found[one.recipe.id] = replace(known, needs=known.needs + one.needs) if known else one
    return list(found.values())


def _of_benchmark(
    declared: Declared,
    asked: Asked,
    name: str,
    settings: Benchmark,
    data: DataSet,
) -> list[NetworkWork]:
    wanted: dict[str, tuple[Recipe, list[Need]]] = {}
    for item in asked.experiments:
        experiment = declared.experiment(item)
        if name not in experiment.benchmarks or experiment.figure == "histograms":
            continue  # histograms are of images alone
        needs = _needs(declared, asked, experiment, name)
        norms = shown_norms(experiment, settings)
        for recipe in plan_recipes(name, settings, data, norms=norms, seeds=asked.seeds or None):
            own = [need for need in needs if (recipe.norm, recipe.norm_options) in need.norms]
            wanted.setdefault(recipe.id, (recipe, []))[1].extend(own)
    return [
        NetworkWork(recipe, data, tuple(needs), settings.test_images) for recipe, needs in wanted.values()
    ]
