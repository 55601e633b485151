"""Tables of what was measured name every curve and every noise, whether or not its code is there."""

from __future__ import annotations

import numpy as np
import pytest

from robustbench_ln.compositions import compositions
from robustbench_ln.export.tables import contents, curves
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
