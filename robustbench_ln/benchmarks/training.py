"""How a network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, model_validator

from robustbench_ln.benchmarks.fields import Declaration, Number, PositiveInt, Share, Text
from robustbench_ln.noise import find_noise


class AugmentSettings(Declaration):
    """Random changes of each training image, drawn anew each time it is seen; none by default.

    The names and meanings are those of Keras' ImageDataGenerator, which the LocalNorm authors used.

    Attributes:
        flip: mirror left and right with probability 1/2.
        shift: move by up to this fraction of height and of width, each uniform and continuous.
        rotate: turn by up to this many degrees, uniform to both sides.
        zoom: scale height and width, each by a factor uniform in [1 - zoom, 1 + zoom]; a factor above 1
            makes the image's content smaller.
        fill: what is seen beyond the edge: "nearest" repeats the edge's pixels, "zeros" is 0.
    """

    flip: StrictBool = False
    shift: Annotated[Number, Field(ge=0, le=1)] = 0.0
    rotate: Annotated[Number, Field(ge=0, le=180)] = 0.0
    zoom: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    fill: Literal["nearest", "zeros"] = "nearest"


class NoisyCopies(Declaration):
    """Training images that stand a second time in each epoch, with noise.

    Attributes:
        noise: the noise's name.
        sigma: its strength.
        share: of the training images, a fixed random choice.
    """

    noise: Text
    sigma: Annotated[Number, Field(ge=0)]
    share: Annotated[Number, Field(gt=0, le=1)]


class TrainSettings(Declaration):
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        batch_size: N, images of a training batch; a last, smaller batch is left out.
        learning_rate: of the first epoch; the highest of a one-cycle schedule.
        decay: the learning rate is multiplied by it every `decay_every` epochs.
        decay_every: see `decay`.
        milestones: after so many epochs, this learning rate.
        one_cycle: share of all steps in which the rate rises from learning_rate / 25 to learning_rate,
            before it falls to nearly nothing; both along a cosine (Smith & Topin 2018, as in PyTorch).
        optimizer: "adam", or "sgd" with Nesterov's momentum.
        momentum: of "sgd".
        weight_decay: on kernels of convolutions and dense layers, as PyTorch counts it: twice Keras' L2.
        augment: random changes of each training image.
        noisy: noisy copies among the training images.
        dtype: "float32", or "bfloat16" for products in half precision, weights and statistics in single.
    """

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: Annotated[Number, Field(gt=0)]
    decay: Annotated[Number, Field(gt=0, le=1)] = 1.0
    decay_every: PositiveInt = 1
    milestones: dict[PositiveInt, Annotated[Number, Field(gt=0)]] = Field(default_factory=dict)
    one_cycle: Share | None = None
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    augment: AugmentSettings = AugmentSettings()
    noisy: NoisyCopies | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="before")
    @classmethod
    def _whole_keys(cls, raw: Any) -> Any:
        """Read the keys of `milestones` as numbers; a YAML key is text."""
        if isinstance(raw, Mapping) and isinstance(raw.get("milestones"), Mapping):
            keys = {int(key) if str(key).isdigit() else key: rate for key, rate in raw["milestones"].items()}
            return {**raw, "milestones": keys}
        return raw

    @model_validator(mode="after")
    def _one_schedule(self) -> TrainSettings:
        given = [self.decay != 1, bool(self.milestones), self.one_cycle is not None]
        if sum(given) > 1:
            raise ValueError("decay, milestones and one_cycle are three schedules; give one of them")
        return self

    def card(self) -> dict[str, Any]:
        """Return the settings as JSON values.

        A setting at its default does not stand there, but for the four that every card has: settings that
        come later rename no network.
        """
        always = ("epochs", "batch_size", "learning_rate", "decay")
        used = self.model_dump(mode="json", exclude_defaults=True)
        if self.noisy is not None:
            # With its version, where it is a noise of the user's.
            used["noisy"]["noise"] = find_noise(self.noisy.noise).name
        return {name: getattr(self, name) for name in always} | used
