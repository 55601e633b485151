"""Which of the paper's numbers stand beside a line."""

import pandas as pd
import pytest

from robustbench_ln.report.paper.printed import printed_accuracies
from tests.experiments.measured import experiment

LINE = {
    "benchmark": "small",
    "kind": "agn",
    "norm": "localnorm",
    "groups": 4,
    "mode": "batch",
    "small_sets": False,
}


@pytest.mark.parametrize(
    ("of", "line", "there"),
    [
        ("norm: localnorm, noise: agn", {}, True),
        ("norm: localnorm, noise: apn", {}, False),
        ("norm: 'localnorm:groups=4', noise: agn", {}, True),
        ("norm: 'localnorm:groups=8', noise: agn", {}, False),
        ("norm: localnorm, noise: agn, mode: voting", {}, False),
        ("norm: localnorm, noise: agn, mode: voting", {"mode": "voting"}, True),
        ("norm: batchnorm, noise: agn", {"norm": "batchnorm", "groups": pd.NA, "mode": "frozen"}, True),
        ("norm: batchnorm, noise: agn, mode: batch", {"norm": "batchnorm", "groups": pd.NA}, True),
        (
            "norm: batchnorm, noise: agn, mode: batch",
            {"norm": "batchnorm", "groups": pd.NA, "small_sets": True},
            False,
        ),
    ],
)
def test_a_number_stands_beside_the_line_it_is_of(of, line, there):
    item = experiment(f"{{rule: value, of: {{{of}}}, sigma: '0.5,1', paper: 70}}")
    assert printed_accuracies(item, LINE | line) == ({0.5: 0.7, 1.0: 0.7} if there else {})


def test_a_clean_number_is_of_every_noise():
    item = experiment("{rule: value, of: {norm: localnorm}, paper: 90}")
    assert printed_accuracies(item, LINE) == {0.0: 0.9}
    assert printed_accuracies(item, LINE | {"kind": "mbn"}) == {0.0: 0.9}
