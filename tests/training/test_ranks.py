"""Several processes that train one network come to what one process comes to."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from robustbench_ln import LnbenchError
from robustbench_ln.training.ranks import Ranks, check_ranks, ranks_here, recipe_on
from tests.training.two_ranks import CASES, recipe_of

#: Trained once, in whichever worker of the tests takes it.
pytestmark = pytest.mark.xdist_group("ranks")
TOP = Path(__file__).parent.parent.parent
LNBENCH = str(Path(sys.executable).parent / "lnbench")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOP), "NO_COLOR": "1"} | more


def run(*command, cwd=TOP, **more):
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(**more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@given(own=st.integers(1, 4), count=st.integers(1, 5), size=st.integers(1, 6))
def test_each_row_goes_to_the_process_of_its_group(own, count, size):
    groups = own * count
    rows = torch.randperm(size * groups)
    parts = [Ranks(rank, count).part(rows, groups) for rank in range(count)]
    assert sorted(torch.cat(parts).tolist()) == sorted(rows.tolist())
    for rank, part in enumerate(parts):
        for place, row in enumerate(part.tolist()):
            group = Ranks(rank, count).groups(groups)[place % own]
            assert rows.tolist().index(row) % groups == group


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The weights of one process and of two, by norm and whose statistics it has."""
    found = []
    program = str(Path(__file__).parent / "two_ranks.py")
    for launcher in ([sys.executable], TORCHRUN):
        target = tmp_path_factory.mktemp("weights") / "all.pt"
        done = run(*launcher, program, str(target))
        assert done.returncode == 0, done.stderr
        found.append(torch.load(target, weights_only=True))
    return found


@pytest.mark.parametrize(("norm", "statistics"), CASES)
def test_two_processes_come_to_the_weights_of_one(norm, statistics, weights):
    one, two = (states[f"{norm} {statistics}"] for states in weights)
    assert one.keys() == two.keys()
    apart = max(float((one[name] - two[name]).abs().max()) for name in one)
    # Where each process has statistics of its own the network is another one, and its recipe says so.
    own = statistics == "own" and norm in ("batchnorm", "switchnorm")
    assert apart > 1e-3 if own else apart < 1e-9


TRAIN = ("train", "--norm", "localnorm:groups=10", "--epochs", "2", "--limit", "150", "--threads", "1")


def only_model(folder):
    (model,) = (folder / "results/models").glob("*-s0.*")
    return json.loads((model / "model.json").read_text()), load_file(model / "weights.safetensors")


def test_the_command_trains_under_torchrun_and_goes_on_after_a_kill(tmp_path):
    folders = {name: tmp_path / name for name in ("two", "killed")}
    for folder in folders.values():
        folder.mkdir()
    data = {"LNBENCH_DATA": str(tmp_path / "data")}
    launched = [*TORCHRUN, "--no-python", LNBENCH, *TRAIN]
    together = run(*launched, cwd=folders["two"], **data)
    assert together.returncode == 0, together.stderr
    assert together.stderr.count("epoch 2/2") == 1, "one process speaks for all"
    with subprocess.Popen(
        launched, cwd=folders["killed"], env=clean_environment(**data), stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        for line in process.stderr:
            if "epoch 1/2" in line:
                break
        os.killpg(process.pid, signal.SIGKILL)
    assert list((folders["killed"] / "results").glob("models/[!.]*")) == []
    # Two networks: the processes stay connected from one to the next.
    again = run(*launched, "--train-seeds", "0,1", cwd=folders["killed"], **data)
    assert again.returncode == 0, again.stderr
    (card, two), (_, killed) = (only_model(folder) for folder in folders.values())
    assert card["how"]["ranks"] == 2
    for name, values in two.items():
        assert np.isfinite(values).all(), name
        np.testing.assert_array_equal(killed[name], values, err_msg=name)


def test_what_the_first_process_cannot_do_ends_all_with_one_sentence(tmp_path):
    launched = [*TORCHRUN, "--no-python", LNBENCH, *TRAIN, "--results", "/proc/lnbench"]
    done = run(*launched, cwd=tmp_path, LNBENCH_DATA=str(tmp_path / "data"))
    assert done.returncode != 0
    assert done.stderr.count("Cannot write to '/proc/lnbench'") == 1
    # torchrun's own account of what failed has a traceback, lnbench has none.
    assert "robustbench_ln/" not in done.stderr


@pytest.mark.parametrize("sync_bn", [False, True])
@pytest.mark.parametrize("norm", ["batchnorm", "switchnorm", "localnorm", "ghostbatchnorm"])
def test_a_recipe_says_whose_statistics_batchnorm_has(norm, sync_bn):
    recipe = full_recipe(norm)
    if sync_bn and norm != "batchnorm":
        with pytest.raises(LnbenchError, match="--sync-bn is BatchNorm's"):
            recipe_on(recipe, Ranks(0, 2), sync_bn=True)
        return
    found = recipe_on(recipe, Ranks(0, 2), sync_bn=sync_bn)
    own = norm in ("batchnorm", "switchnorm") and not sync_bn
    assert found.statistics_over == (12 if own else None)
    assert (found.id == recipe.id) == (not own)
    assert recipe_on(recipe, Ranks(), sync_bn=sync_bn) == recipe
    check_ranks(found, Ranks(1, 2))


def full_recipe(norm):
    from robustbench_ln.benchmarks.training import TrainSettings

    settings = TrainSettings(epochs=1, batch_size=24, learning_rate=0.1)
    return replace(recipe_of(norm, "sync", 1), train=settings)


@pytest.mark.parametrize(
    ("norm", "over", "count"),
    [("localnorm", None, 3), ("batchnorm", None, 5), ("batchnorm", 12, 3), ("switchnorm", None, 2)],
)
def test_a_recipe_for_other_processes_is_refused(norm, over, count):
    with pytest.raises(LnbenchError, match=r"do not divide|takes statistics over"):
        check_ranks(replace(full_recipe(norm), statistics_over=over), Ranks(0, count))


@pytest.mark.parametrize(("rank", "count"), [("2", "2"), ("x", "2"), ("0", ""), ("-1", "2")])
def test_what_torchrun_does_not_set_is_refused(rank, count, monkeypatch):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", count)
    with pytest.raises(LnbenchError, match="torchrun"):
        ranks_here()
