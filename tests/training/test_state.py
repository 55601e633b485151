"""An unfinished training goes on under its own conditions alone, and says what brings them back."""

from __future__ import annotations

import pytest
import torch

from robustbench_ln import LnbenchError
from robustbench_ln.training.state import Progress, TrainingState

BEGUN = {"threads": 2, "torch": "2", "device": "cpu"}


@pytest.mark.parametrize(
    ("now", "hint"),
    [
        ({"threads": 1}, "Give --threads 2, or remove it"),
        ({"device": "gpu"}, "To go on here, remove it"),
        ({"threads": 1, "ranks": 2}, "To go on here, remove it"),
    ],
)
def test_the_hint_brings_all_conditions_back(tmp_path, now, hint):
    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    TrainingState(tmp_path, network, optimizer, BEGUN).save(Progress())
    assert TrainingState(tmp_path, network, optimizer, BEGUN).restore() == Progress()
    with pytest.raises(LnbenchError, match="begun with 2 threads") as error:
        TrainingState(tmp_path, network, optimizer, BEGUN | now).restore()
    assert error.value.hint.startswith(hint)
