"""Severities, ready-made corrupted images and mCE, by the real command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from robustbench_ln import load_results
from robustbench_ln.data.digits import decode
from robustbench_ln.models.weights import load_network
from robustbench_ln.store.store import Store

#: What it is measured against is made once, by one of the processes that run tests.
pytestmark = pytest.mark.xdist_group("corrupted")

COUNT = 60  # images a severity


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two corruptions of the digits: one darkens them, one adds noise."""
    path = tmp_path_factory.mktemp("made") / "DIGITS-C"
    path.mkdir()
    test = decode().test
    images, random = test.images[:COUNT].transpose(0, 2, 3, 1) / 255, np.random.default_rng(0)
    for name, corrupt in (
        ("dark", lambda severity: images * (1 - 0.15 * severity)),
        ("gaussian_noise", lambda severity: images + random.normal(0, 0.1 * severity, images.shape)),
    ):
        made = np.concatenate([corrupt(severity) for severity in range(1, 6)])
        np.save(path / f"{name}.npy", (made.clip(0, 1) * 255).astype(np.uint8))
    np.save(path / "labels.npy", np.tile(test.labels[:COUNT], 5).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def measured(lnbench, environment, trained, folder, tmp_path_factory):
    """A store with two networks on the ready-made images, under noise at every severity, and clean."""
    here = tmp_path_factory.mktemp("measured")
    shutil.copytree(trained / "results/models", here / "results/models")
    done = lnbench("corrupt-eval", "--corrupted", str(folder), "--mode", "frozen", "--workers", "1", cwd=here)
    assert done.returncode == 0, done.stderr
    noise = ("--noise", "gaussian", "--noise", "impulse", "--mode", "frozen", "--limit", "60")
    # Both in one process, which imports torch once.
    commands = [
        [*noise, *strength, "--workers", "1"] for strength in (("--severity", "1:5"), ("--sigma", "0"))
    ]
    script = f"from lnbench_cli.commands import load\nfor one in {commands}:\n    "
    script += "load('corrupt-eval')(one, standalone_mode=False)"
    subprocess.run([sys.executable, "-c", script], cwd=here, env=environment, check=True)
    return here


def test_counts_are_those_of_the_network_on_the_images_in_the_files(measured, folder):
    cells = load_results(measured / "results")
    cells = cells[cells["noise"].str.startswith("corrupted-")]
    assert len(cells) == 2 * 5 * 2
    labels = np.load(folder / "labels.npy")[:COUNT]
    store = Store(measured / "results")
    for model in cells["model"].unique():
        network = load_network(store.model(model)).eval()
        own = cells[cells["model"] == model]
        for row in own.itertuples():
            file = np.load(folder / f"{row.noise.removeprefix('corrupted-')}.npy")
            start = int(row.sigma - 1) * COUNT
            x = torch.from_numpy(file[start : start + COUNT].transpose(0, 3, 1, 2).astype(np.float32) / 255)
            with torch.no_grad():
                correct = (network(x).argmax(1).numpy() == labels).sum()
            assert row.correct == correct
            assert row.images == COUNT
            assert row.severity == str(int(row.sigma))


def test_a_severity_stands_in_the_table_and_on_the_page(measured, lnbench_here):
    cells = load_results(measured / "results").query("noise == 'gaussian'")
    assert dict(zip(cells["sigma"], cells["severity"], strict=True)) == {
        0.0: "",
        0.04: "cifar-c 1",
        0.06: "cifar-c 2",
        0.08: "cifar-c 3, imagenet-c 1",
        0.09: "cifar-c 4",
        0.1: "cifar-c 5",
    }
    done = lnbench_here("report", "--out", "page.html", cwd=measured)
    assert done.returncode == 0, done.stderr
    page = (measured / "page.html").read_text(encoding="utf-8")
    assert "cifar-c 3, imagenet-c 1" in page
    assert "corrupted-gaussian_noise" in page
    assert "corrupted:DIGITS-C" in page


def test_nothing_is_measured_twice_by_any_name(measured, folder, lnbench_here):
    for arguments in (
        ("--corrupted", str(folder), "--mode", "frozen"),
        ("--corrupted", str(folder), "--noise", "dark", "--severity", "2,4", "--mode", "frozen"),
        ("--noise", "gaussian", "--sigma", "0.06,0.1", "--mode", "frozen", "--limit", "60"),
        ("--noise", "gaussian", "--clip", "--sigma", "0.06", "--mode", "frozen", "--limit", "60"),
    ):
        done = lnbench_here("corrupt-eval", *arguments, "--json", cwd=measured)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["todo"] == 0, arguments


def test_mce_is_the_quotient_of_sums_of_errors(measured, lnbench_here):
    done = lnbench_here("mce", "--baseline", "*batchnorm*", "--json", cwd=measured)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["severities"] == [1, 2, 3, 4, 5]
    assert document["mode"] == "frozen"
    cells = load_results(measured / "results")
    cells["wrong"] = cells["images"] - cells["correct"]
    rows = {(row["way"]["norm"], row["way"]["data"]): row for row in document["rows"]}
    assert set(rows) == {(norm, data) for norm in ("batchnorm", "switchnorm") for data in set(cells["data"])}
    for (norm, data), row in rows.items():
        here = cells[cells["data"] == data]
        sums = here[here["sigma"] > 0].groupby(["norm", "noise"])["wrong"].sum()
        ces = sums[norm] / sums["batchnorm"]
        assert row["mce"] == pytest.approx(ces.mean())
        clean = cells[(cells["sigma"] == 0)].groupby("norm")["wrong"].first()
        added = {one: sums[one] - 5 * clean[one] for one in ("batchnorm", norm)}
        if (added["batchnorm"] > 0).all():
            assert row["relative_mce"] == pytest.approx((added[norm] / added["batchnorm"]).mean())
        else:
            assert "do not grow" in row["relative_reason"]


def test_mce_says_what_went_in_and_what_is_missing(measured, lnbench_here):
    done = lnbench_here("mce", "--baseline", "*batchnorm*", "--baseline-mode", "batch", cwd=measured)
    assert done.returncode == 0, done.stderr
    assert "corrupted:DIGITS-C: dark, gaussian_noise." in done.stdout
    assert "No mCE on corrupted:DIGITS-C: the baseline was not measured in mode batch" in done.stdout
    assert "100.0" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("mce", "--baseline", "digits*"), "matches 2 networks"),
        (("mce", "--baseline", "none*"), "No model in"),
        (("mce", "--baseline", "*batchnorm*", "--corruption", "darc"), "Did you mean 'dark'"),
        (("mce", "--baseline", "*batchnorm*", "--baseline-mode", "frosen"), "Did you mean 'frozen'"),
        (("mce", "--baseline", "*", "--results", "nowhere"), "holds no measured cell"),
        (("corrupt-eval", "--severity", "1"), "'agn' has no severities"),
        (("corrupt-eval", "--noise", "shot", "--severity", "1", "--sigma", "0.1"), "--sigma and --severity"),
        (("corrupt-eval", "--noise", "shot", "--severity", "1", "--constants", "x"), "Unknown constants"),
        (("corrupt-eval", "--corrupted", "nowhere"), "no folder 'nowhere'"),
        (("corrupt-eval", "--noise", "corrupted-fog"), "Unknown noise 'corrupted-fog'"),
        (("corrupt-eval", "--noise", "gaussian", "--space", "standardised"), "cannot be clipped"),
    ],
)
def test_mistakes_are_sentences(arguments, text, measured, lnbench_here):
    done = lnbench_here(*arguments, cwd=measured)
    assert done.returncode == 2, done.stdout
    assert text in done.stderr
    assert "Traceback" not in done.stderr
