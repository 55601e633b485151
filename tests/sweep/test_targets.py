"""Which networks are tested: those that are chosen are read, and no others."""

from __future__ import annotations

import json

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.models.card import Draft
from robustbench_ln.store.store import Store
from robustbench_ln.sweep.targets import choose_models


@pytest.fixture
def store(tmp_path):
    """A store with a whole network and one whose card is damaged."""
    recipe = {"benchmark": "m", "network": "net", "norm": "localnorm", "norm_options": {}, "seed": 0}
    for name, text in (
        ("whole.a.b", json.dumps({"schema": 1, "how": {"run_id": ""}, "recipe": recipe})),
        ("broken.a.b", "{"),
    ):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.json").write_text(text)
    return Store(tmp_path)


def test_a_damaged_network_stands_in_the_way_of_itself_alone(store):
    assert [model.id for model in choose_models(store, ["whole"])] == ["whole.a.b"]
    assert Draft("whole.a.b", {}, {}, {}).stored(store).card["recipe"]["network"] == "net"
    assert Draft("new.a.b", {"own": 1}, {}, {}).stored(store).card == {"own": 1}
    for patterns in ([], ["bro*"]):
        with pytest.raises(LnbenchError, match=r"broken\.a\.b/model\.json' cannot be read"):
            choose_models(store, patterns)
