"""Kills, interruptions and other ways of splitting the work leave the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.cli.processes import cell_bytes, start, wait_for
from tests.faults.store_bytes import check_tidy, check_whole, trained_in

#: What it is measured against is made once, by one of the processes that run tests.
pytestmark = pytest.mark.xdist_group("interruption")

LNBENCH_TRAIN = ("train", "--norm", "localnorm", "--epochs", "4", "--limit", "400", "--threads", "1")
SWEEP = ("corrupt-eval", "--sigma", "0,1,2", "--limit", "203")


@pytest.fixture(scope="module")
def whole(lnbench, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    done = lnbench(*LNBENCH_TRAIN, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(trained_in(folder)) == 2
    return folder


def test_a_killed_training_goes_on_to_the_same_weights(whole, tmp_path, environment, lnbench):
    process = start(environment, tmp_path, *LNBENCH_TRAIN)
    wait_for(process, "epoch 2/4")
    process.kill()
    process.communicate()
    assert lnbench("train", "--dry-run", *LNBENCH_TRAIN[1:], cwd=tmp_path).returncode == 0
    assert [path for path in (tmp_path / "results/models").iterdir() if path.name[0] != "."] == []
    done = lnbench(*LNBENCH_TRAIN, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert trained_in(tmp_path) == trained_in(whole)
    again = lnbench(*LNBENCH_TRAIN, cwd=tmp_path)
    assert "already trained" in again.stderr


@pytest.fixture(scope="module")
def swept(trained, lnbench, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    shutil.copytree(trained / "results", folder / "results")
    done = lnbench(*SWEEP, "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(cell_bytes(folder)) == 2 * 27
    return folder


@pytest.fixture
def fresh(trained, tmp_path) -> Path:
    shutil.copytree(trained / "results", tmp_path / "results")
    return tmp_path


def test_two_workers_give_the_same_bytes_as_one(swept, fresh, lnbench):
    assert lnbench(*SWEEP, "--workers", "2", cwd=fresh).returncode == 0
    assert cell_bytes(fresh) == cell_bytes(swept)


def test_two_halves_in_another_order_give_the_same_bytes(swept, fresh, lnbench):
    rest = SWEEP[3:]
    assert (
        lnbench(
            "corrupt-eval", "--sigma", "2,0", "--mode", "voting", "--mode", "frozen", *rest, cwd=fresh
        ).returncode
        == 0
    )
    half = len(cell_bytes(fresh))
    assert 0 < half < 2 * 27
    assert lnbench("corrupt-eval", "--sigma", "2,1,0", *rest, "--workers", "1", cwd=fresh).returncode == 0
    assert cell_bytes(fresh) == cell_bytes(swept)


def test_a_killed_sweep_goes_on_to_the_same_bytes(swept, fresh, environment, lnbench):
    process = start(environment, fresh, *SWEEP, "--workers", "1")
    wait_for(process, ", agn 0:")
    process.kill()
    process.communicate()
    kept = cell_bytes(fresh)
    assert len(kept) < 2 * 27
    assert lnbench(*SWEEP, cwd=fresh).returncode == 0
    assert cell_bytes(fresh) == cell_bytes(swept)
    assert kept.items() <= cell_bytes(fresh).items()


def interrupted(process, signum, code):
    """Interrupt a command, and check how it ends."""
    process.send_signal(signum)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "run the same command again" in said
    assert "Traceback" not in said


SIGNALS = pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


@SIGNALS
def test_an_interrupted_sweep_says_how_to_go_on_and_does_so(
    signum, code, swept, fresh, environment, lnbench_here
):
    # More sigmas than are compared, so that it is not at its end when the signal comes.
    process = start(environment, fresh, "corrupt-eval", "--sigma", "0:4:1", *SWEEP[3:], "--workers", "2")
    wait_for(process, ", agn 0:")
    interrupted(process, signum, code)
    kept = cell_bytes(fresh)
    assert 0 < len(kept) < 2 * 45
    check_whole(fresh / "results")
    done = lnbench_here(*SWEEP, "--workers", "1", cwd=fresh)
    assert done.returncode == 0, done.stderr
    resumed = cell_bytes(fresh)
    # What was kept of the same sigmas is what nothing disturbed, too.
    assert resumed == kept | cell_bytes(swept) == cell_bytes(swept) | kept
    check_tidy(fresh / "results")


@SIGNALS
def test_an_interrupted_training_says_how_to_go_on_and_does_so(
    signum, code, whole, tmp_path, environment, lnbench_here
):
    process = start(environment, tmp_path, *LNBENCH_TRAIN)
    wait_for(process, ": epoch 1/4")
    interrupted(process, signum, code)
    assert list((tmp_path / "results/models").glob(".training-*/state.pt"))
    assert trained_in(tmp_path) == {}
    check_whole(tmp_path / "results")
    done = lnbench_here(*LNBENCH_TRAIN, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert trained_in(tmp_path) == trained_in(whole)
    check_tidy(tmp_path / "results")


def test_workers_end_with_a_killed_parent(fresh, environment):
    process = start(environment, fresh, "corrupt-eval", "--sigma", "0:4", "--workers", "2")
    wait_for(process, ", agn ")
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        running = [path for path in Path("/proc").glob("[0-9]*") if works_in(path, fresh)]
        if not running:
            return
        time.sleep(0.2)
    raise AssertionError(f"still running: {running}")


def test_a_worker_that_dies_is_a_sentence_and_the_rest_is_kept(fresh, environment, lnbench, swept):
    process = start(environment, fresh, *SWEEP, "--workers", "2")
    wait_for(process, "cells from 3 networks")
    deadline = time.monotonic() + 60
    while not (workers := spawned_by(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert "worker process died" in said
    assert "Traceback" not in said
    assert lnbench(*SWEEP, cwd=fresh).returncode == 0
    assert cell_bytes(fresh) == cell_bytes(swept)


def spawned_by(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").resolve() == folder.resolve()
    except OSError:
        return False


def test_a_network_that_overflows_is_a_recorded_failure_and_the_others_are_measured(fresh, lnbench):
    import torch
    from safetensors.torch import load_file, save_file

    from robustbench_ln.store.weights import weights_hash

    (folder,) = (fresh / "results/models").glob("*localnorm*")
    state = load_file(folder / "weights.safetensors")
    state["classifier.7.bias"] = torch.full_like(state["classifier.7.bias"], float("nan"))
    save_file(state, folder / "weights.safetensors")
    card = json.loads((folder / "model.json").read_text())
    card["weights"] = weights_hash(state)
    (folder / "model.json").write_text(json.dumps(card))
    done = lnbench("corrupt-eval", "--sigma", "0", "--limit", "60", cwd=fresh)
    assert done.returncode == 3
    assert "not finite" in done.stderr
    assert len(list((fresh / "results/cells").iterdir())) == 5
    failures = sorted((fresh / "results/failures").iterdir())
    assert len(failures) == 4
    assert "not finite" in json.loads(failures[0].read_text())["reason"]
