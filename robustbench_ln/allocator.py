"""What becomes of memory that was freed."""

from __future__ import annotations

import ctypes
import platform

#: Of malloc.h of the GNU C library.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Let this process keep memory that it frees, for good, since the next batch needs as much again.

    By default the GNU C library gives the large maps of a network back to the system after each batch, and
    the system clears every page of the next ones: up to a quarter of a sweep's time on a CPU. A process
    then keeps the most memory that it ever had.

    Returns:
        Whether the C library can be told so.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MMAP_MAX, 0) and library.mallopt(_TRIM_THRESHOLD, -1))
