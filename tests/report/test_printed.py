"""Which of the paper's numbers stand beside a line."""

import pandas as pd
import pytest

from robustbench_ln.report.printed import printed_accuracies
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


def test_the_page_shows_what_the_paper_prints_with_the_difference(maker, build):
    maker.curve((98, 40, 15), sigmas=("0", "1", "2"), images=100, benchmark="mnist", data="mnist")
    page = build()
    rows = {row["sigma"]: row for row in page.table("What the LocalNorm paper prints")}
    # Table 1 and Fig 7 of the paper.
    assert {sigma: row["paper"] for sigma, row in rows.items()} == {
        "0": "99.61 %",
        "1": "44.67 %",
        "2": "10.00 %",
    }
    assert [row["points above the paper"] for row in rows.values()] == ["-1.61", "-4.67", "+5.00"]
    drawn = page.csv("curves-mnist-agn.csv")
    assert drawn["paper"].tolist() == pytest.approx([0.9961, 0.4467, 0.1])
    assert "paper" in page.text


@pytest.mark.parametrize("changes", [{"data": "digits"}, {"benchmark": "mine"}, {"noise": "darken"}])
def test_other_data_networks_and_noises_have_no_number_of_the_paper(changes, maker, build):
    maker.curve((9, 4, 1), sigmas=("0", "0.5", "1"), **({"benchmark": "mnist", "data": "mnist"} | changes))
    page = build()
    assert not [caption for caption in page.tables if "paper prints" in caption]
