"""No file of a store keeps its reader waiting or fills the memory, whoever made it."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

from robustbench_ln import LnbenchError, load_results
from robustbench_ln.models.weights import load_network
from robustbench_ln.store import files, pack, packed, store
from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.merge import merge
from robustbench_ln.store.open import open_store
from robustbench_ln.store.verify import verify


def as_pipe(path):
    path.unlink()
    os.mkfifo(path)


def as_device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def as_loop(path):
    path.unlink()
    path.symlink_to(path)


def as_sparse(path):
    with path.open("r+b") as file:
        file.truncate(files.MOST_ARRAYS + 1)


def as_unknown_type(path):
    header = b'{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"0")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", [as_pipe, as_device, as_loop, as_sparse])
def test_a_file_that_is_none_or_is_huge_is_told(spoil, writer, other):
    source = writer.filled()
    cells, models = (source.names()[kind] for kind in ("cells", "models"))
    for path in (
        f"cells/{cells[0]}/record.json",
        f"cells/{cells[1]}/arrays.npz",
        f"cells/{cells[2]}/how.json",
        f"models/{models[0]}/model.json",
        f"models/{models[1]}/history.csv",
        "runs/run-1.json",
        "failures/c-1.run-4.json",
    ):
        spoil(source.root / path)
    rows, problems = read_rows(source)
    assert (len(rows), len(problems)) == (4, 1)
    assert "cannot be read" in source.readable_models()[1][0] + problems[0].replace(
        "not a readable", "cannot be read"
    )
    assert len(source.run_records()) == 4
    assert source.all_failures() == {}
    merged = merge(other.store, [source])
    assert (merged.copied, merged.models, len(merged.problems)) == (3, 0, 4)
    wrong = {finding.where.partition("/")[0] for finding in verify(source.root).wrong}
    assert wrong == {"cells", "models", "runs", "failures"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", [as_pipe, as_device, as_unknown_type])
def test_weights_that_are_no_file_of_weights_are_told(spoil, writer):
    writer.model()
    (model,) = writer.store.models()
    model.card["recipe"]["train"] = {"epochs": 1}
    spoil(model.weights)
    with pytest.raises(LnbenchError, match=r"Weights '.*' cannot be read"):
        load_network(model)


def bomb(names, size):
    """Return an archive of arrays of zeros, which are small in it and large in memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(f"{name}.npy", "w") as member:
                side = int(size**0.5)
                header = {"descr": "|u1", "fortran_order": False, "shape": (side, side)}
                np.lib.format.write_array_header_1_0(member, header)
                member.write(bytes(side * side))
    return file.getvalue()


def test_arrays_that_would_fill_the_memory_are_refused_before_they_are_read(writer, monkeypatch):
    cell = writer.cell()
    path = writer.store.root / "cells" / cell / "arrays.npz"
    path.write_bytes(bomb(["confusion"], 900_000))
    monkeypatch.setattr(files, "MOST_ARRAYS", 1_000_000)
    monkeypatch.setattr(store, "MOST_ARRAYS", 1_000_000)
    # Small enough as bytes, but not as the numbers that counts are.
    with pytest.raises(LnbenchError, match=r"arrays\.npz' cannot be read: .* more than a cell has"):
        writer.store.counts(cell)
    path.write_bytes(bomb(["confusion", "predictions"], 900_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(LnbenchError, match="at most 1,000,000 are read"):
        writer.store.counts(cell)


def test_packed_results_that_would_fill_the_memory_are_refused_and_not_written(writer, monkeypatch):
    path = pack.pack(writer.filled()).path
    monkeypatch.setattr(packed, "MOST_PACKED", 1_000)
    with pytest.raises(LnbenchError, match="cannot be read"):
        open_store(path)
    monkeypatch.setattr(packed, "MOST_PACKED", 2**30)
    monkeypatch.setattr(packed, "MOST_DOCUMENTS", 300)
    with pytest.raises(LnbenchError, match="'documents' has"):
        open_store(path).models()
    monkeypatch.setattr(packed, "MOST_DOCUMENTS", 2**30)
    monkeypatch.setattr(packed, "MOST_ARRAYS", 8 * 300**2 - 1)
    with pytest.raises(LnbenchError, match="'confusion_300'"):
        load_results(path)
    for limit in ("MOST_PACKED", "MOST_DOCUMENTS"):
        monkeypatch.setattr(pack, limit, 300)
        with pytest.raises(LnbenchError, match="more than a packed file may hold"):
            pack.pack(writer.store)
        monkeypatch.undo()
