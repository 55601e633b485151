"""A benchmark: the networks of one architecture on one data set, each norm trained with the same recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt

from robustbench_ln.benchmarks.fields import Declaration, Different, Number, PositiveInt, Text
from robustbench_ln.benchmarks.training import TrainSettings
from robustbench_ln.errors import UnknownNameError
from robustbench_ln.norms.registry import parse_norm

Seeds = Annotated[tuple[Annotated[StrictInt, Field(ge=0)], ...], Field(min_length=1), Different]
#: The full recipe, which every benchmark has.
PAPER = "paper"


class Preprocessing(Declaration):
    """A network's own normalization of images in [0, 1]: (x - mean) / std, a number a channel."""

    mean: tuple[Number, ...]
    std: tuple[Annotated[Number, Field(gt=0)], ...]


class CodeNoise(Declaration):
    """How the authors' code brings noise to a network's images, whatever the noise.

    Attributes:
        rescale, space: see `robustbench_ln.noise.NoiseSpec`.
    """

    rescale: StrictBool = False
    space: Literal["pixel", "standardised"] = "pixel"


class Preset(Declaration):
    """What a shorter run of a benchmark changes; what is left out stays.

    Attributes:
        shortens: in words, what it shortens.
        train: settings in place of the benchmark's.
        seeds, train_images, test_images, points: see `Benchmark`.
    """

    shortens: Text
    train: dict[str, Any] = Field(default_factory=dict)
    seeds: Seeds | None = None
    train_images: PositiveInt | None = None
    test_images: PositiveInt | None = None
    points: PositiveInt | None = None


class Benchmark(Declaration):
    """Networks to train.

    Attributes:
        title: one line for people.
        data: a data set as on the command line.
        network: a network's name.
        start: a model whose weights the training starts from, as for `lnbench convert`; None for fresh ones.
        norms: each norm with its options. A norm that stands several times has options in its key, such as
            `localnorm:groups=4`.
        train: the recipe.
        preprocessing: the network's own normalization; None leaves images in [0, 1].
        code_noise: how sweeps of reading "code" bring noise to its images; other sweeps change images in
            [0, 1] and leave it at that.
        seeds: one training each.
        image_size: bring images to a square of this size.
        train_images, test_images: use so many only, a fixed random choice.
        points: measure at most so many sigmas of each grid, spread over it.
        presets: shorter runs by name; "paper" is the benchmark as it stands.
    """

    title: str
    data: str
    network: str
    start: Text | None = None
    norms: dict[str, dict[str, StrictInt | Number]] = Field(min_length=1)
    train: TrainSettings
    preprocessing: Preprocessing | None = None
    code_noise: CodeNoise = CodeNoise()
    seeds: Seeds = (0,)
    image_size: PositiveInt | None = None
    train_images: PositiveInt | None = None
    test_images: PositiveInt | None = None
    points: PositiveInt | None = None
    presets: dict[str, Preset] = Field(default_factory=dict)

    def norm_options(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the name and the options of each norm."""
        parsed = [(*parse_norm(key), options) for key, options in self.norms.items()]
        return [(name, {**in_key, **options}) for name, in_key, options in parsed]

    def at(self, preset: str) -> Benchmark:
        """Return the benchmark as a preset changes it.

        Raises:
            UnknownNameError: it has no such preset.
        """
        if preset == PAPER:
            return self
        if preset not in self.presets:
            raise UnknownNameError("preset", preset, (PAPER, *self.presets))
        changes = self.presets[preset].model_dump(exclude={"shortens", "train"}, exclude_none=True)
        train = merged_training(self.train.model_dump(exclude_unset=True), self.presets[preset].train)
        return self.model_copy(update={**changes, "train": TrainSettings.model_validate(train)})


def merged_training(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return training settings with changes; another schedule takes the place of the base's."""
    schedules = ("decay", "decay_every", "milestones", "one_cycle")
    replaced = schedules if any(name in changes for name in schedules) else ()
    return {name: value for name, value in base.items() if name not in replaced} | dict(changes)


def on_data(benchmark: str, data: str) -> str:
    """Return a benchmark's name with that of its data, where the one does not begin with the other.

    >>> on_data("cifar10-vgg", "cifar10"), on_data("cifar10-vgg", "folder:cifar10-jpg")
    ('cifar10-vgg', 'cifar10-vgg on folder:cifar10-jpg')
    """
    return benchmark if benchmark.startswith(data) else f"{benchmark} on {data}"
