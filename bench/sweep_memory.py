"""Row i: memory of a sweep with many sigmas and modes over one with few.

`python bench/sweep_memory.py [IMAGES]`. Each sweep has a process of its own, whose peak is read at its end.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from side_by_side import tell
from synthetic import data_set, stored_network

from robustbench_ln.noise import NoiseSpec, parse_sigmas
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.plan import SweepSettings, plan_cells
from robustbench_ln.sweep.run import run_passes

NAME = "mnist-net"
#: Sigmas and modes of the small and of the large sweep.
SWEEPS = {"few": ("0,1", ("batch",)), "many": ("0:4:0.4", ("batch", "single", "voting", "single-voting"))}
#: Mebibytes that the larger sweep may have more: modes hold a batch each.
SLACK = 64


def sweep(kind: str, count: int) -> None:
    """Run one sweep and print its peak in MiB."""
    sigmas, modes = SWEEPS[kind]
    with tempfile.TemporaryDirectory() as folder:
        data = data_set(Path(folder) / "data", NAME, count)
        store = Store(Path(folder) / "results")
        stored = stored_network(store, data, NAME, "localnorm")
        settings = SweepSettings((NoiseSpec("agn"),), parse_sigmas(sigmas), modes=modes)
        run_passes(store, plan_cells([(stored, data)], settings), run_id="bench")
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def main(count: int) -> None:
    """Compare, and print the difference."""
    peaks = {}
    for kind in SWEEPS:
        command = [sys.executable, __file__, kind, str(count)]
        peaks[kind] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    tell(
        "i",
        "MiB that 11 sigmas and 4 modes take more than 2 sigmas and 1 mode",
        peaks["many"] - peaks["few"],
        most=SLACK,
        peak_mib={kind: round(peak) for kind, peak in peaks.items()},
        images=count,
        data_set_mib=round(count * 28 * 28 / 2**20, 1),
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sweep(sys.argv[1], int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
