"""A sweep split over shards, or over the nodes of a Ray cluster, leaves the bytes of one in one process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.processes import cell_bytes, start, wait_for

#: What it is measured against is made once, by one of the processes that run tests.
pytestmark = pytest.mark.xdist_group("scale")

SWEEP = ("corrupt-eval", "--sigma", "0,0.5,1", "--noise", "agn", "--noise", "mbn", "--limit", "203")
CLUSTER = """
import sys
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def whole(lnbench, trained, tmp_path_factory):
    """The sweep in one process."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(trained, folder)
    done = lnbench(*SWEEP, "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Computing on ") == 1
    assert "(PyTorch finds no GPU), in float32 (as asked for)" in done.stderr
    return folder


def test_shards_on_machines_of_their_own_merge_to_the_same_bytes(lnbench, trained, whole, tmp_path):
    expected = cell_bytes(whole)
    parts = []
    for number in (1, 2, 3):
        folder = tmp_path / str(number)
        shutil.copytree(trained, folder)
        # A machine that has measured something else already still takes its own part of the plan.
        if number == 2:
            assert lnbench(*SWEEP, "--mode", "frozen", "--sigma", "0", cwd=folder).returncode == 0
        array = {
            "SLURM_ARRAY_TASK_ID": str(number),
            "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_COUNT": "3",
        }
        shard = ("--shard", "slurm") if number == 3 else ("--shard", f"{number}/3")
        done = lnbench(*SWEEP, *shard, cwd=folder, env=array if number == 3 else {})
        assert done.returncode == 0, done.stderr
        assert f"shard {number}/3" in done.stderr
        parts.append(cell_bytes(folder))
    assert set().union(*parts) == set(expected)
    assert all(len(part) < len(expected) / 2 for part in parts)
    target = tmp_path / "merged"
    shutil.copytree(trained, target)
    folders = [str(tmp_path / str(number) / "results") for number in (1, 2, 3)]
    assert lnbench("results", "merge", "results", *folders, cwd=target).returncode == 0
    assert cell_bytes(target) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--shard", "3/2"), "names no shard"),
        (("--shard", "slurm"), "no job array of SLURM"),
        (("--executor", "dask"), "Unknown executor 'dask'"),
        (("--dtype", "fp16"), "Unknown dtype 'fp16'"),
        (("--address", "1.2.3.4:5"), "--address names a Ray cluster"),
        (("--executor", "ray", "--workers", "2"), "--workers"),
    ],
)
def test_what_cannot_be_is_refused(lnbench, trained, arguments, said):
    environment = {f"SLURM_ARRAY_TASK_{part}": "" for part in ("ID", "MIN", "COUNT")}
    done = lnbench(*SWEEP, *arguments, cwd=trained, env=environment)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def cluster():
    """The address of a Ray cluster of two nodes with one CPU each, on this machine."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'robustbench_ln[ray]'")
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        address = process.stdout.readline().strip()
        assert address
        yield address
        process.communicate("", timeout=60)


def task_processes() -> list[int]:
    """Return the processes of Ray that measure now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue  # it has ended
        if command.startswith(b"ray::_measure_task"):
            found.append(int(path.parent.name))
    return found


def test_a_ray_cluster_that_loses_a_worker_leaves_the_same_bytes(
    lnbench, trained, whole, cluster, environment, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    process = start(environment, folder, *SWEEP, "--executor", "ray", "--address", cluster)
    wait_for(process, "Computing on ")
    deadline = time.monotonic() + 120
    while not (victims := task_processes()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert victims
    os.kill(victims[0], signal.SIGKILL)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert cell_bytes(folder) == cell_bytes(whole)


def test_a_cluster_that_is_not_there_is_named(lnbench, trained, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'robustbench_ln[ray]'")
    shutil.copytree(trained, tmp_path / "run")
    done = lnbench(*SWEEP, "--executor", "ray", "--address", "127.0.0.1:1", cwd=tmp_path / "run")
    assert done.returncode == 2
    assert "There is no Ray cluster at '127.0.0.1:1'" in done.stderr
    assert "Traceback" not in done.stderr
