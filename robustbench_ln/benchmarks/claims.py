"""What the paper claims, as rules that code evaluates: declared before anything is measured.

A claim names curves (`Of`) and what must hold of their accuracies. Accuracies are shares of 1 here, percent in
the file's texts only where a person reads them; numbers printed in the paper are given in percent, as printed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from robustbench_ln.benchmarks.fields import Declaration, Name, NormText, Number, PositiveInt, Sigmas, Text

Percent = Annotated[Number, Field(ge=0, le=100)]


class Of(Declaration):
    """One curve of an experiment.

    Attributes:
        norm: its norm, with options where the benchmark has several of that name.
        mode: the test-time mode; None for the norm's home mode.
        noise: kind of the noise, the first part of its name: "agn", "apn" or "mbn". Readings of a kind, by the
            paper's text or the authors' code, are told apart by the verdict. None for clean images.
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
        where: where the paper makes it.
    """

    id: Name
    text: Text
    where: Text = "figure"


class Value(Claim):
    """The accuracy of `of` at `sigma` is `paper` percent, within `tolerance` points."""

    rule: Literal["value"]
    of: Of
    sigma: Sigmas = "0"
    paper: Percent
    tolerance: Annotated[Number, Field(gt=0)] = 1.0


class Bound(Claim):
    """At every measured sigma of `sigma` the accuracy of `of` is at least or at most so many percent."""

    rule: Literal["bound"]
    of: Of
    sigma: Sigmas | None = None
    least: Percent | None = None
    most: Percent | None = None


class Ordering(Claim):
    """At every measured sigma of `sigma`, `above` is above `below` by `margin` points or more."""

    rule: Literal["ordering"]
    above: Of
    below: Of
    sigma: Sigmas | None = None
    margin: Number = 0.0


class Ratio(Claim):
    """At every measured sigma of `sigma`, accuracy of `of` over that of `to` lies between `least` and `most`."""

    rule: Literal["ratio"]
    of: Of
    to: Of
    sigma: Sigmas | None = None
    least: Annotated[Number, Field(ge=0)]
    most: Number | None = None


class Slope(Claim):
    """Over `sigma`, the curve of `of` is closer to a straight line ("linear") or to an exponential decay.

    Both are fitted by least squares to the measured accuracies above chance; the smaller residual decides.
    """

    rule: Literal["slope"]
    of: Of
    sigma: Sigmas | None = None
    form: Literal["linear", "exponential"]


class Collapse(Claim):
    """How predictions spread over classes: the top class' share, or the entropy over that of uniform ones.

    Attributes:
        measure: "top_share" (1 is one class alone) or "entropy_share" (1 is uniform).
    """

    rule: Literal["collapse"]
    of: Of
    sigma: Sigmas
    measure: Literal["top_share", "entropy_share"]
    least: Annotated[Number, Field(ge=0, le=1)] | None = None
    most: Annotated[Number, Field(ge=0, le=1)] | None = None


class Best(Claim):
    """Of LocalNorm networks with different numbers of groups, the best at each sigma has one of `groups`."""

    rule: Literal["best"]
    noise: str
    sigma: Sigmas | None = None
    groups: tuple[PositiveInt, ...] = Field(min_length=1)
    benchmark: Name | None = None


class Parameters(Claim):
    """The network has exactly `paper` parameters, moving statistics included, as Keras counts."""

    rule: Literal["parameters"]
    benchmark: Name
    norm: NormText
    paper: PositiveInt


class TrainingTime(Claim):
    """Seconds an epoch with `of` over those with `to`, on one machine, are at most `most`."""

    rule: Literal["training-time"]
    benchmark: Name
    of: NormText
    to: NormText
    paper: Annotated[Number, Field(gt=0)]
    most: Annotated[Number, Field(gt=0)]


class Spread(Claim):
    """Gamma or beta, averaged over channels, differ between groups at the end by more than at the start.

    Attributes:
        least: smallest standard deviation between the groups' means that counts as a spread.
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
    "value", "bound", "ordering", "ratio", "slope", "collapse", "best", "parameters", "training-time", "spread",
)  # fmt: skip
