"""What a page shows, whatever its format: figures, tables and sentences by data set and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from robustbench_ln.errors import LnbenchError
from robustbench_ln.export.formats import as_csv
from robustbench_ln.home import without_home
from robustbench_ln.report import origins
from robustbench_ln.report.company import company_table
from robustbench_ln.report.coverage import Coverage, cover, failure_rows, untested_models
from robustbench_ln.report.curves import draw_home_curves, draw_mode_curves, home_styles
from robustbench_ln.report.exhibit import Exhibit, Table, data_uri
from robustbench_ln.report.formats import number, percent, percent_range
from robustbench_ln.report.headline import Headline, headline, measured_sentence
from robustbench_ln.report.inputs import DataGroup, Inputs, NoiseGroup
from robustbench_ln.report.matrices import collapse_table, draw_confusions
from robustbench_ln.report.rows import rows_of
from robustbench_ln.report.samples import draw_samples
from robustbench_ln.report.sureness import calibration_table
from robustbench_ln.wording import listed


@dataclass(frozen=True)
class NoiseSection:
    """What the page shows of one data set under one noise; None where there is nothing to draw."""

    label: str
    curves: Exhibit | None
    modes: Exhibit | None
    company: Table | None
    confusions: list[Exhibit]
    collapse: Table | None
    calibration: Table | None
    samples: Exhibit | None


@dataclass(frozen=True)
class DataSection:
    """What the page shows of one data set."""

    label: str
    here: bool
    headline: Headline
    noises: list[NoiseSection]
    coverage: Coverage
    coupled: str

    @property
    def exhibits(self) -> Iterator[Exhibit]:
        """All figures, in the order of the page."""
        for noise in self.noises:
            yield from filter(None, (noise.curves, noise.modes, *noise.confusions, noise.samples))


@dataclass(frozen=True)
class Contents:
    """What a page shows.

    Attributes:
        title: its heading.
        statement: what was measured, in a sentence.
        selection: which part of the results it is, in a sentence; empty for all of them.
        sections: a data set each.
        problems: a sentence for each thing that could not be read.
        failures: cell, reason and invocation of each cell that could not be measured.
        untested: networks without a cell.
        cells: a row a cell.
        results_csv: a data URI of the table of `load_results`, of the cells on the page.
        models, data: where the numbers come from.
        runs: the invocations.
        remarks: what is mixed among the cells.
    """

    title: str
    statement: str
    selection: str
    sections: list[DataSection]
    problems: list[str]
    failures: list[list[str]]
    untested: list[str]
    cells: Table
    results_csv: str
    models: Table
    runs: list[origins.RunRow]
    data: Table
    remarks: list[str]

    @property
    def exhibits(self) -> Iterator[Exhibit]:
        """All figures, in the order of the page."""
        for section in self.sections:
            yield from section.exhibits


def contents_of(inputs: Inputs, title: str, reference: str | None = None) -> Contents:
    """Draw the figures and write the tables and sentences of a page.

    Args:
        inputs: what it shows.
        title: its heading.
        reference: a pattern over networks that others are held against; None for BatchNorm's.
    """
    sections = [_data_section(inputs, data, reference) for data in inputs.data]
    table = inputs.table
    shown = table[table["cell"].isin(list(inputs.identities))] if inputs.selection else table
    return Contents(
        title=title,
        statement=measured_sentence(inputs),
        selection=inputs.selection,
        sections=sections,
        problems=inputs.problems,
        failures=failure_rows(inputs),
        untested=untested_models(inputs),
        cells=_cell_table(inputs),
        results_csv=data_uri("text/csv;charset=utf-8", as_csv(shown).decode("utf-8")),
        models=origins.model_table(inputs),
        runs=origins.run_rows(inputs),
        data=origins.data_table(inputs),
        remarks=origins.mixture_remarks(inputs),
    )


def _data_section(inputs: Inputs, data: DataGroup, reference: str | None) -> DataSection:
    return DataSection(
        data.label,
        data.data is not None,
        headline(data, reference),
        [_noise_section(inputs, data, noise) for noise in data.noises],
        cover(inputs, data),
        _coupled_sentence(data),
    )


def _noise_section(inputs: Inputs, data: DataGroup, noise: NoiseGroup) -> NoiseSection:
    home = noise.home
    confusions = []
    for curve in dict.fromkeys(home["curve_label"]):
        try:
            confusions.append(draw_confusions(inputs.store, data, noise, curve))
        except LnbenchError as error:
            inputs.problems.append(
                f"No confusion matrix of {curve}: {error}".replace(f"{inputs.store.root}/", "")
            )
    samples = None
    try:
        samples = None if data.data is None else draw_samples(data, noise, inputs.identities)
    except LnbenchError as error:
        # Of a noise of the user's only its own version can be drawn.
        inputs.problems.append(without_home(f"No noisy images of {noise.label}: {error}"))
    return NoiseSection(
        noise.label,
        None if home.empty else draw_home_curves(data, noise, home_styles(data)),
        draw_mode_curves(data, noise),
        company_table(noise),
        confusions,
        None if home.empty else collapse_table(data, noise),
        None if home.empty else calibration_table(data, noise),
        samples,
    )


def _coupled_sentence(data: DataGroup) -> str:
    """Return which modes take statistics from other test images, and what that does to the intervals."""
    cells = data.cells
    coupled = list(dict.fromkeys(cells["mode"][cells["coupled"]]))
    if not coupled:
        return "No mode measured here takes statistics from other test images."
    several = len(coupled) > 1
    return (
        f"The mode{'s' if several else ''} {listed(coupled)} couple{'' if several else 's'} images: "
        "statistics come from other test images of the batch as well. The intervals take images as "
        f"independent, which {'these modes break' if several else 'this mode breaks'}: another order of the "
        "images gives another number, beyond what the band shows."
    )


def _cell_table(inputs: Inputs) -> Table:
    shown = (
        "model_label", "sigma_text", "severity", "mode_label", "images", "correct", "accuracy", "low", "high",
        "coupled", "cell",
    )  # fmt: skip
    rows = [
        [
            model,
            data.label,
            noise.label,
            sigma,
            severity,
            mode.replace(" (coupled)", ""),
            number(images),
            number(correct),
            percent(accuracy),
            percent_range(low, high),
            "yes" if coupled else "no",
            cell,
        ]
        for data in inputs.data
        for noise in data.noises
        for model, sigma, severity, mode, images, correct, accuracy, low, high, coupled, cell in rows_of(
            noise.measured, *shown
        )
    ]
    columns = [
        "model", "data", "noise", "sigma", "severity", "mode", "images", "correct", "accuracy",
        "95 % interval", "coupled", "cell",
    ]  # fmt: skip
    return Table("All cells", columns, rows)
