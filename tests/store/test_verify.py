"""What is wrong with a store is named, whatever it is, and nothing is named that is not wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from robustbench_ln import LnbenchError
from robustbench_ln.calibration import calibrate
from robustbench_ln.identity import content_hash, recipe_id
from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.pack import pack
from robustbench_ln.store.store import Store, write_card
from robustbench_ln.store.stored import Counts
from robustbench_ln.store.verify import verify
from robustbench_ln.store.weights import weights_hash

VERSION_1 = Path(__file__).parent / "schemas" / "v1"
RECIPE = {"benchmark": "b", "network": "n", "norm": "none", "norm_options": {}, "seed": 0}


class Whole:
    """A small store in which nothing is wrong: one network with weights, one cell, one run, one failure."""

    def __init__(self, root: Path) -> None:
        self.root = root
        store = Store(root)
        state = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(2, dtype=torch.bfloat16)}
        weights = weights_hash(state)
        name = f"b-none-s0.{recipe_id(RECIPE)}.{weights}"

        def write(folder: Path) -> None:
            save_file(state, folder / "weights.safetensors")
            (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
            write_card(
                folder, {"schema": 2, "recipe": RECIPE, "weights": weights, "how": {"run_id": "run-1"}}
            )

        self.model = store.publish_model(name, write).folder
        self.identity = {
            "model": {**RECIPE, "id": name, "preprocessing": {}},
            "data": {"name": "d", "split": "test", "checksum": "c", "limit": None},
            "noise": {"name": "agn", "sigma": "0", "clip": False, "rescale": False, "space": "pixel"},
            "mode": {"name": "eval", "vote": None},
            "coupling": None,
            "seed": 0,
            "protocol": 1,
            "dtype": "float32",
        }
        true, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
        sure = np.log(np.array([0.9, 0.6, 0.7, 0.8, 0.55]))
        self.counts = Counts(np.array([[1, 1], [1, 2]]), predicted, calibrate(sure, sure, predicted == true))
        cell = f"none-eval-agn-0-{content_hash(self.identity)}"
        store.publish_cell(cell, self.identity, self.counts, {"run_id": "run-1"})
        self.cell = root / "cells" / cell
        store.publish_run("run-1", {"command": "lnbench train"})
        failed = {**self.identity, "seed": 1}
        store.publish_failure(f"c-{content_hash(failed)}", "run-1", {"identity": failed, "reason": "no"})
        (self.failure,) = (root / "failures").iterdir()


@pytest.fixture
def whole(tmp_path):
    return Whole(tmp_path / "store")


def test_nothing_is_wrong_with_what_was_written(whole):
    found = verify(whole.root)
    assert (found.wrong, found.remarks) == ([], [])
    assert found.read == {"models": 1, "cells": 1, "runs": 1, "failures": 1}
    packed = verify(pack(Store(whole.root)).path)
    assert (packed.wrong, packed.remarks, packed.read) == ([], [], found.read)


def record_with(whole, **changes):
    record = json.loads((whole.cell / "record.json").read_text())
    (whole.cell / "record.json").write_text(json.dumps(record | changes))


def arrays_with(whole, **changes):
    with np.load(whole.cell / "arrays.npz") as arrays:
        kept = dict(arrays)
    changed = {name: array for name, array in (kept | changes).items() if array is not None}
    np.savez(whole.cell / "arrays.npz", **changed)


def card_with(whole, **changes):
    card = json.loads((whole.model / "model.json").read_text())
    (whole.model / "model.json").write_text(json.dumps(card | changes))


DAMAGES = {
    "a broken record": ("cell", "not a readable record", lambda w: (w.cell / "record.json").write_text("{")),
    "no record": ("cell", "not a readable record", lambda w: (w.cell / "record.json").unlink()),
    "a newer schema": ("cell", "a newer lnbench wrote it", lambda w: record_with(w, schema=99)),
    "no arrays": ("cell", "arrays.npz' cannot be read", lambda w: (w.cell / "arrays.npz").unlink()),
    "a truncated archive": (
        "cell", "cannot be read", lambda w: (w.cell / "arrays.npz").write_bytes(b"PK\x03\x04")
    ),
    "no confusion matrix": ("cell", "cannot be read", lambda w: arrays_with(w, confusion=None)),
    "another confusion matrix": (
        "cell", "not those of its confusion matrix", lambda w: arrays_with(w, confusion=np.eye(2, dtype=int))
    ),
    "a record of other counts": (
        "cell", "not those of its confusion",
        lambda w: record_with(w, counts={"images": 5, "correct": 4, "predicted": [2, 3]}),
    ),
    "counts that do not add up": (
        "cell", "do not add up",
        lambda w: record_with(w, counts={"images": 9, "correct": 4, "predicted": [2, 3]}),
    ),
    "other predictions": (
        "cell", "predictions are not", lambda w: arrays_with(w, predictions=np.zeros(5, np.uint16))
    ),
    "predictions of no class": (
        "cell", "predictions are not", lambda w: arrays_with(w, predictions=np.array([0, 1, 1, 1, 9]))
    ),
    "no calibration": ("cell", "not those of its confusion", lambda w: arrays_with(w, calibration=None)),
    "another identity": (
        "cell", "not the hash of its identity", lambda w: record_with(w, identity={**w.identity, "seed": 9})
    ),
    "another name": (
        "renamed", "not the hash of its identity", lambda w: w.cell.rename(w.root / "cells" / "renamed")
    ),
    "no how": ("cell", "how.json' cannot be read", lambda w: (w.cell / "how.json").unlink()),
    "a foreign file in a cell": ("cell", "'notes' in it", lambda w: (w.cell / "notes").touch()),
    "a foreign file among cells": ("a.txt", "not lnbench's own", lambda w: (w.root / "cells/a.txt").touch()),
    "a foreign folder among cells": (
        "empty", "not lnbench's own", lambda w: (w.root / "cells/empty").mkdir()
    ),
    "a foreign file among models": (
        "a.txt", "not lnbench's own", lambda w: (w.root / "models/a.txt").touch()
    ),
    "a foreign file among runs": ("a.txt", "not lnbench's own", lambda w: (w.root / "runs/a.txt").touch()),
    "a broken run": ("run-1", "cannot be read", lambda w: (w.root / "runs/run-1.json").write_text("{")),
    "a run of nothing": ("run-1", "no command", lambda w: (w.root / "runs/run-1.json").write_text("{}")),
    "a broken failure": ("failures", "cannot be read", lambda w: w.failure.write_text("")),
    "a failure of another cell": (
        "failures", "not the hash", lambda w: w.failure.rename(w.failure.with_name("c-0.run-1.json"))
    ),
    "a broken card": ("model", "cannot be read", lambda w: (w.model / "model.json").write_text("[]")),
    "a card of a newer schema": ("model", "newer lnbench", lambda w: card_with(w, schema=99)),
    "a card of another recipe": (
        "model", "not the hash of its recipe",
        lambda w: card_with(w, recipe={**RECIPE, "seed": 7}),
    ),
    "a card of other weights": ("model", "other weights", lambda w: card_with(w, weights="0" * 12)),
    "other weights": (
        "model", "not those that its name",
        lambda w: save_file({"weight": torch.zeros(1)}, w.model / "weights.safetensors"),
    ),
    "truncated weights": (
        "model", "weights cannot be read", lambda w: (w.model / "weights.safetensors").write_bytes(b"\x08")
    ),
    "a broken history": (
        "model", "history.csv", lambda w: (w.model / "history.csv").write_text("epoch\n1,2\n")
    ),
    "an empty history": ("model", "no table over epochs", lambda w: (w.model / "history.csv").write_text("")),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_with_its_place(damage, whole):
    where, sentence, spoil = DAMAGES[damage]
    spoil(whole)
    (finding,) = verify(whole.root).wrong
    assert getattr(whole, where, Path(where)).name in finding.where
    assert sentence in finding.what
    assert finding.hint
    assert str(whole.root) not in finding.what


def test_a_newer_record_is_not_to_be_removed_and_a_damaged_one_is(whole):
    record_with(whole, schema=99)
    assert verify(whole.root).wrong[0].hint == "Update lnbench to read it."
    (whole.cell / "record.json").write_text("{")
    assert "Remove it; the next lnbench corrupt-eval" in verify(whole.root).wrong[0].hint


def test_what_harms_no_number_is_a_remark(whole):
    shutil.rmtree(whole.model)
    (whole.root / "runs/run-1.json").unlink()
    (whole.root / "notes.txt").touch()
    (whole.root / "report.html").touch()
    (whole.root / f"cells/.half.{'0' * 32}").mkdir()
    (whole.root / "models/.training-abc").mkdir()
    (whole.root / "models/.training-abc/state.pt").touch()
    found = verify(whole.root)
    assert found.wrong == []
    remarks = {finding.where: finding.what for finding in found.remarks}
    assert remarks == {
        f"models/{whole.model.name}": "It is not there, but named by 1 cell.",
        "runs/run-1": "It is not there, but named by 1 record.",
        "notes.txt": "It is not lnbench's own; nobody reads it.",
        f"cells/.half.{'0' * 32}": "A killed process left it, or one writes it now.",
        "models/.training-abc": "An unfinished training.",
    }


def test_weights_that_are_not_there_are_a_remark(whole):
    (whole.model / "weights.safetensors").unlink()
    found = verify(whole.root)
    assert found.wrong == []
    assert [finding.what for finding in found.remarks] == ["It has no weights."]


def test_a_damaged_packed_file_is_wrong_and_none_at_all_is_a_mistake(whole, tmp_path):
    path = pack(Store(whole.root)).path
    path.write_bytes(path.read_bytes()[:-200])
    (finding,) = verify(path).wrong
    assert "not a whole file of packed results" in finding.what
    with pytest.raises(LnbenchError, match="no results at"):
        verify(tmp_path / "nowhere")


@given(share=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_of_a_record_is_found(share, byte, tmp_path_factory):
    root = tmp_path_factory.mktemp("byte") / "store"
    shutil.copytree(VERSION_1, root)
    (path,) = root.glob("cells/*/record.json")
    content = bytearray(path.read_bytes())
    place = int(share * len(content))
    same = content[place] == byte
    content[place] = byte
    path.write_bytes(content)
    # Schema 2 has all that schema 1 has.
    same = same or content.endswith(b'"schema":2}')
    assert (verify(root).wrong == []) == same


@given(
    name=st.sampled_from(["record.json", "arrays.npz", "how.json", "model.json", "history.csv"]),
    share=st.floats(0, 1, exclude_max=True),
    junk=st.binary(max_size=8),
    cut=st.booleans(),
)
def test_no_damage_makes_a_reader_crash(name, share, junk, cut, tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged") / "store"
    shutil.copytree(VERSION_1, root)
    (path,) = root.glob(f"*/*/{name}")
    content = path.read_bytes()
    place = int(share * len(content))
    path.write_bytes(content[:place] + junk + (b"" if cut else content[place + len(junk) :]))
    verify(root)
    # Either the cell is there, with images, or it is told that it is not: no silent nothing.
    cells, problems = read_rows(Store(root))
    assert len(cells) + len(problems) == 1
    assert (cells["images"] > 0).all()
