"""Which networks and cells of a store answer an experiment, whatever else lies in it."""

import json

import pytest


def evidence(lab, name="curves", preset=None):
    (entry,) = lab.item(name, preset).evidence
    return entry


def set_recipe(lab, model, **values):
    path = lab.store.root / "models" / model / "model.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["recipe"].update(values)
    path.write_text(json.dumps(card), encoding="utf-8")


@pytest.mark.parametrize("repeat", [{"noise_seed": 1}, {"limit": 5}])
def test_repeats_on_the_same_network_count_once(lab, repeat):
    model = lab.network()
    lab.cells(model, (9, 7, 3))
    if "limit" in repeat:
        lab.cells(model, (4, 4, 4), images=5, **repeat)
    else:
        lab.cells(model, (1, 1, 1), **repeat)
    assert evidence(lab).cells["correct"].tolist() == [9, 7, 3]


def test_two_networks_of_a_recipe_are_one_draw_of_its_seed(lab):
    first = lab.network()
    other = first.replace("b" * 12, "c" * 12)
    folder = lab.store.root / "models"
    (folder / other).mkdir()
    (folder / other / "model.json").write_bytes((folder / first / "model.json").read_bytes())
    lab.cells(first, (9,), sigmas=("0",))
    lab.cells(other, (8, 7, 6))
    entry = evidence(lab)
    assert [model.id for model in entry.models] == [other]
    assert entry.cells["correct"].tolist() == [8, 7, 6]


def test_seeds_beyond_the_declared_ones_count(lab):
    lab.cells(lab.network(seed=7), (9, 7, 3))
    entry = evidence(lab)
    assert len(entry.models) == 1
    assert len(entry.cells) == 3


def test_a_limit_above_the_number_of_training_images_is_met_by_all_of_them(lab):
    # A limit that is no limit is not written down in the recipe.
    model = lab.network(benchmark="limited")
    lab.cells(model, (9, 7, 3))
    assert [one.id for one in evidence(lab, "limited").models] == [model]
    set_recipe(lab, model, data={"name": "mnist", "limit": 10})
    assert not evidence(lab, "limited").models


def test_the_fullest_preset_with_cells_is_taken(lab):
    lab.network()
    lab.cells(lab.network(preset="quick"), (9, 7, 3))
    assert (evidence(lab).preset, len(evidence(lab).cells)) == ("quick", 3)
    assert evidence(lab, preset="paper").cells.empty


def test_a_network_without_cells_is_taken_where_no_preset_has_any(lab):
    lab.network(preset="quick")
    assert (evidence(lab).preset, len(evidence(lab).models)) == ("quick", 1)
