"""A file that is not whole packed results of this version is refused with a sentence."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from robustbench_ln import LnbenchError, load_results
from robustbench_ln.store.merge import merge
from robustbench_ln.store.open import open_store
from robustbench_ln.store.pack import pack


@pytest.fixture
def path(writer):
    return pack(writer.filled()).path


def members(path):
    with np.load(path) as arrays:
        return dict(arrays)


def text(value):
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_truncated_file(share, path):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(LnbenchError, match=r"'.*results\.npz' is not a whole file of packed results"):
        load_results(path)


def test_flipped_bytes(path):
    content = bytearray(path.read_bytes())
    refused = 0
    for place in range(40, len(content), len(content) // 40):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            load_results(path)
        except LnbenchError:
            refused += 1
    # Some bytes, such as times and attributes in the archive's directory, carry nothing.
    assert refused >= 20


@pytest.mark.parametrize("kind", ["text", "zip", "npz", "npy", "pickle", "other header"])
def test_a_foreign_file(kind, tmp_path):
    path = tmp_path / "foreign.npz"
    if kind == "text":
        path.write_text("epoch,loss\n")
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("header", "{}")
    elif kind == "npz":
        np.savez(path, weights=np.zeros(3))
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"cells": 1}))
    else:
        np.savez(path, header=text({"format": "weights", "schema": 1}))
    with pytest.raises(LnbenchError, match="is not a whole file of packed results") as caught:
        open_store(path)
    assert "allow_pickle" not in str(caught.value)


def test_a_newer_schema(path):
    np.savez(path, **members(path) | {"header": text({"format": "lnbench results", "schema": 99})})
    with pytest.raises(LnbenchError, match=r"newer lnbench.*Update lnbench"):
        load_results(path)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was executed",)


@pytest.mark.parametrize("member", ["header", "cells", "identity_codes", "classes", "confusion_4"])
def test_a_pickled_object_is_not_executed(member, path):
    kept = {name: array for name, array in members(path).items() if name != member}
    np.savez(path, **kept)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{member}.npy", buffer.getvalue())
    with pytest.raises(LnbenchError, match="is not a whole file of packed results"):
        load_results(path)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("cells", text(["one"])),
        ("cells", text({"a": 1})),
        ("cells", text(["a", "b", "c", "d", "a"])),
        ("cells", text(["a", "b", "c", "d", "\ud800"])),
        ("identities", text([])),
        ("identities", text({"model": [{}]})),
        ("identities", text({str(key): {} for key in range(8)})),
        ("cells", np.frombuffer(b"[NaN]", np.uint8)),
        ("identity_codes", np.full((8, 5), 200, np.uint8)),
        ("identity_codes", np.zeros((8, 5), np.uint8)),
        ("identity_codes", np.zeros((8, 5), np.float64)),
        ("classes", np.full(5, 4, np.uint8)),
        ("classes", np.zeros(3, np.uint8)),
        ("confusion_4", np.zeros((4, 4, 3), np.uint8)),
        ("confusion_4", np.full((4, 4, 4), -1)),
        ("confusion_4", np.zeros((4, 4, 4), np.uint8)),
        ("calibration", np.full((5, 46), 3, np.uint8)),
    ],
)
def test_arrays_that_do_not_fit_together(member, value, path):
    np.savez(path, **members(path) | {member: value})
    with pytest.raises(LnbenchError, match=r"results\.npz"):
        load_results(path)


def test_documents_that_are_no_documents(path):
    np.savez(path, **members(path) | {"documents": text([1])})
    with pytest.raises(LnbenchError, match="models, runs and failures"):
        open_store(path).models()


@pytest.mark.parametrize("log", [1, ["epoch"], "epoch\n\ud800\n"])
def test_a_log_that_is_no_table(log, path, other):
    documents = json.loads(members(path)["documents"].tobytes())
    next(iter(documents["models"].values()))["history"] = log
    np.savez(path, **members(path) | {"documents": text(documents)})
    merged = merge(other.store, [open_store(path)])
    assert merged.models == 1
    assert "is no table" in merged.problems[0]


def test_names_that_are_no_text_have_a_fingerprint(path):
    before = open_store(path).fingerprint()
    documents = json.loads(members(path)["documents"].tobytes())
    documents["runs"]["\ud800"] = {"command": "lnbench"}
    np.savez(path, **members(path) | {"documents": text(documents)})
    assert open_store(path).fingerprint() != before


def test_what_is_not_there_is_named(path, tmp_path):
    store = open_store(path)
    for read in (store.record, store.counts, store.how, store.identity):
        with pytest.raises(LnbenchError, match="no cell 'nothing'"):
            read("nothing")
    with pytest.raises(LnbenchError, match="model 'nothing'"):
        store.model("nothing")
    with pytest.raises(LnbenchError, match=r"no file '.*gone\.npz'"):
        open_store(tmp_path / "gone.npz")
