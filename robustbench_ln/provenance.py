"""What a number was measured with: versions, hardware, code and command, naming no person or home folder."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from robustbench_ln.home import without_home
from robustbench_ln.user_code import named_code

_PACKAGES = ("robustbench_ln", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "pillow")


def new_run_id() -> str:
    """Return a name for one invocation: its time in UTC and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def now() -> str:
    """Return the time in UTC, to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def host() -> str:
    """Return a mark that tells machines apart without naming them."""
    return hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()


def environment() -> dict[str, Any]:
    """Return versions, hardware and the state of the code, as JSON values."""
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "hardware": {
            "host": host(),
            "system": platform.system(),
            "machine": platform.machine(),
            "cpu": _cpu(),
            "cores": os.cpu_count(),
        },
        "code": _commit(),
    }


def run_record(arguments: Sequence[str], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of one invocation before its work starts.

    Args:
        arguments: of the command line, without the program's name.
        request: what was asked for, as JSON values.
    """
    named = [Path(code).name for code in named_code()]
    own = {"plugins": named} if named else {}
    record = {"command": command_line(arguments), "started": now(), "request": request}
    return {**record, **own, **environment()}


#: Options that say where things lie on a machine, not what is computed.
_PLACES = ("--results", "--data-dir")


def command_line(arguments: Sequence[str]) -> str:
    """Return the command as typed, without where results and data lie, the user's home written `~`.

    >>> command_line(["train", "--results", "/mnt/x", "--train-seeds", "1", "--data-dir=/y"])
    'lnbench train --train-seeds 1'
    """
    kept = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if name not in _PLACES:
            kept.append(argument)
        elif not equals:
            next(rest, None)
    return without_home(shlex.join(["lnbench", *kept]))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _commit() -> dict[str, Any]:
    """Return the commit of the source tree and whether it was changed; nothing for an installed wheel."""
    here = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    top = git("rev-parse", "--show-toplevel")
    if top is None or Path(top) != here:
        return {"commit": None, "dirty": None}
    changes = git("status", "--porcelain")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changes is None else bool(changes)}
