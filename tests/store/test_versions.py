"""Corrupted images of one name are one curve where they lie in one folder, and never two."""

from __future__ import annotations

import pandas as pd
import pytest

from robustbench_ln.metrics import averaged, summarize_curves
from robustbench_ln.store.frame import load_results
from robustbench_ln.store.pack import pack
from robustbench_ln.store.store import Store
from robustbench_ln.store.versions import versioned_names

FOG, SNOW = "corrupted-fog", "corrupted-snow"


def names(*cells):
    """Names of cells that are given as (run, noise, sigma, pixels)."""
    runs = {f"cell-{number}": cell[0] for number, cell in enumerate(cells)}
    rows = [("corrupted:C", "labels", *cell[1:]) for cell in cells]
    frame = pd.DataFrame(rows, columns=["data", "checksum", "noise", "sigma", "pixels"])
    found = versioned_names(frame.assign(cell=list(runs)), lambda cell: runs[cell])
    return [name.removeprefix("corrupted:C") for name in found]


def test_one_folder_has_one_name_whatever_runs_measured_it():
    cells = [("a", FOG, 1.0, "f1"), ("b", FOG, 2.0, "f2"), ("c", FOG, 1.0, "f1"), ("c", SNOW, 1.0, "s1")]
    assert names(*cells) == ["", "", "", ""]


def test_a_second_folder_is_another_set_also_where_the_first_was_not_measured():
    cells = [("a", FOG, 1.0, "f1"), *(("b", noise, 1.0, f"{noise} 2") for noise in (FOG, SNOW))]
    cells.append(("b", FOG, 2.0, "f2"))
    assert names(*cells) == ["", " (2)", " (2)", " (2)"]
    assert names(*reversed(cells)) == [" (2)", " (2)", " (2)", ""]


def test_a_changed_file_leaves_the_others_their_name():
    cells = [("a", FOG, 1.0, "f1"), ("a", SNOW, 1.0, "s1"), ("b", FOG, 1.0, "f1 new"), ("b", SNOW, 1.0, "s1")]
    assert names(*cells) == ["", "", " (2)", ""]


def test_three_folders_have_three_names():
    cells = [(run, FOG, sigma, f"{run}{sigma}") for run in "abc" for sigma in (1.0, 2.0)]
    assert names(*cells) == ["", "", " (2)", " (2)", " (3)", " (3)"]


def test_images_of_unknown_runs_share_no_point():
    cells = [("", FOG, sigma, f"{letter}{sigma}") for letter in "ab" for sigma in (1.0, 2.0)]
    assert names(*cells) == ["", "", " (2)", " (2)"]


def test_images_made_here_keep_their_name():
    assert names(("a", "agn", 1.0, ""), ("b", "agn", 1.0, "")) == ["", ""]


@pytest.mark.parametrize("packed", [False, True])
def test_two_folders_of_one_name_are_two_curves(writer, tmp_path, packed):
    for run, seed in (("run-1", 1), ("run-2", 5)):
        for sigma in range(1, 6):
            writer.cell(str(sigma), seed=seed + sigma, run=run, noise=FOG, pixels=f"{run} {sigma}")
    store = writer.store
    where = pack(store, tmp_path / "packed.npz", []).path if packed else store.root
    cells = load_results(where)
    name = Store(store.root).identity(cells["cell"].iloc[0])["data"]["name"]
    assert cells.groupby("data")["sigma"].apply(list).to_dict() == {
        name: [1, 2, 3, 4, 5],
        f"{name} (2)": [1, 2, 3, 4, 5],
    }
    assert averaged(cells)["repeats"].tolist() == [1] * 10
    assert summarize_curves(cells)["sigmas"].tolist() == [5, 5]
