"""The command in forks of one process that has imported what a command takes seconds to.

So nearly all of a fork's time is work, where a kill may do harm; a new process spends most of it on imports.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

_SERVER = """
import json, os, sys, traceback
import pandas, scipy.special, sklearn.datasets, torch, torchvision
import robustbench_ln.models.registry, robustbench_ln.sweep.measure, robustbench_ln.training.loop
from lnbench_cli import corrupt_eval, train
from lnbench_cli.main import main

for line in sys.stdin:
    folder, said, arguments = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(folder)
        for stream in (1, 2):
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
        sys.argv, code = ["lnbench", *arguments], 1
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Forks:
    """Runs commands one after the other.

    Args:
        environment: of the commands.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def run(self, command: tuple[str, ...], folder: Path, limit: float) -> tuple[bool, str]:
        """Run a command, kill -9 it after some seconds.

        Returns:
            Whether it was killed, and what it said on stderr.
        """
        said = folder.parent / "said.txt"
        self._server.stdin.write(json.dumps([str(folder), str(said), command]).encode() + b"\n")
        child = int(self._server.stdout.readline())
        late = not select.select([self._server.stdout], [], [], limit)[0]
        if late:
            os.kill(child, signal.SIGKILL)
        status = int(self._server.stdout.readline())
        told = said.read_text(encoding="utf-8")
        killed = os.WIFSIGNALED(status)
        assert killed or status == 0, told
        return killed, told

    def close(self) -> None:
        """End the process."""
        self._server.kill()
        self._server.communicate()
