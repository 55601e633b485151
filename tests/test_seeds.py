"""Seeds as texts."""

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.seeds import parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0", (0,)),
        ("0:4", (0, 1, 2, 3, 4)),
        ("3:3", (3,)),
        ("7,0,3", (7, 0, 3)),
        ("0:2, 2, 9", (0, 1, 2, 9)),
        ("0:999", tuple(range(1000))),
    ],
)
def test_a_text_names_seeds_in_its_order_each_once(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", ",", "4:0", "-1", "1:-1", "0.5", "a", "0:", ":3", "1e3", "0;1", "0:1000", "\u0663"]
)
def test_other_texts_are_told(text):
    with pytest.raises(LnbenchError, match="seeds"):
        parse_seeds(text)
