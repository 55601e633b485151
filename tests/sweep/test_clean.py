"""Clean accuracy beside the recorded one: told where it is far, remarked on other data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.data.dataset import DataInfo, DataSet, SplitInfo
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.store.stored import Counts, StoredModel
from robustbench_ln.sweep.clean import below, check_clean, check_gate, clean_cells, without_clean
from robustbench_ln.sweep.plan import SweepSettings, plan_cells

IMAGENET = tuple(f"n{number:08d}" for number in range(1000))


def data(classes, checksum="a"):
    splits = {name: SplitInfo(1000, checksum, (0,) * 3, (255,) * 3) for name in ("train", "test")}
    return DataSet(DataInfo("folder:x", (3, 8, 8), classes, splits), Path("x"), "folder:x", 8)


def model(classes, *, epochs=0, recorded=None, accuracy=None, norm="batchnorm", options=None):
    recipe = {
        "benchmark": "b",
        "network": "torchvision:resnet18",
        "norm": norm,
        "norm_options": options or {},
        "seed": 0,
        "image_shape": [3, 8, 8],
        "classes": classes,
        "preprocessing": {"mean": [0.0] * 3, "std": [1.0] * 3},
        "train": {"epochs": epochs, "batch_size": 8},
        "data": {"name": "folder:x", "checksum": "a"},
    }
    how = {"run_id": "r", "data": None} | ({"recorded": recorded} if recorded else {})
    home = {"batchnorm": "frozen", "localnorm": "batch"}[norm]
    card = {"recipe": recipe, "how": how, "home_mode": home, "test_accuracy": accuracy, "class_names": None}
    return StoredModel("net.r.w", None, card)


class Measured:
    """Results in which every cell of a plan has so many correct of 1,000 images."""

    def __init__(self, passes, correct):
        self._ids, self._correct = {cell.id for one in passes for cell in one.cells}, correct

    def cell_ids(self):
        return self._ids

    def counts(self, cell_id):
        return Counts(np.array([[self._correct, 1000 - self._correct], [0, 0]]), None)


def plan(network, on, **changes):
    settings = SweepSettings((NoiseSpec("agn"),), changes.pop("sigmas", ("0", "1")), **changes)
    return plan_cells([(network, on)], settings)


CARD = {"accuracy": 0.7, "data": "ImageNet-1K", "origin": "torchvision's card"}
RECORDED = {
    "near": (model(1000, recorded=CARD), data(IMAGENET), 690, "as recorded"),
    "just within": (model(1000, recorded=CARD), data(IMAGENET), 655, "as recorded"),
    "far below": (model(1000, recorded=CARD), data(IMAGENET), 600, "far"),
    "far above": (model(1000, recorded=CARD), data(IMAGENET), 800, "far"),
    "other data": (model(10, recorded=CARD), data(tuple("abcdefghij")), 600, "other data"),
    "guessing": (model(10, recorded=CARD), data(tuple("abcdefghij")), 80, "guessing"),
    "nothing known": (model(10), data(tuple("abcdefghij")), 600, "not recorded"),
    "nothing known, guessing": (model(10), data(tuple("abcdefghij")), 80, "guessing"),
    "own, near": (model(10, epochs=3, accuracy=0.9), data(tuple("abcdefghij")), 900, "as recorded"),
    "own, far": (model(10, epochs=3, accuracy=0.9), data(tuple("abcdefghij")), 700, "far"),
    "own, other data": (model(10, epochs=3, accuracy=0.9), data(tuple("abcdefghij"), "b"), 700, "other data"),
}


@pytest.mark.parametrize(("network", "on", "correct", "verdict"), RECORDED.values(), ids=RECORDED)
def test_the_measured_is_held_against_the_recorded(network, on, correct, verdict):
    passes = plan(network, on)
    (check,) = check_clean(Measured(passes, correct), passes)
    assert (check.mode, check.verdict) == ("frozen", verdict)
    assert check.sentence.startswith("Warning") == check.warns == (verdict in ("far", "guessing"))
    assert ("--mean, --std" in check.sentence) == check.warns
    if verdict in ("far", "other data"):
        assert "records" in check.sentence
    assert check.document()["verdict"] == verdict


def test_other_company_than_in_training_is_not_compared():
    network = model(10, epochs=3, accuracy=0.9, norm="localnorm", options={"groups": 2})
    for changes, recorded in (({}, True), ({"batch_size": 4}, False), ({"order": "class-sorted"}, False)):
        passes = plan(network, data(tuple("abcdefghij")), **changes)
        (check,) = check_clean(Measured(passes, 500), passes)
        assert (check.recorded is not None) == recorded
        assert check.warns == recorded


def test_only_clean_images_count_and_their_lack_is_told():
    on = data(IMAGENET)
    network = model(1000, recorded=CARD)
    noisy = plan(network, on, sigmas=("1",))
    assert clean_cells(noisy) == []
    assert "add 0 to --sigma" in without_clean(noisy)[0]
    with pytest.raises(LnbenchError, match="no clean cell"):
        check_gate(noisy)
    # A noise that changes images at sigma 0 has none either.
    changed = plan_cells([(network, on)], SweepSettings((NoiseSpec("agn-background"),), ("0",)))
    assert clean_cells(changed) == []
    assert without_clean(plan(network, on)) == []


def test_the_threshold_is_of_every_network_and_never_passes_for_want_of_cells():
    network, on = model(10), data(tuple("abcdefghij"))
    other = replace(network, id="other.r.w")
    passes = plan_cells([(network, on), (other, on)], SweepSettings((NoiseSpec("agn"),), ("0",)))
    check_gate(passes)
    checks = check_clean(Measured(passes, 600), passes)
    assert below(checks, passes, 60) == []
    assert len(below(checks, passes, 60.1)) == 2
    assert below(checks[:1], passes, 60) == ["other.r.w has no clean accuracy: it could not be measured."]
