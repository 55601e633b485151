"""The page in Markdown: the same numbers as tables, for a wiki, an issue or a chat."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from robustbench_ln import __version__
from robustbench_ln.markdown import escaped, markdown_table
from robustbench_ln.report.contents import Contents, DataSection, NoiseSection
from robustbench_ln.report.exhibit import Exhibit, Table
from robustbench_ln.report.headline import Score


def render_markdown(contents: Contents, digest: str, figures: Mapping[str, Path], folder: Path) -> str:
    """Return the page in Markdown.

    Args:
        contents: what it shows.
        digest: of its inputs, for the next call to recognise an up-to-date page.
        figures: files of figures, by the data URI of each; others are told in tables alone.
        folder: where the page will be, from which it points at figures.
    """
    places = {uri: quote(os.path.relpath(path, folder)) for uri, path in figures.items()}
    parts = [
        f'<!-- <meta name="lnbench-inputs" content="{digest}"> -->',
        f"# {escaped(contents.title)}",
        escaped(contents.statement),
        *([escaped(contents.selection)] if contents.selection else []),
        *(part for section in contents.sections for part in _section(section, places)),
        *_provenance(contents),
        f"Written by lnbench {__version__}.",
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: DataSection, places: Mapping[str, str]) -> Iterator[str]:
    yield f"## {escaped(section.label)}"
    headline = section.headline
    if headline.rows:
        columns = [
            "network", "noise", "home mode", "clean accuracy", "95 % interval", "mean accuracy over sigma",
            "sigma at half accuracy", "points above the reference", "sigmas", "test images",
            "training seed", "repeats",
        ]  # fmt: skip
        rows = [
            [
                row.label,
                row.noise,
                f"{row.mode} (coupled)" if row.coupled else row.mode,
                _score(row.clean),
                row.interval,
                _score(row.area),
                _score(row.half),
                row.difference,
                row.sigmas,
                row.images,
                row.seed,
                row.repeats,
            ]
            for row in headline.rows
        ]
        yield _table(Table(f"Accuracy on {section.label} in home modes", columns, rows))
    yield from (escaped(remark) for remark in headline.remarks)
    yield from (_table(table) for table in (headline.company, headline.seeds) if table)
    for noise in section.noises:
        yield from _noise(noise, places)
    yield "### Coverage"
    coverage = section.coverage
    yield markdown_table(
        ["network", "mode", *coverage.noises],
        [
            [row.model, row.mode, *(f"{one.done} of {one.expected}" for one in row.noises)]
            for row in coverage.rows
        ],
    )
    yield escaped(section.coupled)


def _noise(noise: NoiseSection, places: Mapping[str, str]) -> Iterator[str]:
    yield f"### {escaped(noise.label)}"
    for exhibit in filter(None, (noise.curves, noise.modes, noise.samples)):
        yield from _exhibit(exhibit, places)
    if noise.company:
        yield _table(noise.company)
    for exhibit in noise.confusions:
        # A matrix of many classes is no table to read; its most confused pairs are.
        yield from _exhibit(exhibit, places)
    yield from (_table(table) for table in (noise.collapse, noise.calibration) if table)


def _exhibit(exhibit: Exhibit, places: Mapping[str, str]) -> Iterator[str]:
    if exhibit.picture.uri in places:
        yield f"![{escaped(exhibit.alt)}]({places[exhibit.picture.uri]})"
        yield escaped(exhibit.caption)
    yield from map(_table, exhibit.tables)


def _provenance(contents: Contents) -> Iterator[str]:
    yield "## Provenance"
    yield from (f"**{escaped(remark)}**" for remark in contents.remarks)
    if contents.untested:
        yield f"Trained but not tested: {escaped(', '.join(contents.untested))}."
    if contents.failures:
        columns = ["cell", "reason", "invocation"]
        yield _table(Table("Cells that could not be measured", columns, contents.failures))
    if contents.problems:
        yield "\n".join(f"- {escaped(problem)}" for problem in contents.problems)
    if contents.models.rows:
        yield _table(contents.models)
    yield _table(contents.data)
    commands = dict.fromkeys(run.command for run in contents.runs)
    if commands:
        yield "Commands that reproduce these numbers:"
        yield "\n".join(f"    {' '.join(command.split())}" for command in commands)


def _score(score: Score) -> str:
    return f"{score.text} (best)" if score.best else score.text


def _table(table: Table) -> str:
    rows = markdown_table(table.columns, table.rows)
    return f"{escaped(table.caption)}:\n\n{rows}"
