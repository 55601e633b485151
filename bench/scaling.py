"""What two processes save of one's time: workers, shards, Ray, and torchrun: `python bench/scaling.py`.

The real command on the embedded digits, over so many sigmas that starting processes does not decide.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import ray
from ray.cluster_utils import Cluster
from side_by_side import FEW_REPEATS, rounded, seconds, tell

LNBENCH = str(Path(sys.executable).parent / "lnbench")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
EPOCHS = 6
SIGMAS = "0:4:0.2"


class Runs:
    """Commands in a folder of their own, with one trained network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LNBENCH_")}
        self._environment = kept | {"LNBENCH_DATA": str(folder / "data"), "OMP_NUM_THREADS": "1"}
        self.run(["train", "--norm", "localnorm", "--epochs", "1", "--results", "trained"])

    def start(self, arguments: list[str], launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start a command, beside others."""
        return subprocess.Popen(
            [*launcher, LNBENCH, *arguments, "--threads", "1"],
            cwd=self._folder,
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: list[str], launcher: tuple[str, ...] = ()) -> str:
        """Run a command and return what it said."""
        process = self.start(arguments, launcher)
        _, said = process.communicate()
        if process.returncode:
            raise SystemExit(said)
        return said

    def sweep(self, *options: list[str]) -> None:
        """Run a sweep, or its parts at once, each into a copy of the results."""
        running = []
        for number, own in enumerate(options):
            results = self._folder / f"results-{number}"
            shutil.rmtree(results, ignore_errors=True)
            shutil.copytree(self._folder / "trained", results)
            command = ["corrupt-eval", "--sigma", SIGMAS, "--results", results.name, *own]
            running.append(self.start(command))
        for process in running:
            _, said = process.communicate()
            if process.returncode:
                raise SystemExit(said)

    def epoch(self, results: str, launcher: tuple[str, ...] = ()) -> float:
        """Return the median seconds of an epoch of training, without the first."""
        shutil.rmtree(self._folder / results, ignore_errors=True)
        command = ["train", "--norm", "localnorm:groups=10", "--epochs", str(EPOCHS), "--results", results]
        said = self.run(command, launcher)
        return statistics.median([float(found) for found in re.findall(r"([0-9.]+) s\n", said)][1:])


def main() -> None:
    """Compare one process with two, and print how many times as fast two are."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
        try:
            found = seconds(
                {
                    "one process": lambda: runs.sweep(["--workers", "1"]),
                    "two workers": lambda: runs.sweep(["--workers", "2"]),
                    "two shards": lambda: runs.sweep(
                        *(["--workers", "1", "--shard", f"{number}/2"] for number in (1, 2))
                    ),
                    "Ray, two CPUs": lambda: runs.sweep(["--executor", "ray", "--address", cluster.address]),
                },
                FEW_REPEATS,
                warm_up=False,
            )
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]
            ray.shutdown()
        epochs = {
            "one process": runs.epoch("one"),
            "torchrun, two processes": runs.epoch("two", (*TORCHRUN, "--no-python")),
        }
    one = found["one process"]
    tell(
        "k",
        "sweep's speed with two workers over that with one process",
        one / found["two workers"],
        repeats=FEW_REPEATS,
        speedups=rounded({name: one / taken for name, taken in found.items()}),
        seconds=rounded(found),
        seconds_an_epoch=rounded(epochs),
        cores=os.cpu_count(),
    )


if __name__ == "__main__":
    main()
