"""A merge copies what is missing and replaces nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from robustbench_ln import LnbenchError, load_results
from robustbench_ln.calibration import calibrate
from robustbench_ln.store.merge import merge
from robustbench_ln.store.open import open_store
from robustbench_ln.store.pack import pack
from robustbench_ln.store.store import Store


def files(store):
    return {
        str(path.relative_to(store.root)): path.read_bytes()
        for path in store.root.rglob("*")
        if path.is_file()
    }


def test_a_merge_into_an_empty_folder_is_a_copy(writer, tmp_path):
    source, into = writer.filled(), Store(tmp_path / "into")
    merged = merge(into, [source])
    assert (merged.copied, merged.present, merged.different, merged.models) == (5, 0, [], 2)
    assert files(into) == files(source)
    again = merge(into, [source])
    assert (again.copied, again.present, again.models) == (0, 5, 0)


def test_a_pack_unpacks_into_all_but_predictions_and_weights(writer, tmp_path):
    source, into = writer.filled(), Store(tmp_path / "into")
    packed = open_store(pack(source, tmp_path / "p.npz").path)
    merge(into, [packed])
    differ = {name for name, content in files(source).items() if files(into).get(name) != content}
    assert {name.rpartition("/")[2] for name in differ} == {"arrays.npz", "weights.safetensors"}
    assert load_results(into.root).equals(load_results(source.root))
    cell = min(into.cell_ids())
    assert into.counts(cell).predictions is None
    with pytest.raises(LnbenchError, match="has no predictions"):
        into.predictions(cell)
    assert (source.predictions(cell) == source.counts(cell).predictions).all()
    # Packed again, nothing is lost; and the weights come with the folder that has them.
    assert pack(into, tmp_path / "q.npz").path.read_bytes() == packed.root.read_bytes()
    merge(into, [source])
    assert into.models()[0].weights.read_bytes() == b"weights"


def test_other_counts_are_reported_and_the_first_are_kept(writer, other):
    kept = writer.cell("0", seed=1)
    assert other.cell("0", seed=2) == kept
    other.cell("1")
    before = writer.store.counts(kept).confusion
    merged = merge(writer.store, [other.store])
    assert (merged.copied, merged.present, merged.different) == (1, 0, [kept])
    assert (writer.store.counts(kept).confusion == before).all()


@pytest.mark.parametrize("earlier", ["into", "source"])
def test_a_cell_of_schema_1_without_calibration_is_the_same_one(writer, other, earlier):
    kept = writer.cell("0")
    own = writer.store.counts(kept)
    right = np.arange(own.confusion.sum()) < np.trace(own.confusion)
    sure = np.full(len(right), -0.5)
    own = replace(own, calibration=calibrate(sure, sure, right))
    stores = {"into": Store(other.store.root / "1"), "source": Store(other.store.root / "2")}
    for name, store in stores.items():
        counts = replace(own, calibration=None) if name == earlier else own
        store.publish_cell(kept, writer.store.identity(kept), counts, {})
    merged = merge(stores["into"], [stores["source"]])
    assert (merged.copied, merged.present, merged.different, merged.problems) == (0, 1, [], [])


def test_another_calibration_is_of_other_counts(writer, other):
    kept = writer.cell("0")
    counts = writer.store.counts(kept)
    right = np.arange(counts.confusion.sum()) < np.trace(counts.confusion)
    stores = [Store(other.store.root / name) for name in "12"]
    for store, sure in zip(stores, (-0.5, -0.6), strict=True):
        log = np.full(len(right), sure)
        own = replace(counts, calibration=calibrate(log, log, right))
        store.publish_cell(kept, writer.store.identity(kept), own, {})
    assert merge(stores[0], [stores[1]]).different == [kept]


def test_what_cannot_be_read_is_named(writer, other):
    broken = other.cell("0")
    (other.store.root / "cells" / broken / "record.json").write_text("{")
    good = other.cell("1")
    (other.store.root / "models" / "half").mkdir(parents=True)
    merged = merge(writer.store, [other.store])
    assert writer.store.cell_ids() == {good}
    assert ["half" in merged.problems[0], broken in merged.problems[1]] == [True, True]


def test_a_source_without_results_is_named_before_anything_is_written(writer, tmp_path):
    with pytest.raises(LnbenchError, match=r"no results in '.*nowhere'"):
        merge(writer.store, [Store(tmp_path / "nowhere")])
    assert not writer.store.root.exists()


class Foreign:
    """Results whose names are not those that lnbench gives."""

    def __init__(self, store, **renamed):
        self.store, self.renamed = store, renamed

    def __getattr__(self, name):
        return getattr(self.store, name)

    def model_ids(self):
        return [self.renamed["model"]]

    def model(self, model_id):
        return self.store.model(self.store.model_ids()[0])

    def log(self, model_id, name):
        return None

    def cell_ids(self):
        return {self.renamed["cell"]}

    def _cell(self):
        return min(self.store.cell_ids())

    def record(self, cell_id):
        return self.store.record(self._cell())

    def counts(self, cell_id):
        return self.store.counts(self._cell())

    def how(self, cell_id):
        return self.store.how(self._cell())

    def run_records(self):
        return {self.renamed["run"]: {"command": "owned"}}

    def all_failures(self):
        return {self.renamed["failure"]: {"reason": "owned"}}


@pytest.mark.parametrize("up", ["../../", "", ".", "a/b", "long"])
def test_no_name_of_a_source_leads_out_of_the_store(up, writer, other, tmp_path):
    victim = tmp_path / "victim.json"
    victim.write_text("precious", encoding="utf-8")
    start = {"": f"{tmp_path}/", "long": "n" * 300}.get(up, up)
    other.model()
    cell = other.cell("0")
    foreign = Foreign(
        other.store,
        model=f"{start}victim.aa.bb",
        cell=f"{start}victim-{cell.rpartition('-')[2]}",
        run=f"{start}victim",
        failure=f"{start}victim.run",
    )
    merged = merge(writer.store, [foreign])
    assert len(merged.problems) == 4
    assert all("is no name for something" in problem for problem in merged.problems)
    assert (merged.copied, merged.models) == (0, 0)
    assert victim.read_text(encoding="utf-8") == "precious"
    assert {path.name for path in tmp_path.iterdir()} <= {"victim.json", "store", "other"}
    assert not list(writer.store.root.rglob("*victim*"))


def test_a_text_that_utf_8_cannot_hold_is_copied_and_such_a_name_is_a_sentence(writer, other):
    source = other.filled()
    run, failure = {"command": "train \ud800"}, {"reason": "no file '\udcff'", "identity": {"a": "\udcff"}}
    packed = pack(source).path
    with np.load(packed) as arrays:
        members = dict(arrays)
    documents = json.loads(members["documents"].tobytes())
    card = next(iter(documents["models"].values()))
    documents["models"]["\ud800.aa.bb"] = card
    documents["runs"] |= {"\ud800": run, "run-x": run}
    documents["failures"] |= {"\ud800.run-x": failure, "c-2.run-x": failure}
    members["documents"] = np.frombuffer(json.dumps(documents).encode(), np.uint8)
    np.savez(packed, **members)
    merged = merge(writer.store, [open_store(packed)])
    assert len(merged.problems) == 3
    assert all("is no name for something" in problem for problem in merged.problems)
    assert writer.store.run_records()["run-x"] == run
    assert writer.store.all_failures()["c-2.run-x"] == failure
    assert (writer.store.root / "runs/run-x.json").read_bytes() == b'{"command":"train \\ud800"}'


def test_a_cell_whose_identity_utf_8_cannot_hold_is_left_out(writer, other):
    cell = other.cell()
    record = other.store.root / "cells" / cell / "record.json"
    record.write_text(record.read_text().replace('"digits"', '"x"').replace('"mnist-net"', '"\\ud800"'))
    merged = merge(writer.store, [other.store])
    assert (merged.copied, len(merged.problems)) == (0, 1)


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"recipe": {}, "how": {"run_id": "r"}},
        {"recipe": {"benchmark": "b", "network": "n", "norm": "none", "norm_options": {}, "seed": 0}},
        {"recipe": {"benchmark": "b", "network": "n", "norm": 3, "norm_options": {}, "seed": 0}, "how": {}},
    ],
)
def test_a_network_whose_card_names_none_is_left_out(card, writer, other):
    def write(folder):
        (folder / "model.json").write_text(json.dumps({"schema": 1, **card}), encoding="utf-8")

    with pytest.raises(LnbenchError, match="cannot be read"):
        other.store.publish_model("n.aa.bb", write)
    merged = merge(writer.store, [other.store])
    assert (merged.models, len(merged.problems)) == (0, 1)
    assert writer.store.model_ids() == []


@pytest.mark.parametrize("calibrated", [True, False])
def test_predictions_are_added_to_cells_that_came_from_packed_results(calibrated, writer, other, tmp_path):
    kept = writer.cell("0")
    counts = writer.store.counts(kept)
    if calibrated:
        right = np.arange(counts.confusion.sum()) < np.trace(counts.confusion)
        sure = np.full(len(right), -0.5)
        counts = replace(counts, calibration=calibrate(sure, sure, right))
    source, into = Store(tmp_path / "source"), Store(tmp_path / "into")
    source.publish_cell(kept, writer.store.identity(kept), counts, {})
    merge(into, [open_store(pack(source, tmp_path / "packed.npz").path)])
    assert into.counts(kept).predictions is None
    assert merge(into, [source]).present == 1
    assert (into.predictions(kept) == source.predictions(kept)).all()
    assert into.record(kept) == source.record(kept)
    assert (into.root / "cells" / kept / "arrays.npz").read_bytes() == (
        source.root / "cells" / kept / "arrays.npz"
    ).read_bytes()
