from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln import LnbenchError, load_results
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import Counts


def identity(sigma: str = "0.5", mode: str = "batch") -> dict:
    return {
        "model": {
            "id": "m",
            "benchmark": "b",
            "network": "mnist-net",
            "norm": "localnorm",
            "norm_options": {"groups": 5},
            "preprocessing": {},
            "seed": 3,
        },
        "data": {"name": "digits", "split": "test", "checksum": "c", "limit": None},
        "noise": {"name": "agn", "sigma": sigma, "clip": False, "rescale": False, "space": "pixel"},
        "seed": 1,
        "mode": {"name": mode, "vote": None},
        "coupling": {"batch_size": 50, "set_size": 10, "order": "shuffled", "order_seed": 0},
        "dtype": "float32",
        "protocol": 1,
    }


def counts(seed: int = 0, images: int = 300) -> Counts:
    random = np.random.default_rng(seed)
    true, predicted = random.integers(0, 4, images), random.integers(0, 4, images)
    confusion = np.zeros((4, 4), np.int64)
    np.add.at(confusion, (true, predicted), 1)
    return Counts(confusion, predicted)


def test_a_cell_reads_back_as_it_was_written(tmp_path):
    store, written = Store(tmp_path), counts()
    assert store.publish_cell("cell", identity(), written, {"host": "h"})
    read = store.counts("cell")
    assert (read.confusion == written.confusion).all()
    assert (read.predictions == written.predictions).all()
    record = json.loads((tmp_path / "cells/cell/record.json").read_text())
    assert record["identity"] == identity()
    assert record["counts"] == {
        "images": 300,
        "correct": int(np.trace(written.confusion)),
        "predicted": np.bincount(written.predictions, minlength=4).tolist(),
    }


def test_equal_counts_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        Store(tmp_path / name).publish_cell("cell", identity(), counts(), {"finished": name})
    for file in ("record.json", "arrays.npz"):
        assert (tmp_path / "a/cells/cell" / file).read_bytes() == (
            tmp_path / "b/cells/cell" / file
        ).read_bytes()


def test_the_first_writer_wins_and_nothing_is_replaced(tmp_path):
    store = Store(tmp_path)
    assert store.publish_cell("cell", identity(), counts(1), {})
    assert not store.publish_cell("cell", identity(), counts(2), {})
    assert (store.counts("cell").confusion == counts(1).confusion).all()
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["cell"]


WRITER = """
import sys, numpy as np
from pathlib import Path
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import Counts
root, writer = Path(sys.argv[1]), int(sys.argv[2])
counts = Counts(np.eye(4, dtype=np.int64) * writer, np.arange(4))
while not (root / "go").exists():
    pass
print(sum(Store(root).publish_cell(f"cell{number}", {}, counts, {}) for number in range(40)))
"""


def test_racing_writers_publish_each_cell_exactly_once(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    racers = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(1, 5)]
    (tmp_path / "go").touch()
    won = [int(racer.communicate(timeout=120)[0]) for racer in racers]
    assert sum(won) == 40
    names = sorted(path.name for path in (tmp_path / "cells").iterdir())
    assert names == sorted(f"cell{number}" for number in range(40))
    assert all(Store(tmp_path).counts(name).confusion.sum() in (4, 8, 12, 16) for name in names)


def test_a_writer_that_dies_half_way_leaves_nothing_that_readers_see(tmp_path):
    store = Store(tmp_path)

    def die(folder: Path) -> None:
        (folder / "model.json").write_text("{")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.publish_model("m.recipe.weights", die)
    assert store.models() == []
    assert list((tmp_path / "models").iterdir()) == []


def test_hidden_leftovers_are_not_read(tmp_path):
    store = Store(tmp_path)
    store.publish_cell("cell", identity(), counts(), {})
    (tmp_path / "cells/.half.123").mkdir()
    assert store.cell_ids() == {"cell"}
    assert len(load_results(tmp_path)) == 1


def write_least_card(folder):
    recipe = {"benchmark": "b", "network": "n", "norm": "none", "norm_options": {}, "seed": 0}
    _write(folder / "model.json", json.dumps({"schema": 1, "recipe": recipe, "how": {"run_id": "r"}}))


def test_a_recipe_is_found_by_its_part_of_the_name(tmp_path):
    store = Store(tmp_path)
    for name in ("digits-localnorm-s0.aaa.bbb", "digits-localnorm-s1.ccc.aaa"):
        store.publish_model(name, write_least_card)
    found = store.find_recipe("aaa")
    assert found is not None
    assert found.id == "digits-localnorm-s0.aaa.bbb"
    assert store.find_recipe("bbb") is None


def test_a_recipe_is_found_with_weights_before_one_without(tmp_path):
    store = Store(tmp_path)
    for name in ("n.aaa.1", "n.aaa.2"):
        store.publish_model(name, write_least_card)
    assert store.find_recipe("aaa").id == "n.aaa.1"
    store.add_weights(store.model("n.aaa.2"), lambda: b"weights")
    assert store.find_recipe("aaa").id == "n.aaa.2"
    store.add_weights(store.model("n.aaa.2"), lambda: b"others")
    assert store.model("n.aaa.2").weights.read_bytes() == b"weights"


@pytest.mark.parametrize("name", ["history", "scales"])
def test_a_log_that_cannot_be_read_is_not_taken_for_none(name, tmp_path):
    store = Store(tmp_path)
    store.publish_model("n.a.b", write_least_card)
    assert store.log("n.a.b", name) is None
    (tmp_path / f"models/n.a.b/{name}.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(LnbenchError, match=f"{name}.csv' cannot be read"):
        store.log("n.a.b", name)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 99}', '{"schema": "one"}', "[" * 50_000])
def test_a_broken_model_card_is_named(text, tmp_path):
    (tmp_path / "models/m.a.b").mkdir(parents=True)
    _write(tmp_path / "models/m.a.b/model.json", text)
    with pytest.raises(LnbenchError, match=r"m\.a\.b"):
        Store(tmp_path).models()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 99}', "\x00\xff", "[" * 50_000])
def test_a_broken_record_is_left_out_with_a_warning(text, tmp_path):
    store = Store(tmp_path)
    store.publish_cell("good", identity(), counts(), {})
    (tmp_path / "cells/bad").mkdir()
    _write(tmp_path / "cells/bad/record.json", text)
    with pytest.warns(UserWarning, match="bad"):
        cells = load_results(tmp_path)
    assert cells["cell"].tolist() == ["good"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 500])
def test_broken_arrays_are_named(content, tmp_path):
    store = Store(tmp_path)
    store.publish_cell("cell", identity(), counts(), {})
    (tmp_path / "cells/cell/arrays.npz").write_bytes(content)
    with pytest.raises(LnbenchError, match=r"arrays\.npz"):
        store.counts("cell")


def test_the_table_has_a_row_a_cell_in_order_of_sigma(tmp_path):
    store = Store(tmp_path)
    for sigma in ("10", "2", "0"):
        store.publish_cell(f"c{sigma}", identity(sigma), counts(int(sigma)), {})
    cells = load_results(tmp_path)
    assert cells["sigma"].tolist() == [0.0, 2.0, 10.0]
    expected = [np.trace(counts(int(sigma)).confusion) / 300 for sigma in cells["sigma"]]
    assert cells["accuracy"].tolist() == pytest.approx(expected)
    row = cells.iloc[0]
    assert (row["norm"], row["groups"], row["set_size"], row["train_seed"]) == ("localnorm", 5, 10, 3)
    assert bool(row["coupled"])


def test_a_failure_is_listed_until_the_cell_is_measured(tmp_path):
    store = Store(tmp_path)
    store.publish_failure("cell-a", "run-1", {"reason": "overflow"})
    assert [record["reason"] for record in store.failure_records().values()] == ["overflow"]
    store.publish_cell("cell-a", identity(), counts(), {})
    assert store.failure_records() == {}


def test_predictions_of_many_classes_are_kept(tmp_path):
    predictions = np.arange(1000)
    store = Store(tmp_path)
    store.publish_cell("cell", identity(), Counts(np.eye(1000, dtype=np.int64), predictions), {})
    assert (store.counts("cell").predictions == predictions).all()
    assert (tmp_path / "cells/cell/arrays.npz").stat().st_size < 50_000


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="latin-1")
