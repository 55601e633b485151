"""Tables of what was measured name every curve and every noise, whether or not its code is there."""

from __future__ import annotations

import numpy as np
import pytest

from robustbench_ln.compositions import compositions
from robustbench_ln.export.tables import contents, curves, wide
from robustbench_ln.store.frame import read_rows
from tests.comparison.measured import Measured


@pytest.fixture
def measured(tmp_path):
    return Measured(tmp_path)


def right(share, images=60):
    return np.arange(images) < share * images


def rows_of(measured):
    rows, problems = read_rows(measured.store)
    assert problems == []
    return rows


def test_noises_whose_code_is_not_there_are_named_as_others(measured):
    measured.cell(right(0.5))
    measured.cell(right(0.25), noise="stripes@3f9a1c2b", space="standardised")
    rows = rows_of(measured)
    names = {"agn", "stripes@3f9a1c2b standardised"}
    assert set(contents(rows)["noise"]) == set(curves(rows)["noise"]) == names
    assert {one.noise for one in compositions(rows)} == names


@pytest.mark.parametrize(
    ("column", "settings"),
    [
        ("blend", {"alpha=0.5": {"blend": {"alpha": 0.5}}, "prior=16": {"blend": {"prior": 16}}}),
        ("checksum", {"e" * 32: {"checksum": "e" * 32}, "f" * 32: {"checksum": "f" * 32}}),
    ],
)
def test_curves_that_one_setting_tells_apart_are_rows_of_their_own(measured, column, settings):
    for own, share in zip(settings.values(), (0.5, 0.25), strict=True):
        measured.cell(right(share), mode="blend", batch_size=10, **({"blend": {"alpha": 0.5}} | own))
    found = curves(rows_of(measured))
    accuracies = dict(zip(found[column], found["accuracy"], strict=True))
    assert accuracies == dict(zip(settings, (0.5, 0.25), strict=True))
    read = wide(found)
    shown = dict(zip(read[column], read["0"].str[:5], strict=True))
    assert shown == dict(zip(settings, ("50.00", "25.00"), strict=True))


def test_what_tells_no_curves_apart_is_no_column(measured):
    measured.cell(right(0.5))
    measured.cell(right(0.25), "localnorm", "batch", batch_size=10)
    assert not {"blend", "vote", "dtype", "limit", "checksum"} & set(wide(curves(rows_of(measured))))


def test_repeats_are_counted_and_their_interval_is_named(measured):
    shares = (0.3, 0.7)
    for seed, share in enumerate(shares):
        measured.cell(right(share), noise_seed=seed)
        measured.cell(right(share), sigma="1", noise_seed=seed)
    measured.cell(right(0.5), sigma="2")
    measured.cell(right(0.5), "localnorm", "batch", batch_size=10)
    for train_seed in (0, 1):
        for seed, share in enumerate(shares):
            measured.cell(
                right(share), "switchnorm", "batch", seed=train_seed, noise_seed=seed, batch_size=10
            )
    found = curves(rows_of(measured)).set_index(["norm", "sigma"])
    wider = "wider of t over repeats and Wilson over images"
    told = {key: (row.train_seeds, row.repeats, row.interval) for key, row in found.iterrows()}
    assert told == {
        ("batchnorm", 0.0): (1, 2, wider),
        ("batchnorm", 1.0): (1, 2, wider),
        ("batchnorm", 2.0): (1, 1, "Wilson over images"),
        ("localnorm", 0.0): (1, 1, "Wilson over images"),
        ("switchnorm", 0.0): (2, 2, "t over training seeds"),
    }
    # Two numbers 0.4 apart say hardly anything: t with one degree of freedom.
    assert (found.loc[("batchnorm", 1.0), "low"], found.loc[("batchnorm", 1.0), "high"]) == (0, 1)
    read = wide(found.reset_index()).set_index("norm")
    assert read["repeats"].to_dict() == {"batchnorm": "1 to 2", "localnorm": "1", "switchnorm": "2"}
    measured = Measured(measured.store.root.parent / "other")
    measured.cell(right(0.5))
    assert "repeats" not in wide(curves(rows_of(measured)))
