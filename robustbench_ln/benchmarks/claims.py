"""What the paper claims, as rules that code evaluates: declared before anything is measured.

A claim names curves (`Of`) and what must hold of their accuracies. The value of a curve at a sigma is its
mean accuracy over the training seeds. Numbers here are in percent and percentage points, as the paper prints
them; ratios and shares of predictions are plain numbers. Ends of ranges belong to them.

Where a claim's `sigma` is None, it is about every sigma that was measured; else about those of its sigmas
that were, and undecided where none was. `robustbench_ln.experiments.verdicts` evaluates.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, model_validator

from robustbench_ln.benchmarks.fields import Declaration, Name, NormText, Number, PositiveInt, Sigmas, Text

#: What is said of a claim before its `amended`.
AMENDED = "declared or changed after measuring"
Percent = Annotated[Number, Field(ge=0, le=100)]


class Of(Declaration):
    """One curve of an experiment.

    Attributes:
        norm: its norm, with options where the benchmark has several of that name.
        mode: the test-time mode; None for the norm's home mode.
        noise: kind of the noise: the first part of its name, such as "agn", "apn", "mbn" or "darken", or
            "low-contrast". Readings of a kind, by the paper's text or the authors' code, are told apart by
            the verdict. None for clean images.
        small_sets: BatchNorm on statistics of N/K images instead of N.
        benchmark: whose networks, where the experiment has several.
    """

    norm: NormText
    mode: str | None = None
    noise: str | None = None
    small_sets: bool = False
    benchmark: Name | None = None


class Claim(Declaration):
    """What every claim has.

    Attributes:
        id: its name within the experiment.
        text: the claim, in the paper's words or close to them.
        where: where the paper makes it, or "this project" where it does not.
        amended: why it was declared, or its rule changed, after networks that it is about had been measured;
            empty for a claim that was declared before.
    """

    id: Name
    text: Text
    where: Text = "figure"
    amended: str = ""


class Value(Claim):
    """At every measured `sigma` the accuracy of `of` is within `tolerance` points of `paper` percent."""

    rule: Literal["value"]
    of: Of
    sigma: Sigmas = "0"
    paper: Percent
    tolerance: Annotated[Number, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _clean(self) -> Value:
        if self.of.noise is None and self.sigma != "0":
            raise ValueError("clean images have sigma 0; name a noise for another")
        return self


class Bound(Claim):
    """At every measured sigma of `sigma` the accuracy of `of` is at least, or at most, so many percent.

    Attributes:
        paper: the number that the paper prints, None where it prints none.
    """

    rule: Literal["bound"]
    of: Of
    sigma: Sigmas | None = None
    least: Percent | None = None
    most: Percent | None = None
    paper: Percent | None = None

    @model_validator(mode="after")
    def _limits(self) -> Bound:
        _check_limits(self.least, self.most)
        return self


class Ordering(Claim):
    """At every measured sigma of `sigma`, `above` is above `below` by `margin` points or more.

    At margin 0 a tie is not above. A negative margin allows `above` to be so many points below. It is no more
    than `most` points above, where that is given. Only training seeds count that both curves have.

    Attributes:
        from_clean: compare what each curve has lost since sigma 0: the accuracy less that at sigma 0 under
            the same noise.
    """

    rule: Literal["ordering"]
    above: Of
    below: Of
    sigma: Sigmas | None = None
    margin: Number = 0.0
    most: Number | None = None
    from_clean: StrictBool = False

    @model_validator(mode="after")
    def _one_noise(self) -> Ordering:
        _check_same_noise(self.above, self.below)
        if self.most is not None and self.most <= self.margin:
            raise ValueError(f"most is {self.most:g}, but must be above the margin {self.margin:g}")
        return self


class Ratio(Claim):
    """At every measured sigma of `sigma`, accuracy of `of` over that of `to` lies from `least` to `most`.

    Only training seeds count that both curves have. There is no ratio to an accuracy of 0.

    Attributes:
        paper: the ratio that the paper prints, None where it prints none.
    """

    rule: Literal["ratio"]
    of: Of
    to: Of
    sigma: Sigmas | None = None
    least: Annotated[Number, Field(ge=0)]
    most: Number | None = None
    paper: Number | None = None

    @model_validator(mode="after")
    def _one_noise(self) -> Ratio:
        _check_same_noise(self.of, self.to)
        _check_limits(self.least, self.most)
        return self


class Slope(Claim):
    """Over `sigma`, the curve of `of` is closer to a straight line ("linear") or to an exponential decay.

    Both a + b sigma and a exp(-b sigma), b at least 0, are fitted by least squares to the mean accuracies
    less chance (1 over the number of classes) at four sigmas or more; the smaller sum of squares decides.
    """

    rule: Literal["slope"]
    of: Of
    sigma: Sigmas | None = None
    form: Literal["linear", "exponential"]


class Collapse(Claim):
    """How predictions spread over classes: the top class' share, or the entropy over that of uniform ones.

    At every measured sigma of `sigma` the mean over training seeds is at least `least` and at most `most`.

    Attributes:
        measure: "top_share" (1 is one class alone) or "entropy_share" (1 is uniform).
    """

    rule: Literal["collapse"]
    of: Of
    sigma: Sigmas
    measure: Literal["top_share", "entropy_share"]
    least: Annotated[Number, Field(ge=0, le=1)] | None = None
    most: Annotated[Number, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _limits(self) -> Collapse:
        _check_limits(self.least, self.most)
        return self


class Best(Claim):
    """Of LocalNorm networks with different numbers of groups, the best at each sigma has one of `groups`.

    Three numbers of groups or more are compared, one of `groups` and one other among them, in mode "batch",
    on the training seeds that all have. A tie with another number of groups is not best.
    """

    rule: Literal["best"]
    noise: str
    sigma: Sigmas | None = None
    groups: tuple[PositiveInt, ...] = Field(min_length=1)
    benchmark: Name | None = None


class Parameters(Claim):
    """The network has exactly `paper` parameters, moving statistics included, as Keras counts.

    It is built from the declaration, so that nothing need be trained.
    """

    rule: Literal["parameters"]
    benchmark: Name
    norm: NormText
    paper: PositiveInt


class TrainingTime(Claim):
    """Seconds an epoch with `of` over those with `to`, on one machine and device, are `least` to `most`.

    Medians over the epochs after the first, of all training seeds, without the preparing of batches.

    Attributes:
        of_seconds, to_seconds: what the paper prints.
    """

    rule: Literal["training-time"]
    benchmark: Name
    of: NormText
    to: NormText
    of_seconds: Annotated[Number, Field(gt=0)]
    to_seconds: Annotated[Number, Field(gt=0)]
    least: Annotated[Number, Field(gt=0)]
    most: Annotated[Number, Field(gt=0)]


class Spread(Claim):
    """Gamma or beta, averaged over channels, differ between groups at the end by more than at the start.

    The standard deviation between the groups' means, biased and averaged over training seeds, is after the
    last epoch at least `least` and larger than after the first.

    Attributes:
        least: smallest standard deviation that counts as a spread.
    """

    rule: Literal["spread"]
    benchmark: Name
    norm: NormText
    parameter: Literal["gamma", "beta"]
    least: Annotated[Number, Field(gt=0)]


AnyClaim = Annotated[
    Value | Bound | Ordering | Ratio | Slope | Collapse | Best | Parameters | TrainingTime | Spread,
    Field(discriminator="rule"),
]
RULES: tuple[str, ...] = (
    "value", "bound", "ordering", "ratio", "slope",
    "collapse", "best", "parameters", "training-time", "spread",
)  # fmt: skip


def _check_same_noise(one: Of, other: Of) -> None:
    if one.noise != other.noise:
        raise ValueError("both curves must be under the same noise")


def _check_limits(least: float | None, most: float | None) -> None:
    if least is None and most is None:
        raise ValueError("give least, most or both")
    if least is not None and most is not None and least > most:
        raise ValueError("least is above most")
