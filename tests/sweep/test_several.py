from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln import LnbenchError, add_noise
from robustbench_ln.data.corrupted import open_corrupted
from robustbench_ln.data.dataset import DataInfo, DataSet, SplitInfo
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import SweepSettings, plan_cells
from robustbench_ln.sweep.several import (
    Sweep,
    by_own_range,
    by_severity,
    check_strength,
    on_corrupted,
    plan_sweeps,
    request_of,
)


def stored(side: int = 28, classes: int = 10, norm: str = "batchnorm", **card: object) -> StoredModel:
    recipe = {
        "benchmark": "b",
        "network": "mnist-net",
        "norm": norm,
        "norm_options": {},
        "image_shape": [1, side, side],
        "classes": classes,
        "preprocessing": {"mean": [0.0], "std": [1.0]},
        "train": {"batch_size": 4},
        "seed": 0,
    }
    return StoredModel(f"m{side}-{norm}", Path("m"), {"recipe": recipe, **card})


def data(side: int = 28) -> DataSet:
    split = SplitInfo(497, f"c{side}", (0,), (255,))
    info = DataInfo("digits", (1, side, side), tuple("0123456789"), {"train": split, "test": split})
    return DataSet(info, Path(f"d{side}"), "digits", None)


def settings(*noises: str, **changes) -> SweepSettings:
    return replace(SweepSettings(tuple(map(NoiseSpec, noises)), ()), **changes)


def cells_of(sweeps):
    return {
        (cell.model.id, cell.layout.mode, one.noise.name, one.sigma): cell
        for one in plan_sweeps(sweeps)
        for cell in one.cells
    }


def test_without_sigmas_each_noise_ends_where_it_can():
    pairs = [(stored(), data())]
    found = cells_of(by_own_range(pairs, settings("agn", "mbn", "apn")))
    sigmas = {name: [float(sigma) for _, mode, noise, sigma in found if (noise, mode) == (name, "frozen")]
              for name in ("agn", "mbn", "apn")}  # fmt: skip
    assert sigmas["agn"] == sigmas["apn"] == list(np.linspace(0, 4, 9))
    assert sigmas["mbn"] == list(np.linspace(0, 1, 9))


def test_a_severity_is_only_a_name_of_a_sigma():
    pairs = [(stored(), data())]
    by_name = cells_of(by_severity(pairs, settings("gaussian", "shot"), [1, 3]))
    by_number = {}
    for noise, sigmas in (("gaussian", ("0.04", "0.08")), ("shot", ("0.002", "0.01"))):
        by_number |= cells_of([Sweep(pairs, settings(noise, sigmas=sigmas))])
    assert {key: cell.id for key, cell in by_name.items()} == {
        key: cell.id for key, cell in by_number.items()
    }
    assert len(by_name) == 2 * 2 * 3


def test_each_network_gets_the_constants_of_its_own_images_unless_some_are_named():
    pairs = [(stored(28), data(28)), (stored(224), data(224))]
    found = cells_of(by_severity(pairs, settings("impulse", modes=("frozen",)), [5]))
    assert {(model, sigma) for model, _, _, sigma in found} == {
        ("m28-batchnorm", "0.07"),
        ("m224-batchnorm", "0.27"),
    }
    found = cells_of(by_severity(pairs, settings("impulse", modes=("frozen",)), [5], "imagenet-c"))
    assert {sigma for *_, sigma in found} == {"0.27"}


def test_other_noise_has_no_severity_and_a_rescaled_one_neither():
    pairs = [(stored(), data())]
    with pytest.raises(LnbenchError, match=r"'mbn' has no severities"):
        by_severity(pairs, settings("gaussian", "mbn"), [1])
    rescaled = replace(settings(), noises=(NoiseSpec("gaussian", rescale=True),))
    with pytest.raises(LnbenchError, match="--rescale"):
        by_severity(pairs, rescaled, [1])


@pytest.fixture
def folder(tmp_path):
    for name in ("fog", "snow"):
        images = np.random.default_rng(0).integers(0, 256, (30, 28, 28, 1), dtype=np.uint8)
        np.save(tmp_path / f"{name}.npy", images)
    np.save(tmp_path / "labels.npy", np.tile(np.arange(6), 5))
    return tmp_path


def test_ready_made_images_are_a_pass_for_each_corruption_and_severity(folder):
    sets = open_corrupted(folder).sets()
    passes = plan_sweeps(on_corrupted([stored(), stored(norm="switchnorm")], sets, settings()))
    assert [(one.noise.name, one.sigma) for one in passes] == [
        (f"corrupted-{name}", str(severity)) for name in ("fog", "snow") for severity in range(1, 6)
    ]
    cells = [cell for one in passes for cell in one.cells]
    assert len({cell.id for cell in cells}) == len(cells) == 10 * (3 + 2)
    for one, images in zip(passes, sets, strict=True):
        assert one.data.arrays("test").images.shape == (6, 1, 28, 28)
        for cell in one.cells:
            assert cell.id.startswith(
                f"{cell.model.card['recipe']['norm']}-{cell.layout.mode}-{one.noise.name}"
            )
            assert cell.identity["data"]["images"] == images.images_checksum
            assert cell.identity["noise"] == {
                "name": one.noise.name, "clip": False, "rescale": False, "space": "pixel", "sigma": one.sigma,
            }  # fmt: skip


def test_ready_made_images_pass_unchanged(folder):
    (one,) = open_corrupted(folder, ["fog"]).sets([4])
    ((sweep,),) = [on_corrupted([stored()], [one], settings())]
    (spec,) = sweep.settings.noises
    images = one.arrays("test").images[[3, 0]].astype(np.float32) / np.float32(255)
    same = spec.corrupt(images, "4", 0, np.array([3, 0]))
    assert np.array_equal(same, images)
    assert same.flags.c_contiguous


def test_labels_beyond_a_network_s_classes_are_an_error(folder):
    sets = open_corrupted(folder).sets([1])
    with pytest.raises(LnbenchError, match=r"5 classes, but the labels.*go up to 5"):
        on_corrupted([stored(classes=5)], sets, settings())
    named = stored(class_names=[*"abcdefghij"])
    assert cells_of(on_corrupted([named], sets, settings()))


def test_images_of_another_size_are_an_error(folder):
    with pytest.raises(LnbenchError, match=r"shape \(1, 32, 32\)"):
        plan_sweeps(on_corrupted([stored(32)], open_corrupted(folder).sets([1]), settings()))


def test_nobody_names_ready_made_images_as_noise():
    for act in (
        lambda: NoiseSpec("corrupted-fog"),
        lambda: add_noise(np.zeros((1, 1, 2, 2), np.float32), "corrupted-fog", sigma=1),
    ):
        with pytest.raises(LnbenchError, match="Unknown noise 'corrupted-fog'"):
            act()


def test_a_record_has_one_sweep_or_all_of_them():
    pairs = [(stored(), data())]
    one = by_severity(pairs, settings("gaussian"), [1])
    assert request_of(one) == {"sweep": one[0].settings.request()}
    two = by_severity(pairs, settings("gaussian", "shot"), [1, 2])
    assert [request["sigmas"] for request in request_of(two)["sweeps"]] == [
        ("0.04", "0.06"),
        ("0.002", "0.004"),
    ]


@pytest.mark.parametrize(
    ("given", "flags", "text"),
    [
        ({"--sigma": "1"}, {"severity": True}, "--sigma and --severity"),
        ({"--sigma": "1"}, {"corrupted": True}, "--sigma has no meaning for --corrupted"),
        ({"--sigma": None, "--clip": True}, {"corrupted": True}, "--clip has no meaning"),
        (
            {"--sigma": None, "--data": "mnist"},
            {"corrupted": True, "severity": True},
            "--data has no meaning",
        ),
        ({"--sigma": None}, {"constants": True}, "--constants says"),
        ({"--sigma": None}, {"constants": True, "corrupted": True, "severity": True}, "--constants says"),
    ],
)
def test_strength_is_named_in_one_way(given, flags, text):
    none = {"severity": False, "constants": False, "corrupted": False}
    with pytest.raises(LnbenchError, match=text):
        check_strength(given, **none | flags)
    check_strength({"--sigma": None}, **none | {"severity": True, "constants": True})
    check_strength({"--sigma": None, "--clip": False}, **none | {"severity": True, "corrupted": True})


def test_planning_several_sweeps_imports_no_torch():
    script = "import sys, robustbench_ln.sweep.several; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_existing_plans_stay():
    """A plan of one sweep is `plan_cells` itself."""
    pairs, asked = [(stored(), data())], settings("agn", sigmas=("0", "1"))
    planned = [[cell.id for cell in one.cells] for one in plan_cells(pairs, asked)]
    assert [[cell.id for cell in one.cells] for one in plan_sweeps([Sweep(pairs, asked)])] == planned
