"""The page: its overview, its sections, its claims, and when it is written."""

import os
import subprocess
import sys

import pytest

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.experiments.verdicts import Check, Verdict
from robustbench_ln.report.paper.build import write_paper_page


@pytest.fixture
def write(lab, take_apart):
    """Write the page of some items and take it apart."""

    def written(names=("curves", "scales"), preset=None):
        built = write_paper_page(lab.declared, lab.store, names, lab.out, lab.data_dir, preset)
        return take_apart(built.path)

    return written


def verdicts(outcomes):
    """Return a judge that gives the claims of every item outcomes in turn."""

    def judge(experiment, evidence):
        check = Check("net", "paper", "toy", "agn", "text", False, "12.34 % & less", (), "since <that>")
        return [
            Verdict(claim, outcome, (check,), "net: since <that>")
            for claim, outcome in zip(experiment.claims, outcomes, strict=False)
        ]

    return judge


def test_items_stand_in_the_order_of_the_file(lab, write):
    lab.cells(lab.network(), (9, 5, 1))
    items = [row["item"] for row in write(("scales", "table1", "curves")).table("Items of the paper")]
    assert items == ["Fig 7", "Table 1", "Fig 6"]


def test_the_overview_counts_networks_cells_and_claims(lab, write, monkeypatch):
    monkeypatch.setattr("robustbench_ln.experiments.verdicts.judge", verdicts(["holds", "does not hold"]))
    lab.cells(lab.network(), (9, 5, 1))
    curves, scales = write().table("Items of the paper")
    assert (curves["item"], curves["networks trained"], curves["cells"]) == ("Fig 7", "1 of 9", "3")
    assert curves["\u2713 holds"] == "1"
    assert curves["\u2717 does not hold"] == "1"
    assert curves["\u25cb not run here"] == ""
    assert (scales["item"], scales["cells"]) == ("Fig 6", "none needed")


def test_claims_stand_with_verdict_mark_and_reason(lab, write, monkeypatch):
    monkeypatch.setattr(
        "robustbench_ln.experiments.verdicts.judge", verdicts(["does not hold", "holds in part"])
    )
    lab.cells(lab.network(), (9, 5, 1))
    first, second = write().table("What the paper says of Fig 7")
    assert first["claim"] == "batchnorm has 44.67 % <here> Fig 7"
    assert first["verdict"] == "\u2717 does not hold"
    assert first["measured"] == "net on toy, agn (the paper's text) \u2717 12.34 % & less since <that>"
    assert second["verdict"] == "\u25d0 holds in part"


def test_what_is_not_measured_is_told_in_short(lab, write):
    page = write(("curves",))
    assert page.all("img") == []
    assert "Not measured yet. Run this: lnbench run curves" in page.text
    assert "A note <to> readers." in page.text
    assert len(page.table("What the paper says of Fig 7")) == 2


def test_a_preset_s_shortening_is_told(lab, write):
    lab.cells(lab.network(preset="quick"), (9, 5, 1))
    shown = "net on toy: 1 network of 9 trained, preset quick, shortened: one of three epochs."
    assert shown in write(("curves",)).text
    assert shown in write(("curves",), preset="quick").text
    assert "Not measured yet" in write(("curves",), preset="paper").text


def test_the_page_loads_nothing_and_closes_its_tags(lab, write):
    lab.cells(lab.network(), (9, 5, 1))
    page = write(("curves", "table1", "confusions"))
    policies = [tag["content"] for tag in page.all("meta") if tag.get("http-equiv")]
    assert policies[0].startswith("default-src 'none'")
    links = [tag["href"] for tag in page.all("a")]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert all(tag["src"].startswith("data:") and tag["alt"] for tag in page.all("img"))
    named = {tag["id"] for _, tag in page.tags if "id" in tag}
    assert {link[1:] for link in links if link.startswith("#")} <= named
    assert len(page.all("h1")) == 1
    assert str(lab.store.root) not in page.html


def test_the_page_is_left_alone_until_something_is_new_and_has_the_same_bytes_when_rebuilt(lab):
    arguments = (["curves"], lab.out, lab.data_dir)
    lab.cells(lab.network(), (9, 5, 1))
    assert write_paper_page(lab.declared, lab.store, *arguments).rebuilt
    first = lab.out.read_bytes()
    assert not write_paper_page(lab.declared, lab.store, *arguments).rebuilt
    lab.out.unlink()
    assert write_paper_page(lab.declared, lab.store, *arguments).rebuilt
    assert lab.out.read_bytes() == first
    lab.cells(lab.network(seed=1), (9, 5, 1))
    assert write_paper_page(lab.declared, lab.store, *arguments).rebuilt
    # A cell that was damaged and measured again has its old name.
    lab.store.publish_run("another", {})
    assert write_paper_page(lab.declared, lab.store, *arguments).rebuilt


def test_an_up_to_date_page_imports_nothing_heavy(lab):
    lab.cells(lab.network(), (9, 5, 1))
    code = f"""
import sys
from pathlib import Path
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.report.paper.build import write_paper_page
from robustbench_ln.store.store import Store
declared, store = load_declared(Path({str(lab.declared.path)!r})), Store(Path({str(lab.store.root)!r}))
built = write_paper_page(declared, store, ["curves"], Path({str(lab.out)!r}), Path({str(lab.data_dir)!r}))
print(built.rebuilt, *(name for name in ("torch", "pandas", "matplotlib", "jinja2") if name in sys.modules))
"""
    write_paper_page(lab.declared, lab.store, ["curves"], lab.out, lab.data_dir)
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["False"]


def test_a_broken_cell_costs_its_figure_not_the_page(lab, write):
    cells = lab.cells(lab.network(), (9, 5, 1))
    (lab.store.root / "cells" / cells[0] / "arrays.npz").write_bytes(b"")
    page = write(("curves", "confusions"))
    assert len(page.all("img")) == 1
    assert "Not drawn:" in page.text


def test_unknown_items_and_presets_are_named(lab, write):
    with pytest.raises(UnknownNameError, match="Did you mean 'curves'"):
        write(("curvs",))
    with pytest.raises(UnknownNameError, match="preset"):
        write(("curves",), preset="quik")


def test_a_page_cannot_take_a_folder_s_place(lab):
    lab.out.mkdir()
    with pytest.raises(LnbenchError, match="is no file"):
        write_paper_page(lab.declared, lab.store, ["curves"], lab.out, lab.data_dir)
