"""A training recipe: all that decides what a network learns, and the name that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from robustbench_ln.benchmarks import Benchmark, TrainSettings
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import PROTOCOL_VERSION, content_hash
from robustbench_ln.norms.registry import check_groups


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
        seed: of the initial weights, the order of the images and dropout.
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

    def card(self) -> dict[str, Any]:
        """Return the recipe as JSON values."""
        return asdict(self) | {"train": self.train.model_dump(), "protocol": PROTOCOL_VERSION}

    @property
    def id(self) -> str:
        """12 hexadecimal digits over all that decides what the network learns."""
        return content_hash({key: value for key, value in self.card().items() if key != "benchmark"})

    @property
    def label(self) -> str:
        """Readable start of the model's name."""
        return f"{self.benchmark}-{self.norm}-s{self.seed}"


def plan_recipes(
    name: str,
    benchmark: Benchmark,
    data: DataSet,
    *,
    norms: Sequence[tuple[str, Mapping[str, Any]]] | None = None,
    seeds: tuple[int, ...] | None = None,
    epochs: int | None = None,
    limit: int | None = None,
) -> list[Recipe]:
    """Return the trainings of a benchmark, one for each norm and seed.

    Args:
        name: the benchmark's name.
        benchmark: what it declares.
        data: the opened data set.
        norms: names and options; train these, with the options over the benchmark's own; None for all it
            declares. A norm may stand twice with different options.
        seeds: in place of the benchmark's.
        epochs: in place of the benchmark's.
        limit: train on this many images only.

    Raises:
        UnknownNameError: an unknown norm.
        LnbenchError: a batch that does not divide into the norm's groups, or fewer images than a batch.
    """
    for what, number in (("epochs", epochs), ("limit", limit)):
        if number is not None and number < 1:
            raise LnbenchError(f"{number} is no number for {what}.", "Give 1 or more.")
    train = benchmark.train if epochs is None else benchmark.train.model_copy(update={"epochs": epochs})
    identity = data.identity("train", limit)
    images = identity["limit"] or data.info.splits["train"].images
    if images < train.batch_size:
        raise LnbenchError(
            f"{images} training images do not fill one batch of {train.batch_size}.",
            "Use more images or a smaller batch_size in the benchmark.",
        )
    channels = data.info.shape[0]
    recipes: list[Recipe] = []
    for norm, options in norms or benchmark.norms.items():
        resolved = check_groups(norm, {**benchmark.norms.get(norm, {}), **options}, train.batch_size)
        recipes.extend(
            Recipe(
                benchmark=name,
                network=benchmark.network,
                norm=norm,
                norm_options=resolved,
                data=identity,
                image_shape=data.info.shape,
                classes=len(data.info.classes),
                preprocessing={"mean": (0.0,) * channels, "std": (1.0,) * channels},
                train=train,
                seed=seed,
            )
            for seed in dict.fromkeys(benchmark.seeds if seeds is None else seeds)
        )
    return recipes
