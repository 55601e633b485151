"""The table of cells, read together with the identities of its cells."""

from __future__ import annotations

from collections import Counter

from pandas.testing import assert_frame_equal

from robustbench_ln.store.frame import read_cells, read_rows
from robustbench_ln.store.open import open_store
from robustbench_ln.store.pack import pack
from robustbench_ln.store.store import Store


def test_identities_come_with_the_table_from_folder_and_file(writer):
    broken = writer.cell(sigma="9")
    packed = open_store(pack(writer.filled()).path)
    (writer.store.root / "cells" / broken / "record.json").write_text("{}", encoding="utf-8")
    for store, unread in ((writer.store, 1), (packed, 0)):
        table, identities, problems = read_cells(store)
        rows, sentences = read_rows(store)
        assert_frame_equal(table, rows)
        assert problems == sentences
        assert len(problems) == unread
        assert identities == {cell: store.identity(cell) for cell in table["cell"]}
        assert (broken in identities) != bool(unread)


def test_each_record_is_read_once(writer, monkeypatch):
    read = Counter()
    once = Store.flat_record
    monkeypatch.setattr(Store, "flat_record", lambda self, cell: read.update([cell]) or once(self, cell))
    table, identities, _ = read_cells(writer.filled())
    assert dict(read) == dict.fromkeys(identities, 1) == dict.fromkeys(table["cell"], 1)
