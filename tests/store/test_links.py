"""Nothing that lnbench writes follows a link in a results folder, which may be a stranger's."""

from __future__ import annotations

from contextlib import suppress

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.report.build import build_report
from robustbench_ln.store.gc import collect
from robustbench_ln.store.merge import merge
from robustbench_ln.store.open import open_store
from robustbench_ln.store.pack import pack
from robustbench_ln.store.store import Store
from robustbench_ln.store.verify import verify
from robustbench_ln.training.state import only_one_training
from tests.report.conftest import Maker

PRECIOUS = b"years of work"


@pytest.fixture
def outside(tmp_path):
    """A folder that is nobody's results, with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_bytes(PRECIOUS)
    return folder


def untouched(outside):
    (path,) = outside.iterdir()
    return path.read_bytes() == PRECIOUS


@pytest.mark.parametrize("kind", ["cells", "models", "runs", "failures"])
def test_a_linked_part_of_a_store_is_not_written_into(kind, writer, other, outside):
    source = other.filled()
    writer.store.root.mkdir()
    (writer.store.root / kind).symlink_to(outside)
    problems = merge(writer.store, [source]).problems
    assert untouched(outside)
    assert all("is a link" in problem for problem in problems)
    assert len(problems) == len(source.names()[kind])
    # The other parts came.
    assert {name for name, names in Store(writer.store.root).names().items() if len(names) > 1} == {
        "cells", "models", "runs",
    } - {kind}  # fmt: skip


def test_a_linked_cell_network_or_invocation_is_not_written_into(writer, other, outside):
    source = other.filled()
    links = [writer.store.root / kind / source.names()[kind][0] for kind in ("cells", "models")]
    links += [writer.store.root / "runs" / f"{source.names()['runs'][0]}.json"]
    for link in links:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(outside / "precious" if link.suffix == ".json" else outside)
    merge(writer.store, [source])
    assert untouched(outside)
    assert all(link.is_symlink() for link in links)


def test_weights_are_not_added_to_a_linked_network(writer, other, outside):
    source = other.filled()
    merge(writer.store, [open_store(pack(source).path)])
    (model, *_) = writer.store.model_ids()
    folder = writer.store.root / "models" / model
    card = (folder / "model.json").read_bytes()
    (outside / "precious").rename(outside / "model.json")
    (outside / "model.json").write_bytes(card)
    folder.rename(folder.parent.parent / "away")
    folder.symlink_to(outside)
    assert "is a link" in merge(writer.store, [source]).problems[0]
    assert [path.name for path in outside.iterdir()] == ["model.json"]


@pytest.mark.parametrize("linked", ["models", "models/.training-aa"])
def test_a_linked_training_is_refused(linked, writer, outside):
    link = writer.store.root / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(LnbenchError, match="is a link"):
        writer.store.training_folder("aa")


def test_a_linked_lock_does_not_empty_what_it_points_at(writer, outside):
    folder = writer.store.training_folder("aa")
    folder.mkdir(parents=True)
    (folder / ".lock").symlink_to(outside / "precious")
    with suppress(OSError, LnbenchError), only_one_training(folder, "m"):
        pass
    assert untouched(outside)
    with suppress(OSError, LnbenchError):
        collect(writer.store.root, older_than=-1, trainings=True)
    assert untouched(outside)


@pytest.mark.parametrize("name", ["report.html", "results.csv"])
def test_a_linked_page_or_table_of_the_store_is_not_written_through(name, tmp_path, outside):
    maker = Maker(tmp_path / "page")
    maker.curve((9, 7, 3))
    (maker.store.root / name).symlink_to(outside / "precious")
    if name == "report.html":
        with pytest.raises(LnbenchError, match=r"is a link.*--out FILE"):
            build_report(maker.store, data_dir=maker.data_dir)
    else:
        build_report(maker.store, data_dir=maker.data_dir)
    assert untouched(outside)
    # What a user names is what the user means.
    (tmp_path / "mine.html").symlink_to(tmp_path / "page.html")
    build_report(maker.store, tmp_path / "mine.html", data_dir=maker.data_dir)
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize("name", ["history.csv", "weights.safetensors", "model.json"])
def test_what_a_link_out_of_the_results_points_at_gets_into_no_copy(name, writer, other, outside):
    source = other.filled()
    file = source.root / "models" / source.model_ids()[0] / name
    if name == "model.json":
        (outside / "precious").write_bytes(file.read_bytes())
    content = (outside / "precious").read_bytes()
    file.unlink()
    file.symlink_to(outside / "precious")
    merged = merge(writer.store, [source])
    assert (merged.models, merged.copied) == (1, 5)
    assert "is a link that leads out" in merged.problems[0]
    packed = pack(source)
    assert ["leads out" in problem for problem in packed.problems] == [True] * (name != "weights.safetensors")
    copies = [path for path in writer.store.root.rglob("*") if path.is_file()]
    assert name == "model.json" or all(content not in path.read_bytes() for path in copies)


@pytest.mark.parametrize("kind", ["runs", "failures"])
def test_a_record_that_is_a_link_out_of_the_results_is_not_read(kind, other, outside):
    source = other.filled()
    (outside / "precious").write_text('{"command": "x", "reason": "y", "password": "z"}')
    (source.root / kind / "linked.json").symlink_to(outside / "precious")
    assert "linked" not in source.run_records() | source.all_failures()
    wrong = {finding.where: finding.what for finding in verify(source.root).wrong}
    assert "leads out of the results" in wrong[f"{kind}/linked.json"]


def test_a_link_within_the_results_and_a_linked_folder_are_followed(writer, other, tmp_path):
    other.model("third.aa.bb")
    source = other.filled()
    first, second, third = (source.root / "models" / name for name in source.model_ids())
    (second / "weights.safetensors").unlink()
    (second / "weights.safetensors").symlink_to(first / "weights.safetensors")
    third.rename(tmp_path / "away")
    third.symlink_to(tmp_path / "away")
    merged = merge(writer.store, [source])
    assert (merged.models, merged.problems) == (3, [])
    assert [model.weights.read_bytes() for model in writer.store.models()] == [b"weights"] * 3


def test_results_in_a_linked_folder_are_written(writer, other, tmp_path, outside):
    (tmp_path / "linked").symlink_to(outside)
    assert merge(Store(tmp_path / "linked"), [other.filled()]).copied == 5
    assert (outside / "cells").is_dir()
