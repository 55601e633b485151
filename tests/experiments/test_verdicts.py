"""The verdicts of a whole experiment."""

import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError

from robustbench_ln.benchmarks.experiment import Sweep
from robustbench_ln.benchmarks.printed import paper_values
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.evidence import gather_evidence
from robustbench_ln.experiments.needs import Need
from robustbench_ln.experiments.verdicts import judge, summary
from robustbench_ln.norms.registry import resolve_options
from robustbench_ln.store.frame import tabulate
from robustbench_ln.store.store import Store
from tests.experiments.measured import SETTINGS, TIME, VALUE, Measured, check, experiment


def test_the_summary_counts_every_outcome(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7})
    claims = (VALUE, VALUE.replace("70", "50"), VALUE.replace("'1'", "'3'"), VALUE.replace("agn", "apn"))
    verdicts = judge(experiment(*claims), [small.evidence()])
    assert [each.claim.id for each in verdicts] == ["c0", "c1", "c2", "c3"]
    assert summary(verdicts) == {
        "holds": 1,
        "holds in part": 0,
        "does not hold": 1,
        "no verdict": 1,
        "not run here": 1,
    }


def test_numbers_of_the_paper_are_listed():
    found = paper_values(
        experiment(
            VALUE,
            "{rule: value, of: {norm: batchnorm, benchmark: small}, paper: 91.74}",
            "{rule: bound, of: {norm: batchnorm}, least: 3}",
            "{rule: parameters, benchmark: small, norm: batchnorm, paper: 470218}",
            TIME,
            "{rule: bound, of: {norm: localnorm, noise: agn}, least: 74, paper: 74}",
            "{rule: ratio, of: {norm: localnorm, noise: agn}, to: {norm: switchnorm, noise: agn}, "
            "least: 1.6, paper: 2}",
            "{rule: best, noise: mbn, groups: [4, 8]}",
        )
    )
    assert [(row["claim"], row["norm"], row["mode"], row["noise"], row["sigma"]) for row in found] == [
        ("c0", "localnorm", "batch", "agn", 1.0),
        ("c1", "batchnorm", "frozen", None, 0.0),
        ("c3", "batchnorm", None, None, None),
        ("c4", "localnorm", None, None, None),
        ("c4", "batchnorm", None, None, None),
        ("c5", "localnorm", "batch", "agn", None),
        ("c6", "localnorm", "batch", "agn", None),
        ("c7", "localnorm", "batch", "mbn", None),
    ]
    assert [(row["paper"], row["unit"]) for row in found] == [
        (70, "percent"),
        (91.74, "percent"),
        (470218, "parameters"),
        (23, "seconds"),
        (20, "seconds"),
        (74, "percent at least"),
        (2, "times"),
        ([4, 8], "groups"),
    ]
    assert found[6]["to"] == "switchnorm"


@pytest.mark.parametrize(
    "claim",
    [
        "{rule: value, of: {norm: localnorm}, sigma: 1, paper: 70}",
        "{rule: bound, of: {norm: localnorm, noise: agn}}",
        "{rule: bound, of: {norm: localnorm, noise: agn}, least: 5, most: 4}",
        "{rule: collapse, of: {norm: localnorm, noise: agn}, sigma: 1, measure: top_share}",
        "{rule: ordering, above: {norm: localnorm, noise: agn}, below: {norm: batchnorm, noise: apn}}",
        "{rule: ratio, of: {norm: localnorm, noise: agn}, to: {norm: batchnorm}, least: 1}",
        "{rule: ratio, of: {norm: localnorm}, to: {norm: batchnorm}, least: 2, most: 1}",
    ],
)
def test_a_claim_that_means_nothing_is_refused(claim):
    with pytest.raises(ValidationError, match=r"least|same noise|sigma 0"):
        experiment(claim)


def declared_small(folder):
    path = folder / "benchmarks.yaml"
    body = {
        "benchmarks": {"small": yaml.safe_load(SETTINGS)},
        "experiments": {
            "fig0": {
                "paper": "Fig 0",
                "title": "T",
                "figure": "curves",
                "benchmarks": ["small"],
                "sweeps": [
                    {"noise": "agn", "sigma": "0,1", "reading": "text"},
                    {"noise": "apn", "sigma": "0,1", "reading": "text"},
                ],
                "claims": [{"id": "value", "text": "t", **yaml.safe_load(VALUE)}],
            }
        },
    }
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    return load_declared(path)


def test_gathered_evidence_is_judged(tmp_path):
    declared = declared_small(tmp_path)
    item = declared.experiment("fig0")
    (nothing,) = judge(item, gather_evidence(declared, item, Store(tmp_path), tabulate([])))
    assert nothing.outcome == "not run here"
    measured = (
        Measured(tmp_path).curve("localnorm", {0: 0.9, 1: 0.7}).curve("localnorm", {0: 0.9}, noise="apn")
    )
    (found,) = judge(item, gather_evidence(declared, item, measured.store, tabulate(measured.rows)))
    assert found.outcome == "holds"
    assert [(each.noise, each.reading) for each in found.checks] == [("agn", "text")]


def test_blends_are_no_cells_of_an_item_that_shows_all_modes(tmp_path):
    declared = declared_small(tmp_path)
    item = declared.experiment("fig0")
    measured = Measured(tmp_path).curve("batchnorm", {0: 0.9})
    measured.curve("batchnorm", {0: 0.5}, mode="blend", blend="alpha=0.5")
    (entry,) = gather_evidence(declared, item, measured.store, tabulate(measured.rows))
    assert list(entry.cells["mode"]) == ["frozen"]


@pytest.mark.parametrize(("paper_cells", "taken"), [(1, "short"), (2, "short"), (3, "paper")])
def test_a_preset_that_was_only_begun_does_not_hide_a_complete_one(tmp_path, paper_cells, taken):
    declared = declared_small(tmp_path)
    item = declared.experiment("fig0")
    curve = {0: [0.9] * 3, 1: [0.7] * 3}
    short = Measured(tmp_path, preset="short").curve("localnorm", curve).curve("batchnorm", curve)
    # The full recipe, cut off after so many cells of each norm; three of six are enough.
    seeds = {0: [0.9, 0.9 if paper_cells > 1 else None], 1: [0.7 if paper_cells > 2 else None]}
    paper = Measured(tmp_path).curve("localnorm", seeds).curve("batchnorm", seeds)
    rows = [*short.rows, *({**row, "cell": f"paper{row['cell']}"} for row in paper.rows)]
    (entry,) = gather_evidence(declared, item, paper.store, tabulate(rows))
    assert entry.preset == taken
    assert len(entry.cells) == (2 * paper_cells if taken == "paper" else 12)


def test_judging_does_not_need_torch_to_be_imported():
    code = "import sys, robustbench_ln.experiments.verdicts; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def asks_for(small, sigmas, *, modes=None, small_sets=None):
    sweep = Sweep(noise="agn", sigma=sigmas, modes=modes)
    norms = tuple((norm, resolve_options(norm, options)) for norm, options in small.settings.norm_options())
    return Need("small", small.settings, sweep, tuple(sigmas.split(",")), norms, small_sets)


@pytest.mark.parametrize(
    ("claim", "asked", "outcome"),
    [
        ("{rule: bound, of: {norm: localnorm, noise: agn}, least: 60}", "0,1", "holds"),
        ("{rule: bound, of: {norm: localnorm, noise: agn}, least: 60}", "0,1,2", "no verdict"),
        ("{rule: bound, of: {norm: localnorm, noise: agn}, least: 60, sigma: '0,1'}", "0,1,2", "holds"),
        ("{rule: bound, of: {norm: localnorm, noise: agn}, least: 60, sigma: '1,2'}", "0,1,2", "no verdict"),
        # A claim's sigma that a preset left out is not waited for.
        ("{rule: bound, of: {norm: localnorm, noise: agn}, least: 60, sigma: '1,3'}", "0,1,2", "holds"),
        # One sigma is enough to refute it.
        ("{rule: bound, of: {norm: localnorm, noise: agn}, least: 80}", "0,1,2", "does not hold"),
        ("{rule: slope, of: {norm: localnorm, noise: agn}, form: linear}", "0,1,2,3,4,5", "no verdict"),
    ],
)
def test_what_holds_so_far_is_no_verdict_while_sigmas_wait(claim, asked, outcome, small):
    small.curve("localnorm", {0: 0.9, 1: 0.7})
    (found,) = judge(experiment(claim), [small.evidence(asks_for(small, asked))])
    assert found.outcome == outcome
    if outcome == "no verdict":
        assert "sigma 2 still to be measured" in found.reason or "at sigma 2, 3, 4, 5" in found.reason


def test_sigmas_that_are_asked_of_another_mode_or_of_small_sets_are_not_waited_for(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7})
    needs = (
        asks_for(small, "0,1"),
        asks_for(small, "0,1,2", modes=("voting",)),
        asks_for(small, "2", small_sets=16),
    )
    claim = "{rule: bound, of: {norm: localnorm, noise: agn}, least: 60}"
    (found,) = judge(experiment(claim), [small.evidence(*needs)])
    assert found.outcome == "holds"


def test_a_comparison_waits_for_no_sigma_that_is_asked_of_one_side_alone(small):
    for mode, accuracy in (("batch", 0.7), ("voting", 0.8)):
        small.curve("localnorm", {0: accuracy, 1: accuracy}, mode=mode)
    needs = asks_for(small, "0,1,2", modes=("batch",)), asks_for(small, "0,1", modes=("voting",))
    claim = (
        "{rule: ordering, above: {norm: localnorm, mode: voting, noise: agn}, "
        "below: {norm: localnorm, mode: batch, noise: agn}}"
    )
    (found,) = judge(experiment(claim), [small.evidence(*needs)])
    assert found.outcome == "holds"


def test_a_fit_goes_through_means_of_the_same_networks(small):
    falling = {sigma: [0.9 - 0.08 * sigma] for sigma in range(10)}
    # A second network, far below, at two sigmas only: with it the line has a kink.
    falling[4].append(0.2)
    falling[5].append(0.2)
    small.curve("localnorm", falling)
    found = check("{rule: slope, of: {norm: localnorm, noise: agn}, form: linear}", small)
    assert found.holds
    assert {point.seeds for point in found.points} == {1}


def test_a_claim_over_two_benchmarks_is_not_run_where_one_has_no_network(small, tmp_path):
    small.curve("localnorm", {0: 0.9, 1: 0.7})
    other = Measured(tmp_path / "other", benchmark="other")
    claim = (
        "{rule: ordering, above: {norm: localnorm, noise: agn, benchmark: small}, "
        "below: {norm: batchnorm, noise: agn, benchmark: other}, sigma: '1'}"
    )
    names = ("small", "other")
    (found,) = judge(experiment(claim, benchmarks=names), [small.evidence(), other.evidence()])
    assert (found.outcome, found.reason) == ("not run here", "other has no network")
