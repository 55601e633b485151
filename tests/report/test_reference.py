"""Points above a reference: plain arithmetic on areas, intervals of both, and seeds in pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from robustbench_ln.errors import LnbenchError
from robustbench_ln.report.build import build_report
from tests.report.conftest import Maker

SIGMAS = ("0", "1", "3")


def area(values):
    zero, one, three = values
    return ((zero + one) / 2 * 1 + (one + three) / 2 * 2) / 3


def wilson(correct, images=10):
    interval = stats.binomtest(correct, images).proportion_ci(0.95, "wilson")
    return interval.low, interval.high


def headline(page):
    return {
        (row["network"], row["noise"]): row["points above the reference"] for row in page.table("Accuracy on")
    }


def test_the_difference_is_of_areas_with_the_interval_of_both(maker, words):
    counts = {"batchnorm": (9, 7, 3), "switchnorm": (9, 8, 6)}
    for norm, corrects in counts.items():
        maker.curve(corrects, sigmas=SIGMAS, norm=norm)
    found = headline(words())
    assert found["batchnorm", "agn"] == "reference"
    own, other = (
        [correct / 10 for correct in corrects] for corrects in (counts["switchnorm"], counts["batchnorm"])
    )
    halves = [
        (area([wilson(one)[1] for one in corrects]) - area([wilson(one)[0] for one in corrects])) / 2
        for corrects in counts.values()
    ]
    wanted = f"{100 * (area(own) - area(other)):+.2f} (± {100 * math.hypot(*halves):.2f})"
    assert found["switchnorm", "agn"] == wanted


def test_each_network_is_held_against_that_of_its_own_seed(maker, words):
    for seed, corrects in enumerate([(9, 7, 3), (9, 5, 1)]):
        maker.curve(corrects, sigmas=SIGMAS, seed=seed)
        maker.curve((9, 7, 3), sigmas=SIGMAS, norm="switchnorm", seed=seed)
    page = words()
    found = headline(page)
    assert found["switchnorm, seed 0", "agn"].startswith("+0.00")
    gain = 100 * (area((0.9, 0.7, 0.3)) - area((0.9, 0.5, 0.1)))
    assert found["switchnorm, seed 1", "agn"].startswith(f"{gain:+.2f}")
    (row,) = [row for row in page.table("Mean over training seeds") if row["norm"] == "switchnorm"]
    low, high = stats.t.interval(0.95, 1, loc=gain / 2, scale=stats.sem([0, gain]))
    column = "points above the reference (95 % t interval over seeds)"
    assert row[column] == f"{np.mean([0, gain]):+.2f} ({low:+.2f} to {high:+.2f})"


def test_other_sigmas_are_not_compared_and_another_reference_can_be_named(maker, words):
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.curve((9, 7, 3), sigmas=SIGMAS, norm="switchnorm")
    maker.curve((9, 8, 6), sigmas=SIGMAS, norm="none", mode="eval")
    assert set(headline(words()).values()) == {"reference", ""}
    found = headline(words(reference="*switchnorm*"))
    assert found["switchnorm", "agn"] == "reference"
    assert found["batchnorm", "agn"] == ""
    assert found["none", "agn"].startswith("+")


def test_a_reference_that_is_not_there_is_a_sentence(maker: Maker):
    maker.cell()
    with pytest.raises(LnbenchError, match="matches 'nothing'"):
        build_report(maker.store, data_dir=maker.data_dir, reference="nothing")
