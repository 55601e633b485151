"""What cannot be read is left out with a sentence: by the report, by the list, and by the paper's page."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.errors import LnbenchError
from robustbench_ln.experiments.state import progress_of
from robustbench_ln.noise import NOISES
from robustbench_ln.report.build import build_report
from robustbench_ln.report.contents import contents_of
from robustbench_ln.report.inputs import gather
from robustbench_ln.report.matrices import draw_confusions
from robustbench_ln.report.paper.build import write_paper_page


def change_record(folder, part, **changes):
    record = json.loads((folder / "record.json").read_text())
    record[part] |= changes
    (folder / "record.json").write_text(json.dumps(record))


CARD = "models/m.a.b/model.json"


def change_card(root, part, **changes):
    card = json.loads((root / CARD).read_text())
    (card[part] if part else card).update(changes)
    (root / CARD).write_text(json.dumps(card))


#: What spoils a store, given its folder and that of one of its three cells, and how many cells are left.
DAMAGES = {
    "a broken record": (2, lambda root, cell: (cell / "record.json").write_text("{")),
    "no record": (2, lambda root, cell: (cell / "record.json").unlink()),
    "a newer schema": (2, lambda root, cell: (cell / "record.json").write_text('{"schema":99}')),
    "a number for a name": (2, lambda root, cell: change_record(cell, "identity", dtype=7)),
    "no split": (
        2,
        lambda root, cell: change_record(
            cell, "identity", data={"name": "toy", "checksum": "c", "limit": None}
        ),
    ),
    "a list for a vote": (
        2,
        lambda root, cell: change_record(cell, "identity", mode={"name": "frozen", "vote": []}),
    ),
    "a text for a number": (2, lambda root, cell: change_record(cell, "identity", seed="0")),
    "no images": (2, lambda root, cell: change_record(cell, "counts", images=0, correct=0, predicted=[0])),
    "too many images": (2, lambda root, cell: change_record(cell, "counts", images=math.inf)),
    "another's calibration": (2, lambda root, cell: change_record(cell, "counts", calibration=[1] * 46)),
    "a foreign file": (3, lambda root, cell: (root / "cells/notes.txt").write_text("notes")),
    "a foreign folder": (3, lambda root, cell: (root / "cells/notes").mkdir()),
    "a broken card": (3, lambda root, cell: (root / CARD).write_text("[]")),
    "a card of a newer schema": (3, lambda root, cell: (root / CARD).write_text('{"schema":99}')),
    "a text for a card's number": (3, lambda root, cell: change_card(root, "how", seconds="1")),
    "a huge number on a card": (3, lambda root, cell: change_card(root, "", test_accuracy=10**400)),
    "a list for a number on a card": (3, lambda root, cell: change_card(root, "recipe", data={"limit": []})),
    "a foreign file among models": (3, lambda root, cell: (root / "models/notes.txt").touch()),
}


@pytest.fixture
def cell(maker):
    """The folder of a cell in a store of three cells and two networks."""
    cells = maker.curve((9, 7, 3))
    maker.model("m.a.b")
    maker.model("m.c.d")
    return maker.store.root / "cells" / cells[-1]


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_rest_is_read_and_the_damage_is_told(damage, cell, maker):
    left, spoil = DAMAGES[damage]
    spoil(maker.store.root, cell)
    gathered = gather(maker.store, maker.data_dir)
    assert len(gathered.table) == left
    assert len(gathered.models) == (1 if "card" in damage else 2)
    (problem,) = gathered.problems
    assert problem.startswith("Left out ")


def test_the_list_and_both_pages_tell_what_was_left_out(cell, maker, words):
    for damage in ("a newer schema", "a foreign file", "a broken card"):
        DAMAGES[damage][1](maker.store.root, cell)
    declared, told = load_declared(find_config(None)), []
    progress_of(declared, maker.store, on_problem=told.append)
    told = [sentence.replace(f"{maker.store.root}/", "") for sentence in told]
    assert len(told) == 3
    page = words()
    assert len(page.table("All cells")) == 2
    assert all(sentence in page.text for sentence in told)
    paper = maker.store.root / "paper.html"
    write_paper_page(declared, maker.store, ["fig7"], out=paper, data_dir=maker.data_dir)
    assert paper.read_text(encoding="utf-8").count("Left out ") == 3


def test_texts_that_utf_8_cannot_hold_stop_no_page(cell, maker):
    change_card(maker.store.root, "recipe", classes="\ud800")
    maker.store.publish_run("run-1", {"command": "lnbench \udcff", "request": {}})
    built = build_report(maker.store, data_dir=maker.data_dir, title="Title \udcff")
    assert not built.problems
    assert "<title>Title" in maker.store.report.read_text(encoding="utf-8")


def test_arrays_that_cannot_be_read_cost_a_matrix_and_are_told(cell, maker, monkeypatch):
    for name in ("draw_home_curves", "draw_mode_curves", "draw_samples"):
        monkeypatch.setattr(f"robustbench_ln.report.contents.{name}", lambda *given: None)
    (cell / "arrays.npz").unlink()
    # The record has what the curves need.
    assert len(gather(maker.store, maker.data_dir).table) == 3
    (problem,) = build_report(maker.store, data_dir=maker.data_dir).problems
    assert problem.startswith("No confusion matrix of")
    assert f"cells/{cell.name}/arrays.npz" in problem
    assert problem.partition(":")[0] in maker.store.report.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", None])
def test_a_matrix_that_cannot_be_drawn_is_told(content, cell, maker):
    np.savez(cell / "arrays.npz", confusion=np.eye(3, dtype=np.int64))
    if content is not None:
        (cell / "arrays.npz").write_bytes(content)
    (data,) = gather(maker.store, maker.data_dir).data
    with pytest.raises(LnbenchError, match=cell.name):
        draw_confusions(maker.store, data, data.noises[0], data.noises[0].cells["curve_label"].iloc[0])


def test_images_that_cannot_be_drawn_cost_their_figure_and_are_told(maker, monkeypatch):
    for name in ("draw_home_curves", "draw_mode_curves"):
        monkeypatch.setattr(f"robustbench_ln.report.contents.{name}", lambda *given: None)
    monkeypatch.setattr("robustbench_ln.report.contents.draw_confusions", lambda *given: None)
    monkeypatch.setitem(NOISES, "mine@2", replace(NOISES["agn"], name="mine@2", origin="mine.py"))
    checksum = maker.decoded()
    for noise in ("agn", "mine@1"):
        maker.curve((9, 7), ("0", "1"), checksum=checksum, noise=noise)
    inputs = gather(maker.store, maker.data_dir)
    (section,) = contents_of(inputs, "Title").sections
    assert {noise.label: noise.samples is not None for noise in section.noises} == {
        "agn": True,
        "mine@1": False,
    }
    (problem,) = inputs.problems
    assert problem.startswith("No noisy images of mine@1: This needs noise 'mine@1'")
