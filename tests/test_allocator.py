"""Memory that is freed is used again without the system's help."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: Allocates and frees 64 MiB again and again, and prints how many pages the system had to clear at last.
SCRIPT = """
import resource, sys, torch
from robustbench_ln.allocator import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
for _ in range(20):
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_kept():
    faults = []
    for word in ("keep", "default"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, word], capture_output=True, text=True, check=True
        )
        faults.append(int(done.stdout))
    assert faults[0] < 100 < faults[1]
