"""What this machine has, and whether lnbench can work on it: a list of checks, each with what to do.

Nothing said here names a person, a machine or a home folder, so that it can be pasted into an issue.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import platform
import resource
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robustbench_ln.data.dataset import DataInfo
from robustbench_ln.data.decoded import decoded_folders
from robustbench_ln.devices import choose_dtype
from robustbench_ln.errors import LnbenchError
from robustbench_ln.home import without_home
from robustbench_ln.provenance import environment
from robustbench_ln.publish import publish_directory
from robustbench_ln.threads import available_cores

Verdict = Literal["ok", "warning", "problem"]
#: What else can be installed, what it is for, and the module that tells whether it is.
_EXTRAS = {
    "timm": ("timm", "networks timm:NAME"),
    "cars": ("efficientnet_lite_pytorch", "efficientnet-lite0 with ImageNet weights"),
    "ray": ("ray", "sweeps on a Ray cluster"),
    "parquet": ("pyarrow", "lnbench results export --format parquet"),
}
_LOW_DISK = 2**30
_FEW_FILES = 256


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        verdict: "problem" where lnbench cannot work so, "warning" where a part of it cannot.
        found: what was found.
        hint: what to do; empty where nothing need be done.
    """

    name: str
    verdict: Verdict
    found: str
    hint: str = ""


def examine(results: Path, data_dir: Path) -> list[Check]:
    """Look at versions, hardware, data and the results folder.

    Args:
        results: the results folder, which is created where it does not exist and removed again.
        data_dir: where data are kept.
    """
    return [*_software(), *_hardware(), *_extras(), *_data(data_dir), *_results(results)]


def _software() -> Iterator[Check]:
    known = environment()
    for package, version in known["versions"].items():
        missing = Check(package, "problem", "not installed", f"Install it: pip install {package}")
        yield Check(package, "ok", version) if version else missing
    commit = known["code"]["commit"]
    changed = " with uncommitted changes" if known["code"]["dirty"] else ""
    yield Check("code", "ok", f"commit {commit[:12]}{changed}" if commit else "installed package")


def _hardware() -> Iterator[Check]:
    import torch

    hardware = environment()["hardware"]
    yield Check("system", "ok", f"{platform.system()} {platform.release()}, {hardware['machine']}")
    threads = torch.get_num_threads()
    cores = f"{hardware['cores']} cores, {available_cores()} usable, {threads} threads of torch"
    yield Check("cpu", "ok", f"{hardware['cpu']}, {cores}")
    chosen = choose_dtype("auto", "auto")
    yield Check("--dtype auto", "ok", f"{chosen.name}: {chosen.reason}")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            of = torch.cuda.get_device_properties(number)
            memory = f"{of.total_memory / 2**30:.0f} GiB"
            yield Check(f"gpu {number}", "ok", f"{of.name}, {memory}, CUDA {torch.version.cuda}")
    else:
        yield Check("gpu", "ok", "none: --device auto takes the CPU")
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Check("memory", "ok", f"{installed / 2**30:.0f} GiB")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _FEW_FILES:
        yield Check(
            "open files", "warning", f"at most {files}", "Raise it before many workers: ulimit -n 4096"
        )
    else:
        yield Check(
            "open files", "ok", f"at most {'any number' if files == resource.RLIM_INFINITY else files}"
        )


def _extras() -> Iterator[Check]:
    for extra, (module, what) in _EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        hint = "" if there else f"Where you want it: pip install 'robustbench_ln[{extra}]'"
        yield Check(f"extra {extra}", "ok", f"{'installed' if there else 'not installed'} ({what})", hint)


def _data(data_dir: Path) -> Iterator[Check]:
    place = without_home(str(data_dir))
    writable = _writable(data_dir)
    yield Check(
        "data folder",
        "ok" if writable else "warning",
        f"{place}{'' if writable else ', not writable'}",
        ""
        if writable
        else "Decoded images go to the per-user cache; or name another folder with LNBENCH_DATA.",
    )
    for folder in decoded_folders(data_dir):
        try:
            info = DataInfo.read(folder)
            counted = ", ".join(f"{split.images:,} {name}" for name, split in info.splits.items())
            yield Check(f"data {info.name}", "ok", f"decoded: {counted} images")
        except LnbenchError as error:
            yield Check(f"data {folder.name}", "problem", *map(without_home, (error.message, error.hint)))


def _results(results: Path) -> Iterator[Check]:
    place = without_home(str(results))
    if results.is_file():
        yield Check("results folder", "ok", f"{place}: packed results, which are read-only")
        return
    made = _first_missing(results)
    try:
        results.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(results).free
        low = free < _LOW_DISK
        yield Check(
            "results folder",
            "warning" if low else "ok",
            f"{place}, {_file_system(results)}, {free / 2**30:.1f} GiB free",
            "Make room: a sweep stops where the disk is full, and goes on later." if low else "",
        )
        yield from _self_test(results)
    except OSError as error:
        yield Check(
            "results folder",
            "problem",
            f"{place}: {error.strerror}",
            "Choose another folder with --results DIR or LNBENCH_RESULTS.",
        )
    finally:
        if made is not None and made.is_dir():
            _remove_empty(results, made)


def _self_test(results: Path) -> Iterator[Check]:
    """Try what the store relies on: whole entries appear by one rename, and are never replaced."""
    folder = results / f".doctor.{uuid.uuid4().hex}"
    tests: tuple[tuple[str, Callable[[Path], None]], ...] = (
        ("publishing by rename", _publish),
        ("nothing is replaced", _keep),
        ("names of 200 bytes", _long_name),
    )
    folder.mkdir()
    try:
        for name, test in tests:
            try:
                test(folder)
                yield Check(name, "ok", "works here")
            except (OSError, LnbenchError) as error:
                yield Check(
                    name,
                    "problem",
                    f"does not work here: {error}",
                    "Write results to a local disk, then lnbench results merge.",
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path) -> None:
    publish_directory(folder / "entry", lambda hidden: _fill(hidden, "first"))
    if (folder / "entry" / "content").read_text(encoding="utf-8") != "first":
        raise LnbenchError("what was published reads otherwise")


def _keep(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    _fill(other, "second")
    try:
        other.rename(folder / "entry")
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
    if (folder / "entry" / "content").read_text(encoding="utf-8") != "first":
        raise LnbenchError("a rename replaced what was published")


def _long_name(folder: Path) -> None:
    (folder / ("n" * 200)).write_bytes(b"")


def _fill(folder: Path, text: str) -> None:
    (folder / "content").write_text(text, encoding="utf-8")


def _writable(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


def _first_missing(folder: Path) -> Path | None:
    """Return the uppermost folder on the way to one that does not exist yet."""
    missing = None
    while not folder.exists() and folder != folder.parent:
        missing, folder = folder, folder.parent
    return missing


def _remove_empty(folder: Path, top: Path) -> None:
    while True:
        try:
            folder.rmdir()
        except OSError:
            return
        if folder == top:
            return
        folder = folder.parent


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder lies on, as the kernel lists it."""
    mounts = Path("/proc/mounts")
    if sys.platform != "linux" or not mounts.exists():
        return "file system not known"
    place, best, kind = str(folder.resolve()), "", "unknown"
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, at, of, *_ = line.split()
        at = at.encode().decode("unicode_escape")
        inside = place == at or place.startswith(at.rstrip("/") + "/")
        if inside and len(at) >= len(best):
            best, kind = at, of
    return kind
