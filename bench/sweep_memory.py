"""Row i: what more sigmas and modes, networks or images add to the memory of a sweep.

`python bench/sweep_memory.py [IMAGES]`. Each sweep has a process of its own, whose peak is read at its end.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from side_by_side import FEW_REPEATS, tell
from synthetic import data_set, opened, stored_network

from robustbench_ln.noise import NoiseSpec, parse_sigmas
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.plan import SweepSettings, plan_cells
from robustbench_ln.sweep.run import run_passes

NAME = "mnist-net"
#: Mebibytes that may be added to the networks and images themselves: each mode and network holds a batch.
SLACK = 64


@dataclass(frozen=True)
class Sweep:
    """A sweep beside another with less.

    Attributes:
        beside: the other's name; empty for one that others are compared with.
        sigmas: as on the command line.
        modes: test-time modes.
        networks: how many.
        images: as many times those that are asked for.
    """

    beside: str = ""
    sigmas: str = "0,1"
    modes: tuple[str, ...] = ("batch",)
    networks: int = 1
    images: int = 1


#: So many images have more draws than a sweep keeps, whose amount is fixed, at 1000 times the factor.
_IMAGES = 45
SWEEPS = {
    "few": Sweep(),
    "sigmas and modes": Sweep("few", "0:4:0.4", ("batch", "single", "voting", "single-voting")),
    "networks": Sweep("few", networks=8),
    "images": Sweep(sigmas="1", images=_IMAGES),
    "twice the images": Sweep("images", sigmas="1", images=2 * _IMAGES),
}


def prepare(folder: Path, count: int) -> None:
    """Write images and networks for all sweeps: none of them shall hold what writing takes."""
    networks: dict[int, int] = {}
    for sweep in SWEEPS.values():
        networks[sweep.images] = max(sweep.networks, networks.get(sweep.images, 0))
    for factor, seeds in networks.items():
        data = data_set(folder / f"data-{factor}", NAME, factor * count)
        store = Store(folder / f"results-{factor}")
        for seed in range(seeds):
            stored_network(store, data, NAME, "localnorm", seed)


def run(kind: str, folder: Path) -> None:
    """Run one sweep and print its peak in MiB."""
    sweep = SWEEPS[kind]
    data, store = opened(folder / f"data-{sweep.images}"), Store(folder / f"results-{sweep.images}")
    settings = SweepSettings((NoiseSpec("agn"),), parse_sigmas(sweep.sigmas), modes=sweep.modes)
    passes = plan_cells([(model, data) for model in store.models()[: sweep.networks]], settings)
    outcomes = run_passes(store, passes, run_id="bench")
    if not outcomes or any(outcome.failure for outcome in outcomes):
        raise SystemExit("The sweep failed.")
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def itself(sweep: Sweep, folder: Path) -> float:
    """Return the MiB of a sweep's images and networks, as bytes and as weights."""
    images = opened(folder / f"data-{sweep.images}").arrays("test").images
    weights = Store(folder / f"results-{sweep.images}").models()[0].weights
    return (int(np.prod(images.shape)) + sweep.networks * weights.stat().st_size) / 2**20


def main(count: int) -> None:
    """Compare, and print the largest addition."""
    peaks: dict[str, list[float]] = {kind: [] for kind in SWEEPS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, count)
        for _ in range(FEW_REPEATS):
            for kind, sweep in SWEEPS.items():
                # Cells that are there already would not be written again.
                shutil.rmtree(folder / f"results-{sweep.images}" / "cells", ignore_errors=True)
                command = [sys.executable, __file__, kind, str(folder)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                peaks[kind].append(float(done.stdout))
        own = {kind: itself(sweep, folder) for kind, sweep in SWEEPS.items()}
    peak = {kind: statistics.median(found) for kind, found in peaks.items()}
    added = {
        kind: peak[kind] - peak[sweep.beside] - (own[kind] - own[sweep.beside])
        for kind, sweep in SWEEPS.items()
        if sweep.beside
    }
    tell(
        "i",
        "MiB that more sigmas, modes, networks or images add to a sweep, beyond the images and networks",
        max(added.values()),
        repeats=FEW_REPEATS,
        most=SLACK,
        added_mib={kind: round(more, 1) for kind, more in added.items()},
        peak_mib={kind: round(found) for kind, found in peak.items()},
        images_and_networks_mib={kind: round(found, 1) for kind, found in own.items()},
        images={kind: count * sweep.images for kind, sweep in SWEEPS.items()},
        networks={kind: sweep.networks for kind, sweep in SWEEPS.items()},
        sigmas={kind: len(parse_sigmas(sweep.sigmas)) for kind, sweep in SWEEPS.items()},
        modes={kind: len(sweep.modes) for kind, sweep in SWEEPS.items()},
        note="A sweep holds its images once, in bytes, the networks of a pass, a chunk of noisy images, a "
        "batch for each network and mode, and at most 128 MiB of draws.",
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
