"""Where data are kept unless the user says otherwise."""

from __future__ import annotations

import os
from pathlib import Path


def default_data_dir() -> Path:
    """Return the per-user cache: `LNBENCH_DATA`, else `lnbench` under the user's cache folder."""
    given = os.environ.get("LNBENCH_DATA")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lnbench"
