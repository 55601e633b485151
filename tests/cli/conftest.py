"""The real command, run as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lnbench_cli.main import main

LNBENCH = Path(sys.executable).parent / "lnbench"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that decoded images are shared in."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def environment(data_dir: Path) -> dict[str, str]:
    """The environment of the commands under test."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LNBENCH_")}
    return kept | {"LNBENCH_DATA": str(data_dir), "NO_COLOR": "1", "COLUMNS": "200"}


@pytest.fixture(scope="session")
def lnbench(environment: dict[str, str]) -> Run:
    """Run the installed command in a folder and return what it did."""

    def run(
        *arguments: str, cwd: Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(LNBENCH), *arguments],
            cwd=cwd,
            env=environment | (env or {}),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture
def lnbench_here(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run the command within this process, which has imported what a process of its own takes seconds to."""

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            patch.setattr(sys, "argv", ["lnbench", *arguments])
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture(scope="session")
def trained(lnbench: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three quickly trained networks in its `results`."""
    folder = tmp_path_factory.mktemp("trained")
    done = lnbench("train", "--epochs", "1", "--limit", "150", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder
