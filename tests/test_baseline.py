"""Networks against a baseline: one whose card is missing is left out and named, the others are not."""

from __future__ import annotations

import json

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.baseline import hold_against
from robustbench_ln.noise.severity import SIGMAS
from tests.comparison.measured import Measured, first

RECIPE = {"image_shape": [1, 28, 28], "classes": 3}


@pytest.fixture
def measured(tmp_path):
    """Two networks that were measured at all severities, and a cell of each."""
    measured = Measured(tmp_path)
    cells = {}
    for sigma in SIGMAS["cifar-c"]["gaussian"]:
        cells["batchnorm"] = measured.cell(first(40), sigma=sigma, noise="gaussian")
        cells["switchnorm"] = measured.cell(first(30), "switchnorm", sigma=sigma, noise="gaussian")
    return measured, cells


def held(store, **options):
    return hold_against(store, "*batchnorm*", **options)


def test_a_network_without_a_card_is_left_out_and_named(measured):
    measured, cells = measured
    measured.card(cells["batchnorm"], RECIPE)
    alone = held(measured.store)
    assert [row.way["norm"] for row in alone.rows] == ["batchnorm"]
    (problem,) = alone.problems
    assert problem.startswith("Left out the generated noise of 'toy-switchnorm-s0.")
    measured.card(cells["switchnorm"], RECIPE)
    both = held(measured.store)
    assert [row.mce for row in both.rows] == [1.0, 1.5]
    assert both.problems == []
    # Named constants need no card.
    assert len(held(measured.store, constants="cifar-c").rows) == 2


@pytest.mark.parametrize("shape", [None, 3, [], [1], "28", [1, "x"], {}])
def test_a_card_that_does_not_tell_the_images_is_the_same(shape, measured):
    measured, cells = measured
    measured.card(cells["batchnorm"], RECIPE)
    measured.card(cells["switchnorm"], RECIPE)
    (path,) = measured.store.root.glob("models/*switchnorm*/model.json")
    card = json.loads(path.read_text())
    card["recipe"]["image_shape"] = shape
    path.write_text(json.dumps(card))
    found = held(measured.store)
    assert len(found.rows) == 1
    assert "does not say what images it takes" in found.problems[0]


def test_a_baseline_without_a_card_is_an_error(measured):
    measured, cells = measured
    measured.card(cells["switchnorm"], RECIPE)
    with pytest.raises(LnbenchError, match="toy-batchnorm"):
        held(measured.store)
