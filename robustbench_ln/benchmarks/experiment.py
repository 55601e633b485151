"""An item of the paper: which networks it shows, under which noises, and what it claims."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from robustbench_ln.benchmarks.claims import AnyClaim
from robustbench_ln.benchmarks.fields import Declaration, Different, Name, Share, Text

Reading = Literal["text", "code"]
Figure = Literal[
    "accuracies", "costs", "histograms", "images", "curves", "scales", "confusions", "groups", "augmentation"
]


class Sweep(Declaration):
    """Noise that an experiment's networks are measured under.

    Attributes:
        noise: the noise's name.
        reading: whether the paper's text or the authors' code gives this noise; None for both.
        sigma: a grid, or the name of one under `grids`.
        modes: test-time modes; None for all that fit each network.
        controls: measure BatchNorm networks also on statistics of N/K images, where mode "batch" is asked.
    """

    noise: Text
    reading: Reading | None = None
    sigma: Text
    modes: tuple[Text, ...] | None = None
    controls: StrictBool = True

    @property
    def kind(self) -> str:
        """What claims call the noise: one of the paper's three whatever its reading, else its own name."""
        first = self.noise.partition("-")[0]
        return first if first in ("agn", "apn", "mbn") else self.noise


class Experiment(Declaration):
    """An item of the paper.

    Attributes:
        paper: its name in the paper, such as "Fig 7".
        title: one line for people.
        figure: its form in the report.
        benchmarks: whose networks it shows.
        norms: show these alone; None for all.
        sweeps: what is measured.
        minimum_clean: networks with a lower clean accuracy give no verdict.
        claims: what the paper says about it.
        note: what a reader must know, such as what stands in for unpublished data.
    """

    paper: Text
    title: Text
    figure: Figure
    benchmarks: Annotated[tuple[Name, ...], Field(min_length=1), Different]
    norms: tuple[Text, ...] | None = None
    sweeps: tuple[Sweep, ...] = ()
    minimum_clean: Share = 0.5
    claims: tuple[AnyClaim, ...] = ()
    note: str = ""
