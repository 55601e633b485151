from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustbench_ln import LnbenchError
from robustbench_ln.data.dataset import DataInfo, DataSet, SplitInfo
from robustbench_ln.identity import content_hash
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import SweepSettings, missing, plan_cells

NORM_OPTIONS = {norm: {"groups": 5, "eps": 1e-5} for norm in ("localnorm", "ghostbatchnorm")}


def stored(norm: str = "localnorm", name: str = "m", batch: int = 50) -> StoredModel:
    card = {
        "recipe": {
            "benchmark": "b",
            "network": "mnist-net",
            "norm": norm,
            "norm_options": NORM_OPTIONS.get(norm, {}),
            "image_shape": [1, 28, 28],
            "classes": 10,
            "preprocessing": {"mean": [0.0], "std": [1.0]},
            "train": {"batch_size": batch},
            "seed": 0,
        }
    }
    return StoredModel(f"{name}-{norm}", Path(name), card)


def data(checksum: str = "c", folder: str = "d") -> DataSet:
    split = SplitInfo(497, checksum, (0,), (255,))
    info = DataInfo("digits", (1, 28, 28), tuple("0123456789"), {"train": split, "test": split})
    return DataSet(info, Path(folder), "digits", None)


def settings(**changes) -> SweepSettings:
    base = SweepSettings((NoiseSpec("agn"),), ("0", "1"))
    return replace(base, **changes)


def ids(models=None, on=None, **changes) -> dict[tuple[str, str, str, str], str]:
    planned = plan_cells([(model, on or data()) for model in models or [stored()]], settings(**changes))
    return {
        (cell.model.id, cell.layout.mode, one.noise.name, one.sigma): cell.id
        for one in planned
        for cell in one.cells
    }


def test_a_plan_holds_every_network_mode_noise_and_sigma_once():
    models = [stored("localnorm"), stored("batchnorm"), stored("switchnorm"), stored("groupnorm")]
    planned = ids(models, noises=(NoiseSpec("agn"), NoiseSpec("mbn")))
    assert len(planned) == len(set(planned.values())) == (4 + 3 + 2 + 1) * 2 * 2


def test_ids_in_stores_that_exist_stay():
    planned = ids([stored("localnorm"), stored("batchnorm")], sigmas=("1",))
    assert {(norm, mode): cell[-12:] for (norm, mode, _, _), cell in planned.items()} == {
        ("m-localnorm", "batch"): "4b5fdb3c3d34",
        ("m-localnorm", "single"): "79aee27aff54",
        ("m-localnorm", "single-voting"): "a0c51bf2f84a",
        ("m-localnorm", "voting"): "d39bad550f38",
        ("m-batchnorm", "frozen"): "e87b31576c19",
        ("m-batchnorm", "single"): "bddf3c9ccd20",
        ("m-batchnorm", "batch"): "61fd8f66c173",
    }


def test_names_start_with_what_people_look_for():
    assert all(
        cell.startswith(f"localnorm-{mode}-agn-{sigma}-") for (_, mode, _, sigma), cell in ids().items()
    )


def test_titles_tell_orders_and_seeds_apart_where_they_are_not_the_usual_ones():
    def title(mode="batch", **changes):
        (one,) = plan_cells([(stored(), data())], settings(sigmas=("0.5",), modes=(mode,), **changes))
        return one.cells[0].title

    assert title() == "m-localnorm batch of 50, agn 0.5"
    assert title(order="class-sorted") == "m-localnorm batch of 50, class-sorted, agn 0.5"
    assert title(order="dirichlet:1", order_seed=2) == (
        "m-localnorm batch of 50, dirichlet:1, order seed 2, agn 0.5"
    )
    assert title("single", order_seed=2, seed=1) == "m-localnorm single, noise seed 1, agn 0.5"


def test_the_same_question_has_the_same_names_in_another_order():
    models = [stored("localnorm"), stored("batchnorm")]
    assert ids(models) == ids(models[::-1], sigmas=("1", "0"))


def test_a_name_ends_with_the_hash_of_the_whole_identity():
    model = stored("batchnorm")
    card = copy.deepcopy(model.card)
    # What stands in names may look like the JSON around it.
    card["recipe"]["benchmark"] = 'b","noise":{"x\\u0000noise'
    odd = StoredModel('o"noise":1', model.folder, card)
    noises = (NoiseSpec("agn"), NoiseSpec("agn", rescale=True), NoiseSpec("mbn", space="standardised"))
    for one in plan_cells([(stored(), data()), (odd, data())], settings(noises=noises)):
        for cell in one.cells:
            assert cell.id.rpartition("-")[2] == content_hash(cell.identity)
            assert cell.identity["noise"]["name"] == one.noise.name


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"limit": 100},
        {"noises": (NoiseSpec("agn", clip=True),)},
        {"noises": (NoiseSpec("agn", rescale=True),)},
        {"noises": (NoiseSpec("agn", space="standardised"),)},
    ],
)
def test_what_changes_every_number_changes_every_name(change):
    assert not set(ids().values()) & set(ids(**change).values())


@pytest.mark.parametrize("change", [{"order": "class-sorted"}, {"order_seed": 1}, {"batch_size": 100}])
def test_order_and_batch_change_the_names_of_coupled_modes_alone(change):
    models = [stored("localnorm"), stored("batchnorm"), stored("switchnorm")]
    before, after = ids(models), ids(models, **change)
    changed = {(key[0], key[1]) for key in before if before[key] != after[key]}
    assert changed == {
        ("m-localnorm", "batch"),
        ("m-localnorm", "voting"),
        ("m-batchnorm", "batch"),
        ("m-switchnorm", "batch"),
    }


def test_the_vote_rule_changes_the_names_of_voting_modes_alone():
    before, after = ids(), ids(vote="mean")
    assert {key[1] for key in before if before[key] != after[key]} == {"single-voting", "voting"}


def test_a_limit_beyond_the_data_is_no_limit_and_class_order_has_no_seed():
    assert ids(limit=497) == ids(limit=5000) == ids()
    assert ids(order="class-sorted", order_seed=1) == ids(order="class-sorted", order_seed=2)


def test_where_data_lie_does_not_change_a_name_but_their_content_does():
    assert ids(on=data(folder="elsewhere")) == ids()
    assert not set(ids(on=data(checksum="other")).values()) & set(ids().values())


def test_other_weights_have_other_names():
    assert not set(ids([stored(name="m")]).values()) & set(ids([stored(name="n")]).values())


def noise_of(name, clip, rescale, standardised):
    # A clip belongs to the pixel space, and to the definition of `gaussian`.
    pixel = clip or not standardised or name == "gaussian"
    return NoiseSpec(name, clip, rescale, "pixel" if pixel else "standardised")


#: What a cell is asked for by: of each part some values, among them several that mean the same.
PARTS = {
    "weights": st.sampled_from(["m", "n"]),
    "curve": st.sampled_from(
        [("localnorm", mode) for mode in ("batch", "single", "single-voting", "voting")]
        + [("batchnorm", mode) for mode in ("frozen", "batch", "blend")]
        + [("groupnorm", "eval")]
    ),
    "blend": st.sampled_from(["alpha=0.5", "alpha=0.50", "alpha=1", "prior=5"]),
    "checksum": st.sampled_from(["c", "d"]),
    "folder": st.sampled_from(["here", "there"]),
    "noise": st.builds(
        noise_of, st.sampled_from(["agn", "mbn", "gaussian"]), st.booleans(), st.booleans(), st.booleans()
    ),
    "sigma": st.sampled_from(["0", "0.5", "1"]),
    "seed": st.integers(0, 2),
    "order": st.sampled_from(["shuffled", "dirichlet:0.1", "dirichlet:0.10", "dirichlet:1", "class-sorted"]),
    "order_seed": st.integers(0, 2),
    "vote": st.sampled_from(["majority", "mean"]),
    "batch_size": st.sampled_from([None, 5, 50, 100]),
    "limit": st.sampled_from([None, 100, 496, 497, 5000]),
    "dtype": st.sampled_from(["float32", "bfloat16"]),
}


def named(asked):
    """Return the name of the one cell that is asked for."""
    norm, mode = asked["curve"]
    own = {
        name: asked[name] for name in ("seed", "order", "order_seed", "vote", "batch_size", "limit", "dtype")
    }
    found = ids(
        [stored(norm, asked["weights"])],
        data(asked["checksum"], asked["folder"]),
        noises=(asked["noise"],),
        sigmas=(asked["sigma"],),
        modes=(f"blend:{asked['blend']}" if mode == "blend" else mode,),
        **own,
    )
    (cell,) = found.values()
    return cell


def decides(asked):
    """Return what can change the number, said in one way."""
    norm, mode = asked["curve"]
    noise, (order, _, concentration) = asked["noise"], asked["order"].partition(":")
    together = mode in ("batch", "voting", "blend")
    drawn = asked["order_seed"] if order != "class-sorted" else None
    return (
        *(asked[name] for name in ("weights", "checksum", "sigma", "seed", "dtype")),
        (norm, mode, asked["blend"].rstrip("0") if mode == "blend" else None),
        (noise.name, noise.clip, noise.rescale, noise.space),
        asked["limit"] if (asked["limit"] or 497) < 497 else None,
        asked["vote"] if "voting" in mode else None,
        (asked["batch_size"] or 50, order, float(concentration or 0), drawn) if together else None,
    )


@given(st.fixed_dictionaries(PARTS), st.fixed_dictionaries(PARTS))
def test_two_cells_have_one_name_if_and_only_if_nothing_that_decides_differs(one, other):
    for changed in (other, *(one | {part: other[part]} for part in PARTS)):
        assert (named(one) == named(changed)) == (decides(one) == decides(changed)), changed


def test_all_networks_share_one_noisy_pass_a_sigma():
    models = [stored("localnorm"), stored("batchnorm")]
    passes = plan_cells([(model, data()) for model in models], settings())
    assert [(one.sigma, len(one.cells)) for one in passes] == [("0", 7), ("1", 7)]


def test_networks_with_other_preprocessing_share_pixel_noise_but_not_standardised_noise():
    other = stored("batchnorm")
    card = copy.deepcopy(other.card)
    card["recipe"]["preprocessing"] = {"mean": [0.5], "std": [0.25]}
    models = [stored("localnorm"), StoredModel(other.id, other.folder, card)]
    pairs = [(model, data()) for model in models]
    assert len(plan_cells(pairs, settings(sigmas=("1",)))) == 1
    standardised = (NoiseSpec("agn", space="standardised"),)
    assert len(plan_cells(pairs, settings(sigmas=("1",), noises=standardised))) == 2


def test_finished_cells_are_not_missing():
    passes = plan_cells([(stored(), data())], settings())
    names = [cell.id for one in passes for cell in one.cells]
    left = missing(passes, set(names[:5]))
    assert [cell.id for one in left for cell in one.cells] == names[5:]
    assert missing(passes, set(names)) == []


@pytest.mark.parametrize("norm", NORM_OPTIONS)
def test_coupled_cells_say_what_couples_them_and_others_do_not(norm):
    for one in plan_cells([(stored(norm), data())], settings()):
        for cell in one.cells:
            expected = {
                "batch": {"batch_size": 50, "set_size": 10, "order": "shuffled", "order_seed": 0},
                "voting": {"batch_size": 50, "set_size": 10, "order": "shuffled", "order_seed": 0},
            }.get(cell.layout.mode)
            assert cell.identity["coupling"] == expected


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"batch_size": 7}, "7 images"),
        ({"modes": ("frozen",)}, "fits none"),
        ({"batch_size": 0}, "batch size of 0"),
        ({"batch_size": 500}, "500 different images in mode 'batch' is more than the 497 test images"),
        ({"limit": 0}, "limit of 0"),
        ({"order": "random"}, "order 'random'"),
        ({"vote": "plurality"}, "vote rule 'plurality'"),
        ({"noises": (NoiseSpec("mbn"),), "sigmas": ("2",)}, "too large"),
    ],
)
def test_a_request_that_cannot_be_met_is_an_error(change, text):
    with pytest.raises(LnbenchError, match=text):
        ids(**change)


def test_data_of_another_shape_are_an_error():
    wide = replace(data(), info=replace(data().info, shape=(3, 28, 28)))
    with pytest.raises(LnbenchError, match=r"\(1, 28, 28\).*\(3, 28, 28\)"):
        ids(on=wide)


def test_a_rescaling_is_named_by_the_range_of_the_training_images():
    on = [data(), data()]
    dark = replace(on[1].info.splits["train"], maximum=(60,))
    on[1] = replace(on[1], info=replace(on[1].info, splits={**on[1].info.splits, "train": dark}))
    assert ids(on=on[0]) == ids(on=on[1])
    rescaled = {"noises": (NoiseSpec("agn", rescale=True),)}
    assert not set(ids(on=on[0], **rescaled).values()) & set(ids(on=on[1], **rescaled).values())


def test_data_with_other_classes_are_an_error_that_names_them():
    model = stored()
    card = {**model.card, "class_names": [*"012345678", "nine"]}
    with pytest.raises(LnbenchError, match="9, nine"):
        ids([StoredModel(model.id, model.folder, card)])


def test_planning_imports_no_torch():
    script = "import sys, robustbench_ln.sweep.plan, robustbench_ln.sweep.run; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("trained", "asked"), [(1, 16), (16, 1), (16, 8), (1, 1)])
def test_a_blend_is_with_as_many_images_as_are_asked_for(trained, asked):
    model = stored("batchnorm", batch=trained)
    (one,) = plan_cells(
        [(model, data())], settings(sigmas=("0",), modes=("blend:prior=4",), batch_size=asked)
    )
    assert [cell.layout.images for cell in one.cells] == [asked]
    coupling = one.cells[0].identity["coupling"]
    assert (coupling and coupling["batch_size"]) == (asked if asked > 1 else None)
