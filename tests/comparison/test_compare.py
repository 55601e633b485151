"""Comparing cells that were written by hand: what is paired, what is left out, and what comes of it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.comparison.area import compare_areas
from robustbench_ln.comparison.compare import Asked, compare
from robustbench_ln.comparison.paired import difference_interval, holm, mcnemar
from robustbench_ln.comparison.tell import csv_bytes
from robustbench_ln.data.corrupted import open_corrupted
from robustbench_ln.metrics import t_interval
from robustbench_ln.noise import NOISES
from tests.comparison.measured import Measured, first

A, B = "toy-batchnorm*", "toy-localnorm*"


@pytest.fixture
def measured(tmp_path):
    return Measured(tmp_path)


def drawn(seed, share=0.7, images=60):
    return np.random.default_rng(seed).random(images) < share


def compared(measured, a=A, b=B, **asked):
    return compare(measured.store, Asked(a, b, **asked), measured.data_dir)


def localnorm(measured, right, sigma="0", **settings):
    return measured.cell(right, "localnorm", "batch", sigma, **{"batch_size": 10, **settings})


def test_a_row_is_what_counting_image_by_image_gives(measured):
    rights = {sigma: (drawn(seed), drawn(seed + 50, 0.5)) for seed, sigma in enumerate(("0", "0.5", "2"))}
    for sigma, (a, b) in rights.items():
        measured.cell(a, sigma=sigma)
        localnorm(measured, b, sigma)
    found = compared(measured, seed=3)
    assert [row.sigma for row in found.rows] == ["0", "0.5", "2"]
    adjusted = holm([row.p for row in found.rows])
    for row, p_holm in zip(found.rows, adjusted, strict=True):
        a, b = rights[row.sigma]
        pairs = [(bool(one), bool(other)) for one, other in zip(a, b, strict=True)]
        kinds = [(True, True), (True, False), (False, True), (False, False)]
        both, only_a, only_b, neither = (pairs.count(kind) for kind in kinds)
        assert (row.images, row.only_a, row.only_b) == (60, only_a, only_b)
        assert (row.right_a, row.right_b) == (a.sum(), b.sum())
        assert (row.accuracy_a, row.accuracy_b) == (a.mean(), b.mean())
        assert row.difference == pytest.approx(b.mean() - a.mean())
        assert (row.low, row.high) == difference_interval(both, only_a, only_b, neither)
        assert (row.p, row.p_holm) == (mcnemar(only_a, only_b), p_holm)
        assert row.coupled == "B"
    (area,) = found.areas
    stacked = (np.stack(side) for side in zip(*rights.values(), strict=True))
    expected = compare_areas([0, 0.5, 2], *stacked, seed=3)
    assert area.sigmas == ("0", "0.5", "2")
    assert (area.area_a, area.area_b, area.difference) == (expected.a, expected.b, expected.difference)
    assert (area.low, area.high) == (expected.low, expected.high)
    assert found.problems == ()


def test_a_limit_takes_the_labels_of_the_images_in_use(measured):
    measured.cell(first(9, 20), limit=20)
    localnorm(measured, first(12, 20), limit=20)
    (row,) = compared(measured).rows
    assert (row.images, row.right_a, row.right_b, row.limit) == (20, 9, 12, 20)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"limit": 20}, "20 images"),
        ({"noise_seed": 4}, "noise seed 4"),
        ({"noise": "mbn"}, "mbn"),
        ({"space": "standardised"}, "agn standardised"),
        ({"sigma": "1"}, "sigma 1"),
        ({"checksum": "c" * 32}, "toy"),
    ],
)
def test_other_images_are_not_paired_but_named(other, named, measured):
    measured.cell(first(30))
    localnorm(measured, first(40, 20 if "limit" in other else 60), **other)
    with pytest.raises(LnbenchError, match="same noisy images") as error:
        compared(measured)
    assert "Left out, measured only for B (" in error.value.message
    assert named in error.value.message
    localnorm(measured, first(35))
    found = compared(measured)
    assert [row.right_b for row in found.rows] == [35]
    assert any(named in remark and "only for B" in remark for remark in found.remarks)


def test_ready_made_images_are_paired_by_their_checksum_and_held_against_their_own_labels(measured, tmp_path):
    folder = tmp_path / "images-c"
    folder.mkdir()
    np.save(folder / "fog.npy", np.zeros((5 * 60, 2, 2, 1), np.uint8))
    np.save(folder / "labels.npy", np.tile(measured.labels, 5))
    measured.data = "corrupted:images-c"
    how = {"noise": "corrupted-fog", "checksum": open_corrupted(folder).checksum}
    for severity, images in (("1", "aa"), ("2", "bb")):
        measured.cell(first(30), sigma=severity, images=images, **how)
        localnorm(measured, first(31), severity, images=images, **how)
    measured.cell(first(30), sigma="3", images="cc", **how)
    localnorm(measured, first(31), "3", images="dd", **how)
    with pytest.raises(LnbenchError, match="are not on this machine") as error:
        compared(measured)
    assert "--corrupted DIR" in error.value.hint
    found = compare(measured.store, Asked(A, B, noises=("corrupted-fog",)), measured.data_dir, folder)
    assert [(row.sigma, row.right_a, row.right_b) for row in found.rows] == [("1", 30, 31), ("2", 30, 31)]
    assert [one.sigmas for one in found.areas] == [("1", "2")]
    assert len([remark for remark in found.remarks if remark.endswith("sigma 3.")]) == 2


def test_standardised_noise_pairs_networks_of_one_preprocessing_alone(measured):
    measured.cell(first(30), space="standardised", mean=0.5)
    localnorm(measured, first(40), space="standardised", mean=0.25)
    with pytest.raises(LnbenchError, match="same noisy images"):
        compared(measured)
    localnorm(measured, first(41), space="standardised", mean=0.5, seed=1)
    assert [row.right_b for row in compared(measured, b="toy-localnorm-s1").rows] == [41]


def test_training_seeds_are_paired_and_averaged_and_others_named(measured):
    counts = {0: (30, 36), 1: (33, 36), 2: (27, 36)}
    for seed, (a, b) in counts.items():
        for sigma in ("0", "1"):
            measured.cell(first(a), seed=seed, sigma=sigma)
            localnorm(measured, first(b), sigma, seed=seed)
    measured.cell(first(1), seed=7)
    localnorm(measured, first(1), seed=8)
    found = compared(measured)
    assert {(row.seed_a, row.seed_b) for row in found.rows} == {(0, 0), (1, 1), (2, 2)}
    differences = [6 / 60, 3 / 60, 9 / 60]
    low, high = t_interval(differences)
    summaries = {one.sigmas: one for one in found.over_seeds}
    assert set(summaries) == {("0",), ("1",), ("0", "1")}
    for one in summaries.values():
        assert one.seeds == 3
        assert (one.difference, one.low, one.high) == pytest.approx((0.1, low, high))
    assert (
        "Left out A's toy-batchnorm-s7 frozen (home): B has no network of training seed 7." in found.remarks
    )
    assert "Left out B's toy-localnorm-s8 batch (home): A has no network of training seed 8." in found.remarks


def test_a_network_without_cells_is_named(measured):
    measured.cell(first(30))
    localnorm(measured, first(31))
    for name in ("toy-localnorm-s1.x.y", "toy-switchnorm-s0.x.y"):
        (measured.store.root / "models" / name).mkdir(parents=True)
    assert "Left out B's toy-localnorm-s1.x.y: no cell of it is measured." in compared(measured).remarks
    with pytest.raises(LnbenchError, match=r"No cell of B, 'toy-switch\*', is measured") as error:
        compared(measured, b="toy-switch*")
    assert error.value.hint == "Run this first: lnbench corrupt-eval --model 'toy-switch*'"


def test_noise_seeds_of_one_training_are_one_observation(measured):
    for noise_seed, count in enumerate((36, 42)):
        measured.cell(first(30), noise_seed=noise_seed)
        localnorm(measured, first(count), noise_seed=noise_seed)
    found = compared(measured)
    (one,) = found.over_seeds
    assert len(found.rows) == 2
    assert (one.seeds, one.low, one.high) == (1, None, None)
    assert one.difference == pytest.approx((0.1 + 0.2) / 2)


def test_one_network_on_each_side_is_a_pair_whatever_their_seeds(measured):
    measured.cell(first(30), seed=1)
    localnorm(measured, first(31), seed=2)
    (row,) = compared(measured).rows
    assert (row.seed_a, row.seed_b) == (1, 2)


def test_modes_are_home_ones_or_named(measured):
    measured.cell(first(30))
    measured.cell(first(31), mode="batch", batch_size=10)
    measured.cell(first(32), mode="single")
    measured.cell(first(33), mode="blend", batch_size=10, blend={"alpha": 0.9})
    localnorm(measured, first(34))
    measured.cell(first(35), "localnorm", "single")

    def rights(a=A, b=B, modes=()):
        return [(row.right_a, row.right_b) for row in compared(measured, a, b, modes=modes).rows]

    assert rights() == [(30, 34)]
    assert rights(f"{A}:batch") == [(31, 34)]
    assert rights(f"{A}:blend:alpha=0.90") == [(33, 34)]
    assert rights(modes=("single", "batch")) == [(32, 35), (31, 34)]
    assert rights(f"{A}:frozen", modes=("single",)) == [(30, 35)]
    assert rights(A, f"{A}:single") == [(30, 32)]
    assert [one.home for one in compared(measured, A, f"{A}:single").b] == [False]
    assert {row.coupled for row in compared(measured, f"{A}:batch", B).rows} == {"A and B"}


def test_of_several_batches_one_is_taken_and_told(measured):
    for sigma in ("0", "1"):
        measured.cell(first(30), sigma=sigma)
        localnorm(measured, first(40), sigma, order_seed=1)
        localnorm(measured, first(41), sigma)
    localnorm(measured, first(42), order="class-sorted", order_seed=None)
    localnorm(measured, first(43), batch_size=20)
    found = compared(measured)
    assert [row.right_b for row in found.rows] == [41, 41]
    assert "B, mode batch: batches of 10 in sets of 10, shuffled, order seed 0." in found.remarks
    (left,) = [remark for remark in found.remarks if remark.startswith("Left out 4 cells")]
    assert "toy-localnorm-s0" in left
    # Of equally many cells the shuffled ones, although the batch is smaller.
    measured.cell(first(30), noise="mbn")
    localnorm(measured, first(44), noise="mbn")
    localnorm(measured, first(45), noise="mbn", order="class-sorted", order_seed=None, batch_size=20)
    assert [row.right_b for row in compared(measured, noises=("mbn",)).rows] == [44]


def test_sets_of_one_size_can_be_asked_for(measured):
    measured.cell(first(30))
    for sigma in ("0", "1"):
        localnorm(measured, first(31), sigma)
    localnorm(measured, first(32), batch_size=20)
    for size, right in ((None, 31), (10, 31), (20, 32)):
        (row,) = compared(measured, set_size=size).rows
        assert (row.right_a, row.right_b) == (30, right)


def test_only_what_is_asked_for_is_compared(measured):
    for noise in ("agn", "mbn"):
        for sigma in ("0", "0.5", "1"):
            measured.cell(first(30), noise=noise, sigma=sigma)
            localnorm(measured, first(31), sigma, noise=noise)
    found = compared(measured, noises=("mbn",), sigma="0.5,1")
    assert [(row.noise, row.sigma) for row in found.rows] == [("mbn", "0.5"), ("mbn", "1")]
    assert found.problems == ()
    assert len(compared(measured).rows) == 6


def test_every_mode_seed_and_network_must_be_there_for_a_complete_comparison(measured):
    for seed in (0, 1):
        measured.cell(first(30), seed=seed)
        localnorm(measured, first(31), seed=seed)
    assert compared(measured, complete=True).problems == ()
    measured.cell(first(30), mode="single")
    (measured.store.root / "models" / "toy-localnorm-s2.x.y").mkdir(parents=True)
    for sigma in ("1", "2"):
        measured.cell(first(30), sigma=sigma, seed=1)
    localnorm(measured, first(31), "1")
    localnorm(measured, first(31), "1", seed=1)
    asked = {"b": B, "modes": ("batch", "single")}
    measured.cell(first(30), mode="batch", batch_size=10)
    found = compared(measured, **asked, complete=True)
    scene = "toy, all images, agn, noise seed 0"
    assert found.problems == (
        "Left out B's toy-localnorm-s2.x.y: no cell of it is measured.",
        "No cell of A's toy-batchnorm-s1 batch is measured with these options.",
        "No cell of B's toy-localnorm-s0 single is measured with these options.",
        f"Left out, measured only for A (toy-batchnorm-s0 single): {scene}, sigma 0.",
        "No cell of A's toy-batchnorm-s1 single is measured with these options.",
        "No cell of B's toy-localnorm-s1 single is measured with these options.",
    )
    assert set(found.problems) < set(compared(measured, **asked).remarks)
    found = compared(measured, complete=True, sigma="0,1")
    assert "Not measured for both A and B of every pair: sigma 1." in found.problems
    (only,) = [one for one in compared(measured, complete=True).problems if "only for A" in one]
    assert only.endswith(f"(toy-batchnorm-s1 frozen (home)): {scene}, sigma 2.")


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        ({"noises": ("agn", "mbn"), "sigma": "0,0.50,2"}, "agn sigma 2, mbn sigma 0.5, mbn sigma 2"),
        ({"noises": ("agn", "apn")}, "apn"),
        ({"sigma": "0.5,7"}, "sigma 7"),
        ({"noises": ("agn", "mbn")}, ""),
        ({"sigma": "0,0.5"}, ""),
    ],
)
def test_what_is_asked_for_and_not_measured_is_a_problem(asked, lacking, measured):
    for noise, sigma in (("agn", "0"), ("agn", "0.5"), ("mbn", "0")):
        measured.cell(first(30), noise=noise, sigma=sigma)
        localnorm(measured, first(31), sigma, noise=noise)
    said = f"Not measured for both A and B: {lacking}."
    assert compared(measured, **asked).problems == ((said,) if lacking else ())


def test_the_same_images_under_another_name_are_a_pair(measured):
    for sigma, name in (("0", "folder:here"), ("1", "folder:there")):
        for seed in (0, 1):
            measured.data = "toy"
            measured.cell(first(30), sigma=sigma, seed=seed)
            measured.data = name if seed else "toy"
            localnorm(measured, first(31), sigma, seed=seed)
    found = compared(measured)
    assert len(found.rows) == 4
    assert [one.seeds for one in found.over_seeds] == [2, 2, 2]


def test_an_area_over_seeds_is_over_the_sigmas_that_all_of_them_have(measured):
    for seed, sigmas in enumerate((("0", "0.5", "1", "2"), ("0", "1", "2"))):
        for sigma in sigmas:
            measured.cell(first(30), sigma=sigma, seed=seed)
            localnorm(measured, first(30 + int(5 * float(sigma)) * (1 + seed)), sigma, seed=seed)
    found = compared(measured)
    assert [one.sigmas for one in found.areas] == [("0", "0.5", "1", "2"), ("0", "1", "2")]
    (area,) = [one for one in found.over_seeds if len(one.sigmas) > 1]
    # B is 0, 5 and 10 images better at 0, 1 and 2, of the other seed twice as many.
    assert (area.sigmas, area.seeds) == (("0", "1", "2"), 2)
    assert area.difference == pytest.approx((5 + 10) / 60 / 2)
    assert (area.low, area.high) == pytest.approx(t_interval([5 / 60, 10 / 60]))
    assert [one.seeds for one in found.over_seeds] == [2, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"a": "resnet*"}, "No model in"),
        ({"a": f"{A}:vote"}, "Unknown mode 'vote'"),
        ({"a": "torchvision:resnet18"}, "A, 'torchvision:resnet18', is a source of weights"),
        ({"a": f"{A}:voting"}, "A: mode 'voting' does not fit norm 'batchnorm'"),
        ({"a": "toy-*"}, "not training seeds of one"),
        ({"b": A}, "same network in the same mode"),
        ({"b": f"{A}:frozen"}, "same network in the same mode"),
        ({"a": f"{A}:batch", "b": f"{B}:batch", "modes": ("single",)}, "name their own modes"),
        ({"noises": ("salt",)}, "Unknown noise 'salt'"),
        ({"sigma": "1:0"}, "runs downwards"),
        ({"sigma": "0.25"}, "No cell of A's toy-batchnorm-s0 frozen .home. is measured with these options"),
        ({"data": "mnits"}, "Unknown data set 'mnits'. Did you mean 'mnist'"),
        ({"data": "digits"}, "No cell of A's toy-batchnorm-s0 frozen .home. is measured with these options"),
        ({"set_size": 11}, "No cell of B's toy-localnorm-s0 batch .home. is measured with these options"),
    ],
)
def test_what_cannot_be_compared_is_told(asked, sentence, measured):
    measured.cell(first(30))
    localnorm(measured, first(31))
    with pytest.raises(LnbenchError, match=sentence):
        compared(measured, **asked)


def test_two_trainings_of_one_seed_are_told_apart(measured):
    measured.cell(first(30))
    measured.cell(first(30), weights="c")
    localnorm(measured, first(31))
    with pytest.raises(LnbenchError, match="not training seeds of one"):
        compared(measured)
    assert len(compared(measured, a="toy-batchnorm-s0.*.cccccccccccc").rows) == 1


@pytest.mark.parametrize("epochs", [(1, 1), (1, 2)])
def test_seeds_of_two_recipes_are_not_those_of_one_network(epochs, measured):
    localnorm(measured, first(31))
    for seed, many in enumerate(epochs):
        cell = measured.cell(first(30), seed=seed)
        measured.card(cell, {"train": {"epochs": many}})
    if epochs[0] == epochs[1]:
        assert len(compared(measured).rows) == 1
        return
    with pytest.raises(LnbenchError, match="not training seeds of one"):
        compared(measured)


def test_networks_without_a_common_seed_are_told(measured):
    for seed in (0, 1):
        measured.cell(first(30), seed=seed)
        localnorm(measured, first(31), seed=seed + 2)
    with pytest.raises(LnbenchError, match="A has 0, 1, B 2, 3"):
        compared(measured)


def test_an_empty_store_and_unknown_labels_are_told(measured, tmp_path, monkeypatch):
    with pytest.raises(LnbenchError, match="There is no measured cell"):
        compared(measured)
    measured.cell(first(30))
    localnorm(measured, first(31))
    monkeypatch.setenv("LNBENCH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(LnbenchError, match=r"labels of 'toy' .* not on this machine"):
        compare(measured.store, Asked(A, B), tmp_path / "elsewhere")


def test_cells_that_do_not_agree_with_themselves_are_left_out_and_named(measured):
    for sigma in ("0", "1", "2", "3"):
        measured.cell(first(30), sigma=sigma)
    localnorm(measured, first(31))
    broken = localnorm(measured, first(31), "1")
    short = localnorm(measured, first(31), "2", predictions=np.zeros(59, int))
    moved = localnorm(measured, first(31), "3", predictions=np.zeros(60, int))
    (measured.store.root / "cells" / broken / "arrays.npz").write_bytes(b"no archive")
    found = compared(measured)
    assert [row.sigma for row in found.rows] == ["0"]
    assert found.areas == ()
    said = "\n".join(found.problems)
    assert f"{broken}/arrays.npz' cannot be read" in said
    assert f"Cell '{short}' has 59 predictions for 60 images" in said
    assert f"predictions of cell '{moved}' are not those of its counts" in said


def test_a_drop_is_more_than_its_points_and_surely_below_zero(measured):
    measured.cell(first(40))
    localnorm(measured, first(31))
    measured.cell(first(40), sigma="1")
    localnorm(measured, np.roll(first(39), 30), "1")
    sure, unsure = compared(measured).rows
    assert (sure.right_a - sure.right_b, sure.high < 0) == (9, True)
    # 9 of 60 images are exactly 15 points.
    assert [sure.drops(points) for points in (0, 14.999, 15, 15.001)] == [True, True, False, False]
    assert (unsure.difference < 0, unsure.high > 0, unsure.drops(0)) == (True, True, False)


def test_a_noise_of_the_user_s_is_compared_by_its_bare_name_and_without_its_code(measured, monkeypatch):
    name = "ripples@3f9a1c2b"
    for noise in (name, "agn"):
        measured.cell(drawn(1), noise=noise)
        localnorm(measured, drawn(2), noise=noise)
    assert [row.noise for row in compared(measured).rows] == ["agn", name]
    assert [row.noise for row in compared(measured, noises=(name,)).rows] == [name]
    with pytest.raises(LnbenchError, match="Unknown noise 'ripples'"):
        compared(measured, noises=("ripples",))
    monkeypatch.setitem(NOISES, name, replace(NOISES["agn"], name=name, origin="mine.py"))
    found = compared(measured, noises=("ripples",))
    assert [row.noise for row in found.rows] == [name]
    assert found.problems == ()


def test_the_csv_file_holds_no_formula(tmp_path):
    measured = Measured(tmp_path, name="=1+1")
    measured.cell(drawn(1))
    localnorm(measured, drawn(2))
    (row,) = csv.DictReader(io.StringIO(csv_bytes(compared(measured)).decode()))
    assert row["data"] == "'=1+1"
    assert row["sigma"] == "0"


def test_versions_of_ready_made_images_are_compared_apart(measured):
    shares = {"a": (0.9, 0.8), "b": (0.3, 0.1)}
    for images, (a, b) in shares.items():
        for sigma in ("1", "2"):
            where = {"noise": "corrupted-fog", "images": images * 32}
            measured.cell(first(round(60 * a)), sigma=sigma, **where)
            localnorm(measured, first(round(60 * b)), sigma, **where)
    found = compared(measured)
    assert len(found.rows) == 4
    assert [(area.data, area.area_a, area.area_b) for area in found.areas] == [
        ("toy", pytest.approx(0.9), pytest.approx(0.8)),
        ("toy (2)", pytest.approx(0.3), pytest.approx(0.1)),
    ]
    by_data = {(one.data, one.sigmas): one.difference for one in found.over_seeds}
    assert by_data["toy", ("1", "2")] == pytest.approx(-0.1)
    assert by_data["toy (2)", ("1", "2")] == pytest.approx(-0.2)
