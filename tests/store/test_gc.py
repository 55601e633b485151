"""Leftovers go, and nothing else does."""

from __future__ import annotations

import os
import time

import pytest
from filelock import FileLock

from robustbench_ln import LnbenchError
from robustbench_ln.publish import publish_directory, publish_file
from robustbench_ln.store.gc import collect
from robustbench_ln.store.leftovers import find_leftovers

HEX = "0123456789abcdef" * 2


@pytest.fixture
def root(writer):
    """A store with some of everything, foreign files and all kinds of leftovers, ten bytes in each file."""
    writer.filled()
    root = writer.store.root
    for path in LEFT + FOREIGN + STATES:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"0123456789")
    return root


#: Ten bytes each, which killed processes leave.
LEFT = [
    f"cells/.half-1.{HEX}/record.json",
    f"cells/.half-1.{HEX}/arrays.npz",
    f"models/.m.a.b.{HEX}/model.json",
    f"models/m-localnorm-s0.aa.bb/.weights.safetensors.{HEX}",
    f"runs/.run-1.json.{HEX}",
    f"failures/.c-1.run-1.json.{HEX}",
    f".report.html.{HEX}",
    f".probe.{HEX}",
    # No state, or that of a network that is there.
    "models/.training-ff/.lock",
    "models/.training-aa/state.pt",
    f"models/.training-bb/.state.pt.{HEX}",
]
STATES = ["models/.training-bb/state.pt", "models/.training-bb/.lock"]
FOREIGN = [
    ".gitignore",
    "cells/.DS_Store",
    f"cells/{HEX}",
    f"cells/.{HEX}",
    "cells/.nfs0000.x",
    "notes/.half." + HEX,
    ".git/x.y." + HEX,
]


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_leftovers_go_and_all_else_stays(root):
    before = files(root)
    planned = collect(root, older_than=0, dry_run=True)
    assert files(root) == before
    done = collect(root, older_than=0)
    assert files(root) == before - set(LEFT)
    assert done.size == planned.size == 10 * len(LEFT)
    assert [one.path for one in done.removed] == [one.path for one in planned.removed]
    assert [one.path.name for one in done.kept] == [".training-bb"]
    assert [one.kind for one in find_leftovers(root)] == ["state"]
    assert collect(root, older_than=0).size == 0


def test_states_of_trainings_go_when_asked(root):
    before = files(root)
    done = collect(root, older_than=0, trainings=True)
    assert files(root) == before - set(LEFT) - set(STATES)
    assert done.size == 10 * len(LEFT + STATES)


def test_what_is_young_stays(root):
    assert collect(root).removed == []
    two_days_ago = time.time() - 48 * 3600
    old = root / f"cells/.half-1.{HEX}"
    for path in (*old.iterdir(), old):
        os.utime(path, (two_days_ago, two_days_ago))
    # A folder is as young as its youngest file: that of a process that still writes.
    os.utime(root / LEFT[0])
    assert collect(root).removed == []
    os.utime(root / LEFT[0], (two_days_ago, two_days_ago))
    assert [one.path for one in collect(root).removed] == [old]
    assert collect(root, older_than=50).removed == []


def test_half_decoded_images_go_where_they_are_named_and_whole_ones_stay(root, tmp_path):
    decoded = tmp_path / "data" / "decoded"
    half, whole = decoded / f".mnist-0123456789ab.{HEX}", decoded / "mnist-0123456789ab"
    for folder in (half, whole):
        folder.mkdir(parents=True)
        (folder / "train_images.npy").write_bytes(b"0123456789")
    collect(root, older_than=0)
    assert half.exists()
    nowhere = tmp_path / "nowhere" / "decoded"
    assert half not in [one.path for one in collect(root, decoded=[decoded]).removed]
    done = collect(root, older_than=0, decoded=[decoded, nowhere])
    assert [(one.path, one.size) for one in done.removed] == [(half, 10)]
    assert not half.exists()
    assert (whole / "train_images.npy").exists()


def test_a_training_that_runs_now_is_left_alone(root):
    before = files(root)
    with FileLock(root / "models/.training-bb/.lock"), FileLock(root / "models/.training-ff/.lock"):
        done = collect(root, older_than=0, trainings=True)
        names = {one.path.name for one in done.kept}
    assert {".training-bb", ".training-ff"} <= names
    assert set(STATES) <= files(root)
    assert "models/.training-aa/state.pt" in before - files(root)


def test_a_link_is_removed_and_not_followed(root, tmp_path):
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "kept").touch()
    (root / f"cells/.link.{HEX}").symlink_to(target)
    (root / "failures" / "more").symlink_to(target)
    collect(root, older_than=0, trainings=True)
    assert not (root / f"cells/.link.{HEX}").is_symlink()
    assert (target / "kept").exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_the_place_of_a_training_is_removed_and_not_followed(there, root, tmp_path):
    target = tmp_path / "elsewhere"
    if there:
        target.mkdir()
        (target / "state.pt").touch()
    link = root / "models/.training-cc"
    link.symlink_to(target)
    collect(root, older_than=0)
    assert not link.is_symlink()
    assert [path.name for path in tmp_path.glob("elsewhere/*")] == ["state.pt"] * there


def test_what_publishing_leaves_is_recognised(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.rmtree", lambda *given, **options: None)
    monkeypatch.setattr("pathlib.Path.unlink", lambda *given, **options: None)

    def die(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr("robustbench_ln.publish.fsync", die)
    for publish in (
        lambda: publish_directory(tmp_path / "cells" / "a", lambda folder: (folder / "x").touch()),
        lambda: publish_file(tmp_path / "runs" / "run-1.json", b"{}"),
    ):
        with pytest.raises(KeyboardInterrupt):
            publish()
    assert [one.kind for one in find_leftovers(tmp_path)] == ["half", "half"]


def test_no_folder_is_a_mistake(tmp_path):
    with pytest.raises(LnbenchError, match="no results folder"):
        collect(tmp_path / "nowhere")
    assert collect(tmp_path).removed == []
