"""Packed results hold what the folder holds, byte for byte, but for predictions and weights."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from robustbench_ln import LnbenchError, load_results
from robustbench_ln.identity import canonical_json
from robustbench_ln.models.weights import load_network
from robustbench_ln.store.merge import merge
from robustbench_ln.store.open import open_store, writable_store
from robustbench_ln.store.pack import pack, packed_bytes
from robustbench_ln.store.packed import PackedStore
from robustbench_ln.store.stored import SCHEMA_VERSION, Counts


@pytest.fixture
def packed(writer):
    return open_store(pack(writer.filled()).path)


def test_everything_but_predictions_and_weights_comes_back_byte_for_byte(writer, packed):
    folder = writer.store
    assert isinstance(packed, PackedStore)
    assert packed.root == folder.root / "results.npz"
    assert packed.names() == folder.names()
    assert len(packed.cell_ids()) == 5
    for cell in folder.cell_ids():
        files = folder.root / "cells" / cell
        assert canonical_json(packed.record(cell)).encode() == (files / "record.json").read_bytes()
        assert canonical_json(packed.how(cell)).encode() == (files / "how.json").read_bytes()
        assert packed.identity(cell) == folder.identity(cell)
        assert (packed.counts(cell).confusion == folder.counts(cell).confusion).all()
    for model in folder.models():
        assert packed.model(model.id).card == model.card
        assert packed.log(model.id, "history").encode() == (model.folder / "history.csv").read_bytes()
    assert packed.run_records() == folder.run_records()
    assert packed.failure_records() == folder.failure_records() != {}


def test_the_table_is_that_of_the_folder(writer, packed):
    table = load_results(packed.root)
    pd.testing.assert_frame_equal(table, load_results(writer.store.root), check_exact=True)
    assert set(table["classes"]) == {4, 300}


def test_the_same_results_are_the_same_bytes(writer, packed, tmp_path):
    shutil.copytree(writer.store.root / "cells", tmp_path / "copy" / "cells")
    for kind in ("models", "runs", "failures"):
        shutil.copytree(writer.store.root / kind, tmp_path / "copy" / kind)
    again = pack(open_store(tmp_path / "copy"), tmp_path / "again.npz")
    twice = pack(packed, tmp_path / "twice.npz")
    assert again.path.read_bytes() == twice.path.read_bytes() == packed.root.read_bytes()
    assert (twice.size, twice.cells, twice.models) == (packed.root.stat().st_size, 5, 2)


def test_predictions_and_weights_are_said_to_be_left_out(packed):
    cell = min(packed.cell_ids())
    assert packed.counts(cell).predictions is None
    with pytest.raises(LnbenchError, match="packed results leave them out"):
        packed.predictions(cell)
    with pytest.raises(LnbenchError, match=r"weights .* not in the packed .* lnbench train --train-seeds 2"):
        load_network(packed.model("other-localnorm-s1.cc.dd"))


def test_packed_results_are_read_only(packed):
    with pytest.raises(LnbenchError, match=r"read-only.*lnbench results merge"):
        writable_store(packed.root)


def test_a_selection_takes_the_cells_failures_and_runs_of_its_models(writer, tmp_path):
    done = pack(writer.filled(), tmp_path / "some.npz", ["other-*"])
    some = open_store(done.path)
    assert {some.identity(cell)["model"]["id"] for cell in some.cell_ids()} == {"other-localnorm-s1.cc.dd"}
    assert some.model_ids() == ["other-localnorm-s1.cc.dd"]
    assert list(some.run_records()) == ["run-2", "run-3"]
    assert some.all_failures() == {}
    with pytest.raises(LnbenchError, match=r"matches 'resnet'.*m-localnorm-s0"):
        pack(writer.store, tmp_path / "none.npz", ["resnet"])
    assert not (tmp_path / "none.npz").exists()


def test_what_cannot_be_read_is_named_and_left_out(writer, tmp_path):
    cells = {name: writer.cell(name, seed=int(name)) for name in "012345"}
    folder = writer.store.root / "cells"
    (folder / cells["1"] / "record.json").write_text("{")
    (folder / cells["2"] / "arrays.npz").write_bytes(b"PK")
    record = json.loads((folder / cells["3"] / "record.json").read_text())
    record["counts"]["correct"] += 1
    (folder / cells["3"] / "record.json").write_text(canonical_json(record))
    record = json.loads((folder / cells["4"] / "record.json").read_text())
    record["identity"]["seed"] += 1
    (folder / cells["4"] / "record.json").write_text(canonical_json(record))
    (writer.store.root / "models" / "half").mkdir(parents=True)
    done = pack(writer.store)
    assert open_store(done.path).cell_ids() == {cells["0"], cells["5"]}
    for name, sentence in zip((*(cells[n] for n in "1234"), "half"), done.problems, strict=True):
        assert name in sentence
    reasons = ("record.json", "arrays.npz", "confusion matrix", "hash of its identity", "model.json")
    for reason, sentence in zip(reasons, done.problems, strict=True):
        assert reason in sentence


@pytest.mark.parametrize(
    "how", ['{"threads": NaN}', '{"threads": 1e999}', '{"run_id": ["a"]}', '{"host": "\\ud800"}', "[1]", "{"]
)
def test_how_a_cell_was_measured_is_not_known_where_that_is_damaged(how, writer, other):
    store = writer.filled()
    cell = sorted(store.cell_ids())[0]
    (store.root / "cells" / cell / "how.json").write_text(how)
    packed = pack(store)
    assert (packed.cells, packed.problems) == (5, [])
    assert open_store(packed.path).how(cell) == {}
    assert merge(other.store, [store]).copied == 5


def test_a_store_without_cells_is_nothing_to_pack(writer, tmp_path):
    with pytest.raises(LnbenchError, match="nothing to pack"):
        pack(writer.store)
    assert not writer.store.root.exists()


def test_only_packed_results_are_replaced(writer, tmp_path):
    writer.cell()
    mine = tmp_path / "mine.npz"
    np.savez(mine, weights=np.zeros(3))
    before = mine.read_bytes()
    with pytest.raises(LnbenchError, match="is there already"):
        pack(writer.store, mine)
    assert mine.read_bytes() == before
    with pytest.raises(LnbenchError, match="is a folder"):
        pack(writer.store, tmp_path)
    first = pack(writer.store).size
    writer.cell("2")
    assert pack(writer.store).size > first
    with pytest.raises(LnbenchError, match="--out"):
        pack(open_store(writer.store.root / "results.npz"))


def test_ten_thousand_cells_come_back(tmp_path):
    cells, classes = 10_000, 10
    confusions = np.random.default_rng(0).integers(0, 4, (cells, classes, classes)) ** 3
    noises = [{"name": "agn", "sigma": f"{n / 100:g}", "clip": False, "rescale": False, "space": "pixel"}
              for n in range(500)]  # fmt: skip
    models = [
        {
            "id": f"m{n:03d}", "benchmark": "b", "network": "n", "norm": "none", "norm_options": {},
            "preprocessing": {}, "seed": n,
        }
        for n in range(100)
    ]  # fmt: skip
    rest = {
        "data": {"name": "d", "split": "test", "checksum": "c", "limit": None},
        "coupling": None,
        "seed": 0,
        "dtype": "float32",
        "protocol": 1,
    }
    rest["mode"] = {"name": "eval", "vote": None}
    packed = {}
    for number in range(cells):
        identity = {"model": models[number // 500], "noise": noises[number % 500], **rest}
        record = {"schema": SCHEMA_VERSION, "identity": identity}
        counts = Counts(confusions[number], None)
        packed[f"{number:05d}"] = (record, counts, {"run_id": f"run-{number // 7}"})
    path = tmp_path / "many.npz"
    path.write_bytes(packed_bytes(packed, {"models": {}, "runs": {}, "failures": {}}))

    table = load_results(path)
    assert table["cell"].tolist() == list(packed)
    assert table["model"].tolist() == [f"m{number // 500:03d}" for number in range(cells)]
    assert table["sigma"].tolist() == [number % 500 / 100 for number in range(cells)]
    assert (table["images"] == confusions.sum((1, 2))).all()
    assert (table["correct"] == np.einsum("nii->n", confusions)).all()
    predicted = confusions.sum(1)
    assert (table["top_share"] == predicted.max(1) / predicted.sum(1)).all()
    store = open_store(path)
    for number in range(0, cells, 997):
        name = f"{number:05d}"
        assert store.identity(name) == packed[name][0]["identity"]
        assert store.how(name) == packed[name][2]
        assert (store.counts(name).confusion == confusions[number]).all()
        assert store.record(name)["counts"] == Counts(confusions[number], None).record()
