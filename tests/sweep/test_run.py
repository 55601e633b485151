"""Passes over worker processes; the rest of it is tested with the real command in tests/cli."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.run import run_passes


def test_a_worker_that_dies_while_passes_are_handed_out_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    def broken(*args: object, **kwargs: object) -> None:
        raise BrokenProcessPool("A child process terminated abruptly")

    monkeypatch.setattr(ProcessPoolExecutor, "submit", broken)
    with pytest.raises(LnbenchError, match="worker process died") as raised:
        run_passes(Store(Path("unused")), [None, None], run_id="run", workers=2)
    assert "fewer --workers" in (raised.value.hint or "")
