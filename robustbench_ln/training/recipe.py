"""A training recipe: all that decides what a network learns, and the name that follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from robustbench_ln.benchmarks.benchmark import Benchmark, Preprocessing
from robustbench_ln.benchmarks.training import TrainSettings
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import PROTOCOL_VERSION, recipe_id, recipe_label
from robustbench_ln.norms.registry import check_groups, find_norm
from robustbench_ln.store.stored import StoredModel


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
        benchmark: the experiment's name, a label without effect on the network.
        network: the network's name.
        norm: the norm's name.
        norm_options: its options.
        data: identity of the training images (see `DataSet.identity`).
        image_shape: (C, H, W).
        classes: number of classes.
        preprocessing: mean and deviation of each channel, taken from images in [0, 1].
        train: the settings.
        seed: of the initial weights, the order of the images, dropout and noisy copies.
        start: what the weights are taken over from, None for fresh ones.
        statistics_over: images over which BatchNorm takes its statistics, where several processes train the
            network and each has its own; None for the batch.
    """

    benchmark: str
    network: str
    norm: str
    norm_options: Mapping[str, Any]
    data: Mapping[str, Any]
    image_shape: tuple[int, int, int]
    classes: int
    preprocessing: Mapping[str, tuple[float, ...]]
    train: TrainSettings
    seed: int
    start: str | None = None
    statistics_over: int | None = None

    def card(self) -> dict[str, Any]:
        """Return the recipe as JSON values."""
        card = asdict(self) | {"train": self.train.card(), "protocol": PROTOCOL_VERSION}
        for later in ("start", "statistics_over"):
            if card[later] is None:
                del card[later]
        return card

    @property
    def id(self) -> str:
        """12 hexadecimal digits over all that decides what the network learns."""
        return recipe_id(self.card())

    @property
    def label(self) -> str:
        """Readable start of the model's name."""
        return recipe_label(self.card())

    @property
    def name(self) -> str:
        """Start of the model's name that tells it from others of the same norm and seed."""
        return f"{self.label}.{self.id}"


def plan_recipes(
    name: str,
    benchmark: Benchmark,
    data: DataSet,
    *,
    norms: Sequence[tuple[str, Mapping[str, Any]]] | None = None,
    seeds: tuple[int, ...] | None = None,
    epochs: int | None = None,
    limit: int | None = None,
    dtype: str | None = None,
) -> list[Recipe]:
    """Return the trainings of a benchmark, one for each norm and seed.

    Args:
        name: the benchmark's name.
        benchmark: what it declares.
        data: the opened data set.
        norms: names and options; train these, with the options over those of the benchmark's first norm of
            that name; None for all it declares. A norm may stand twice with different options.
        seeds: in place of the benchmark's.
        epochs: in place of the benchmark's.
        limit: train on this many images only, in place of the benchmark's own number.
        dtype: "float32" or "bfloat16", in place of the benchmark's.

    Raises:
        UnknownNameError: an unknown norm.
        LnbenchError: a batch that does not divide into the norm's groups, or fewer images than a batch.
    """
    for what, number in (("epochs", epochs), ("limit", limit)):
        if number is not None and number < 1:
            raise LnbenchError(f"{number} is no number for {what}.", "Give 1 or more.")
    changes = {"epochs": epochs, "dtype": dtype}
    given = {name: value for name, value in changes.items() if value is not None}
    train = benchmark.train.model_copy(update=given)
    data.check_train("a network is to be trained")
    identity = data.identity("train", limit or benchmark.train_images)
    images = identity["limit"] or data.info.splits["train"].images
    if images < train.batch_size:
        raise LnbenchError(
            f"{images} training images do not fill one batch of {train.batch_size}.",
            "Use more images or a smaller batch_size in the benchmark.",
        )
    preprocessing = _preprocessing(benchmark, data)
    recipes: list[Recipe] = []
    asked = [(norm, {**_own_options(benchmark, norm), **options}) for norm, options in norms or ()]
    for norm, options in asked or benchmark.norm_options():
        resolved = check_groups(norm, options, train.batch_size)
        recipes.extend(
            Recipe(
                benchmark=name,
                network=benchmark.network,
                norm=norm,
                norm_options=resolved,
                data=identity,
                image_shape=data.info.shape,
                classes=len(data.info.classes),
                preprocessing=preprocessing,
                train=train,
                seed=seed,
                start=benchmark.start,
            )
            for seed in dict.fromkeys(benchmark.seeds if seeds is None else seeds)
        )
    # A norm may be spelled in two ways.
    return list({recipe.id: recipe for recipe in recipes}.values())


def starting_from(benchmark: Benchmark, model: StoredModel, norms: Collection[str] = ()) -> Benchmark:
    """Return a benchmark that goes on from a stored network: of its architecture, norm and preprocessing.

    Args:
        benchmark: the recipe.
        model: where it starts.
        norms: names that are asked for; empty for the network's own.

    Raises:
        LnbenchError: another norm than the network's is asked for, or its layers differ in an option, which
            a recipe cannot say.
    """
    recipe = model.card["recipe"]
    for norm in norms:
        if norm != recipe["norm"]:
            raise LnbenchError(
                f"Model '{model.id}' has norm '{recipe['norm']}', which a training from it keeps.",
                f"Convert it first: lnbench convert '{model.id}' --norm {norm}",
            )
    differing = find_norm(recipe["norm"]).options.keys() - recipe["norm_options"].keys()
    if differing:
        raise LnbenchError(
            f"The layers of model '{model.id}' differ in {', '.join(sorted(differing))}, which a training "
            "would make equal.",
            "Convert its source again with one value for all layers, such as --eps 1e-5.",
        )
    return benchmark.model_copy(
        update={
            "network": recipe["network"],
            "norms": {recipe["norm"]: dict(recipe["norm_options"])},
            "preprocessing": Preprocessing.model_validate(recipe["preprocessing"]),
            "start": model.id,
        }
    )


def _own_options(benchmark: Benchmark, norm: str) -> Mapping[str, Any]:
    """Return the options of a benchmark's first norm of a name; none where it has no such norm."""
    return next((options for name, options in benchmark.norm_options() if name == norm), {})


def _preprocessing(benchmark: Benchmark, data: DataSet) -> dict[str, tuple[float, ...]]:
    channels = data.info.shape[0]
    given = benchmark.preprocessing
    if given is None:
        return {"mean": (0.0,) * channels, "std": (1.0,) * channels}
    if len(given.mean) != channels or len(given.std) != channels:
        raise LnbenchError(
            f"The preprocessing has {len(given.mean)} means and {len(given.std)} deviations, "
            f"but the images have {channels} channels.",
            "Give one number a channel in the benchmark.",
        )
    return {"mean": given.mean, "std": given.std}
