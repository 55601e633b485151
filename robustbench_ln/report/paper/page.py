"""Put the page of the paper's items together: each item's figures, tables and claims into the template."""

from __future__ import annotations

from dataclasses import dataclass

from robustbench_ln import __version__
from robustbench_ln.benchmarks.benchmark import PAPER
from robustbench_ln.benchmarks.claims import AMENDED
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.experiments.verdicts import Check, Outcome, Verdict, summary
from robustbench_ln.report.exhibit import Exhibit
from robustbench_ln.report.paper.forms import draw_item
from robustbench_ln.report.paper.item import Item, Room, Sheet, reading_text
from robustbench_ln.report.template import asset, inlined, render
from robustbench_ln.wording import counted

#: A mark that needs no colour, and the class of its style.
MARKS: dict[Outcome, tuple[str, str]] = {
    "holds": ("\u2713", "holds"),
    "holds in part": ("\u25d0", "part"),
    "does not hold": ("\u2717", "fails"),
    "no verdict": ("?", "open"),
    "not run here": ("\u25cb", "open"),
}
_CHECKED = {True: "\u2713", False: "\u2717", None: "?"}


@dataclass(frozen=True)
class CheckLine:
    """One check of a claim: its mark, on what it was made, and what was measured."""

    mark: str
    where: str
    measured: str
    reason: str


@dataclass(frozen=True)
class ClaimRow:
    """One claim with its verdict."""

    text: str
    where: str
    outcome: str
    mark: str
    style: str
    checks: list[CheckLine]
    reason: str


@dataclass(frozen=True)
class Section:
    """What the page shows of one item.

    Attributes:
        name: of the experiment.
        paper: its name in the paper.
        title: one line.
        note: what a reader must know.
        measured: whether there is something to show.
        networks, cells: how much is measured, in words.
        recipes: a sentence a benchmark on what its recipe shortens.
        exhibits, sheets, remarks: figures, tables, and what is missing.
        claims: with their verdicts.
        outcomes: number of claims by outcome.
    """

    name: str
    paper: str
    title: str
    note: str
    measured: bool
    networks: str
    cells: str
    recipes: list[str]
    exhibits: list[Exhibit]
    sheets: list[Sheet]
    remarks: list[str]
    claims: list[ClaimRow]
    outcomes: dict[Outcome, int]


def render_paper(items: list[Item], room: Room, problems: list[str], digest: str) -> str:
    """Return the page.

    Args:
        items: in the order of the page.
        room: where figures find what cells do not hold.
        problems: a sentence for each thing that could not be read.
        digest: of its inputs, for the next call to recognise an up-to-date page.
    """
    sections = [_section(item, room) for item in items]
    return render(
        "paper/paper.html",
        digest=digest,
        version=__version__,
        **inlined(asset("page.css") + asset("paper/paper.css"), asset("sort.js")),
        sections=sections,
        outcomes=list(MARKS),
        marks=MARKS,
        totals={outcome: sum(section.outcomes[outcome] for section in sections) for outcome in MARKS},
        problems=problems,
    )


def _section(item: Item, room: Room) -> Section:
    drawn = draw_item(item, room)
    experiment = item.experiment
    asked = sum(entry.asked for entry in item.evidence)
    networks = f"{sum(len(entry.models) for entry in item.evidence)} of {asked}"
    cells = f"{sum(len(entry.cells) for entry in item.evidence):,}"
    plain = experiment.figure == "histograms"
    return Section(
        item.name,
        experiment.paper,
        experiment.title,
        experiment.note,
        not drawn.empty,
        "none needed" if plain else networks,
        cells if experiment.sweeps and not plain else "none needed",
        [] if plain else [_recipe(entry, room) for entry in item.evidence if entry.models],
        drawn.exhibits,
        drawn.sheets,
        drawn.remarks,
        [_claim(verdict) for verdict in item.verdicts],
        summary(item.verdicts),
    )


def _recipe(entry: Evidence, room: Room) -> str:
    """Return what the networks of a benchmark are, and what a preset shortened."""
    presets = room.declared.benchmark(entry.benchmark).presets
    shown = f"{entry.place}: {counted(len(entry.models), 'network')} of {entry.asked} trained"
    if entry.preset == PAPER or entry.preset not in presets:
        return f"{shown}, full recipe."
    return f"{shown}, preset {entry.preset}, shortened: {presets[entry.preset].shortens}."


def _claim(verdict: Verdict) -> ClaimRow:
    mark, style = MARKS[verdict.outcome]
    claim = verdict.claim
    return ClaimRow(
        claim.text,
        f"{claim.where}, {AMENDED}: {claim.amended}" if claim.amended else claim.where,
        verdict.outcome,
        mark,
        style,
        [_check(check) for check in verdict.checks],
        verdict.reason,
    )


def _check(check: Check) -> CheckLine:
    noise = check.noise
    if noise and check.reading:
        noise = f"{noise} ({reading_text(check.reading)})"
    where = ", ".join(filter(None, [check.place, noise]))
    return CheckLine(_CHECKED[check.holds], where, check.measured, check.reason)
