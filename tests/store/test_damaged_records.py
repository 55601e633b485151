"""Whatever stands at whatever place of a record, its reader has a row or a sentence for it."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.open import open_store
from robustbench_ln.store.pack import packed_bytes
from robustbench_ln.store.stored import Counts
from tests.mutations import ODD, places


def put(document, number, value):
    """Return a copy of a document with a value at one of its places."""
    document = copy.deepcopy(document)
    holder, key = list(places(document))[number]
    holder[key] = copy.deepcopy(value)
    return document


@pytest.fixture
def record(writer):
    """A record with all that one may have."""
    record = writer.store.record(writer.cell(pixels="p"))
    record["identity"]["mode"]["alpha"] = 0.5
    return record


def test_every_odd_value_at_every_place_of_a_record_gives_a_row_or_a_sentence(record, other):
    root = other.store.root
    for number in range(len(list(places(record)))):
        for which, value in enumerate(ODD):
            cell = root / f"cells/{number}-{which}"
            cell.mkdir(parents=True)
            (cell / "record.json").write_text(json.dumps(put(record, number, value)))
    rows, problems = read_rows(other.store)
    assert len(rows) + len(problems) == len(list((root / "cells").iterdir()))
    assert len(rows) > 100
    assert len(problems) > 500


@pytest.mark.parametrize("share", [8, pytest.param(1, marks=pytest.mark.faults)])
def test_every_odd_value_in_a_packed_identity_gives_a_row_or_a_sentence(share, record, tmp_path):
    confusion = np.eye(3, dtype=np.int64)
    documents = {"models": {}, "runs": {}, "failures": {}}
    outcomes = {True: 0, False: 0}
    identity = record["identity"]
    for number in range(len(list(places(identity)))):
        for which, value in enumerate(ODD):
            # Of what no JSON carries, no file is made.
            if (number + which) % share or value != value or value == float("inf"):
                continue
            cells = {"c": ({"identity": put(identity, number, value)}, Counts(confusion, None), {})}
            path = tmp_path / "packed.npz"
            path.write_bytes(packed_bytes(cells, documents))
            try:
                outcomes[len(read_rows(open_store(path))[0]) == 1] += 1
            except LnbenchError:
                outcomes[False] += 1
    assert min(outcomes.values()) > 10


def test_a_cell_s_name_that_is_no_text_is_a_sentence(writer):
    (writer.store.root / "cells" / writer.cell()).rename(writer.store.root / "cells" / "\udcff")
    rows, problems = read_rows(writer.store)
    assert len(rows) == 0
    assert "not a readable record" in problems[0]
