"""The first section: one row for each network and noise, the best of them marked, seeds averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from robustbench_ln.metrics import CURVE, area_under_curve, summarize_curves, t_interval
from robustbench_ln.report.company import spread_table
from robustbench_ln.report.exhibit import Table
from robustbench_ln.report.formats import number, percent, percent_range, sigma_text
from robustbench_ln.report.inputs import DataGroup, Inputs, NoiseGroup
from robustbench_ln.report.reference import difference_over_seeds, differences, reference_rows
from robustbench_ln.wording import counted, listed

#: What a summary tells of a curve or follows from, beside its name.
_SUMMARIZED = [
    "sigma", "accuracy", "low", "high", "images", "repeats", "curve_label", "training", "training_label",
]  # fmt: skip
_SEED_LUCK = "differences between norms include seed-to-seed luck"


@dataclass(frozen=True)
class Score:
    """A number of the headline, and whether none under the same noise is better."""

    text: str
    best: bool


@dataclass(frozen=True)
class HeadlineRow:
    """One network under one noise in its home mode."""

    noise: str
    label: str
    mode: str
    coupled: bool
    clean: Score
    interval: str
    area: Score
    half: Score
    difference: str
    sigmas: str
    images: str
    seed: str
    repeats: str


@dataclass(frozen=True)
class Headline:
    """The headline of one data set.

    Attributes:
        label: the data set's name.
        rows: networks by noise.
        company: spread over orders and set sizes, where several were measured.
        seeds: means over training seeds, where a norm has several.
        remarks: what a reader must know before comparing rows.
    """

    label: str
    rows: list[HeadlineRow]
    company: Table | None
    seeds: Table | None
    remarks: list[str]

    @property
    def compared(self) -> bool:
        """Whether some network is held against a reference."""
        return any("(" in row.difference for row in self.rows)

    @property
    def marked(self) -> bool:
        """Whether some number is marked best."""
        return any(score.best for row in self.rows for score in (row.clean, row.area, row.half))


def measured_sentence(inputs: Inputs) -> str:
    """Return what was measured, in one sentence."""
    labels = [label for data in inputs.data for label in data.cells["family"].unique()]
    networks = len({model for data in inputs.data for model in data.cells["model"].unique()})
    images = [f"{counted(data.images, 'test image')} of {data.name}" for data in inputs.data]
    noises = list(dict.fromkeys(noise.label for data in inputs.data for noise in data.noises))
    cells = sum(len(noise.measured) for data in inputs.data for noise in data.noises)
    return (
        f"{counted(networks, 'network')} ({listed(list(dict.fromkeys(labels)))}) classified {listed(images)} "
        f"under the noise{'' if len(noises) == 1 else 's'} {listed(noises)}: {counted(cells, 'cell')}, "
        "each one network at one noise, sigma and test-time mode."
    )


def headline(data: DataGroup, reference: str | None = None) -> Headline:
    """Return the headline of a data set.

    Args:
        data: the data set.
        reference: a pattern over networks that others are held against; None for BatchNorm's.
    """
    summaries = [_summaries(noise) for noise in data.noises if not noise.home.empty]
    rows = [row for summary in summaries for row in _rows(summary, reference)]
    return Headline(
        data.label,
        rows,
        spread_table(data),
        _over_seeds(data, summaries, reference),
        _remarks(data, summaries),
    )


def _summaries(noise: NoiseGroup) -> pd.DataFrame:
    """Return a row of `summarize_curves` for each curve in a home mode, with its labels and its sigmas."""
    home = noise.home[[*CURVE, *_SUMMARIZED]]
    first = home.drop_duplicates(CURVE)
    curves = [curve for _, curve in home.groupby(CURVE, dropna=False, sort=False)]
    # The mean over sigma of the bounds is what bounds the mean where all sigmas go wrong together.
    low, high = (
        [area_under_curve(curve["sigma"], curve[bound]) for curve in curves] for bound in ("low", "high")
    )
    return summarize_curves(home).assign(
        label=first["curve_label"].to_numpy(),
        training=first["training"].to_numpy(),
        training_label=first["training_label"].to_numpy(),
        images=first["images"].to_numpy(),
        grid=[tuple(sorted(curve["sigma"])) for curve in curves],
        area_low=low,
        area_high=high,
        noise_label=noise.label,
        repeats=first["repeats"].to_numpy(),
    )


def _rows(summary: pd.DataFrame, reference: str | None) -> list[HeadlineRow]:
    difference = differences(summary, reference)
    same_grid = summary["grid"].nunique() == 1
    clean = _best(summary["clean"])
    # The mean over another range of sigma is another number.
    area = _best(summary["area"]) if same_grid else [False] * len(summary)
    half = _best(summary["half_sigma"]) if same_grid else [False] * len(summary)
    return [
        HeadlineRow(
            row.noise_label,
            row.label,
            row.mode,
            row.coupled,
            Score(percent(row.clean), clean[position]),
            percent_range(row.clean_low, row.clean_high),
            Score(percent(row.area), area[position]),
            Score(_half_text(row.half_sigma, row.grid[-1]), half[position]),
            difference[position],
            _grid_text(row.grid),
            number(row.images),
            str(row.train_seed),
            str(row.repeats),
        )
        for position, row in enumerate(summary.itertuples())
    ]


def _best(values: Sequence[float]) -> list[bool]:
    """Return which values are the largest; none where there is nothing to compare."""
    known = [value for value in values if not math.isnan(value)]
    if len(known) < 2 or min(known) == max(known):
        return [False] * len(values)
    return [value == max(known) for value in values]


def _half_text(half: float, largest: float) -> str:
    # A curve of one sigma has no half.
    if math.isnan(half) or largest == 0:
        return ""
    return f"above {sigma_text(largest)}" if math.isinf(half) else f"{half:.3g}"


def _grid_text(grid: tuple[float, ...]) -> str:
    if len(grid) == 1:
        return sigma_text(grid[0])
    return f"{sigma_text(grid[0])} to {sigma_text(grid[-1])} ({len(grid)})"


def _over_seeds(data: DataGroup, summaries: list[pd.DataFrame], reference: str | None) -> Table | None:
    """Return means over training seeds with their range, for norms that were trained more than once."""
    rows = []
    for summary in summaries:
        others = summary[reference_rows(summary, reference)]
        first = others["training"].iloc[0] if len(others) else None
        other = others[others["training"] == first].groupby("train_seed")["area"].mean()
        for training, own in summary.groupby("training", sort=False):
            # Repeats with other noise or orders are no further draws of a seed.
            seeds = own.groupby("train_seed")[["clean", "area"]].mean()
            if len(seeds) > 1:
                spread = [_over(seeds[name].dropna()) for name in ("clean", "area")]
                label = own["training_label"].iloc[0]
                difference = "reference" if training == first else difference_over_seeds(seeds["area"], other)
                listed_seeds = ", ".join(map(str, seeds.index))
                rows.append([own["noise_label"].iloc[0], label, listed_seeds, *spread, difference])
    if not rows:
        return None
    caption = f"Mean over training seeds on {data.label}, with its 95 % t interval"
    columns = [
        "noise", "norm", "training seeds", "clean accuracy", "mean accuracy over sigma",
        "points above the reference (95 % t interval over seeds)",
    ]  # fmt: skip
    return Table(caption, columns, rows, heads=2)


def _over(values: pd.Series) -> str:
    """Return the mean of shares with its 95 % t interval, within 0 and 1; without where it is of one seed."""
    interval = t_interval(values)
    if interval is None:
        return percent(values.mean())
    return f"{percent(values.mean())} ({percent_range(max(interval[0], 0.0), min(interval[1], 1.0))})"


def _remarks(data: DataGroup, summaries: list[pd.DataFrame]) -> list[str]:
    remarks = []
    cells = data.cells
    seeds = cells.groupby("training_label", sort=False)["train_seed"].nunique()
    single = [label for label, count in seeds.items() if count == 1]
    if len(single) == len(seeds):
        remarks.append(f"One training seed: {_SEED_LUCK}.")
    elif single:
        remarks.append(f"One training seed of {listed(single)}: {_SEED_LUCK}.")
    if any(summary["grid"].nunique() > 1 for summary in summaries):
        remarks.append(
            "Some networks were measured at other sigmas than others under the same noise: their mean "
            "accuracy over sigma and their sigma at half accuracy do not compare, and none is marked best."
        )
    specs = [noise.spec for noise in data.noises]
    options = [
        ("clipped", "to [0, 1]", any(spec.clip for spec in specs)),
        (
            "rescaled",
            "each channel is mapped to the range of the training images",
            any(s.rescale for s in specs),
        ),
        (
            "standardised",
            "the noise is added after the network's own normalization",
            any(spec.space == "standardised" for spec in specs),
        ),
    ]
    if any(used for *_, used in options):
        remarks.append(
            f"{'; '.join(f'{name}: {what}' for name, what, used in options if used)}.".capitalize()
        )
    if any(summary["clean"].isna().any() for summary in summaries):
        remarks.append(
            "Clean accuracy is blank where sigma 0 was not measured, or has images that are rescaled."
        )
    away = [
        f"{model} under {noise.label}"
        for noise in data.noises
        for model, own in noise.cells.groupby("model_label", sort=False)
        if not own["home"].any()
    ]
    if away:
        remarks.append(f"Not measured in the home mode of their norm, so not in this table: {listed(away)}.")
    return remarks
