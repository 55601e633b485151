"""A merge copies what is missing and replaces nothing."""

from __future__ import annotations

import pytest

from robustbench_ln import LnbenchError, load_results
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
