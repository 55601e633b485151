"""mCE and relative mCE against arithmetic by hand and the published formula, stated again in fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robustbench_ln.corruption_error import (
    corruption_error,
    mean_corruption_errors,
    relative_corruption_error,
)
from robustbench_ln.errors import LnbenchError
from robustbench_ln.metrics import CURVE
from robustbench_ln.store.frame import tabulate

SIGMAS = {  # CIFAR-C's, as published
    "gaussian": [0.04, 0.06, 0.08, 0.09, 0.1],
    "impulse": [0.01, 0.02, 0.03, 0.05, 0.07],
}
SMALL = {"base": "cifar-c", "net": "cifar-c"}


def cell(model, noise, sigma, wrong, images=100, **other):
    """A flat row of a cell of which `wrong` images are wrong."""
    row = dict.fromkeys(CURVE) | {
        "cell": f"{model}-{noise}-{sigma}-{len(other)}-{other}",
        "model": model, "benchmark": "b", "network": "n", "norm": "batchnorm", "train_seed": 0,
        "data": "images", "checksum": "c", "noise": noise, "clip": True, "rescale": False, "space": "pixel",
        "noise_seed": 0, "mode": "frozen", "coupled": False, "dtype": "float32", "protocol": 1,
        "sigma": sigma, "images": images, "correct": images - wrong, "classes": 2,
        "predicted": [images - wrong, wrong],
    }  # fmt: skip
    return row | other


def curve(model, noise, wrong, **other):
    return [
        cell(model, noise, sigma, count, **other) for sigma, count in zip(SIGMAS[noise], wrong, strict=True)
    ]


def results(rows, **options):
    options = {"baseline": "base", "baseline_mode": "frozen", "constants": SMALL} | options
    found = mean_corruption_errors(tabulate(rows), **options)
    return {(one.way["model"], one.way["mode"], one.way["data"]): one for one in found}


BASE = [
    *curve("base", "gaussian", [20, 30, 40, 50, 60]),  # 200
    *curve("base", "impulse", [10, 20, 30, 30, 60]),  # 150
    cell("base", "gaussian", 0, 10),
]
NET = [
    *curve("net", "gaussian", [10, 20, 20, 20, 30]),  # 100
    *curve("net", "impulse", [5, 5, 10, 10, 30]),  # 60
    cell("net", "gaussian", 0, 4),
]


def test_a_case_worked_out_by_hand():
    found = results([*BASE, *NET])
    net = found["net", "frozen", "images"]
    gaussian, impulse = net.corruptions
    assert (gaussian.corruption, impulse.corruption) == ("gaussian", "impulse")
    assert gaussian.ce == 100 / 200
    assert impulse.ce == 60 / 150
    assert net.mce == pytest.approx((0.5 + 0.4) / 2)
    # Five times the clean errors, 4 and 10, are taken off each sum.
    assert gaussian.relative_ce == 80 / 150
    assert impulse.relative_ce == 40 / 100
    assert net.relative_mce == pytest.approx((80 / 150 + 0.4) / 2)
    assert (gaussian.error, gaussian.baseline_error) == (0.2, 0.4)
    assert net.clean_error == 0.04
    assert (net.reason, net.relative_reason) == ("", "")
    base = found["base", "frozen", "images"]
    assert (base.mce, base.relative_mce) == (1, 1)


WRONG = st.lists(st.integers(0, 100), min_size=5, max_size=5)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(WRONG, WRONG), min_size=2, max_size=2), st.integers(0, 100), st.integers(0, 100))
def test_the_published_formula_in_fractions(wrong, clean, base_clean):
    rows = [cell("net", "gaussian", 0, clean), cell("base", "gaussian", 0, base_clean)]
    for noise, (own, base) in zip(SIGMAS, wrong, strict=True):
        rows += curve("net", noise, own) + curve("base", noise, base)
    net = results(rows)["net", "frozen", "images"]
    ces, relatives = [], []
    for own, base in wrong:
        errors = [[Fraction(count, 100) for count in counts] for counts in (own, base)]
        ces.append(sum(errors[0]) / sum(errors[1]) if sum(errors[1]) else None)
        added = sum(error - Fraction(base_clean, 100) for error in errors[1])
        above = sum(error - Fraction(clean, 100) for error in errors[0])
        relatives.append(above / added if added > 0 else None)
    for value, expected, reason in (
        (net.mce, ces, net.reason),
        (net.relative_mce, relatives, net.relative_reason),
    ):
        if None in expected:
            assert value is None
            assert reason
        else:
            assert value == pytest.approx(float(sum(expected) / len(expected)))
            assert not reason


def test_a_baseline_without_errors_leaves_a_ratio_undefined():
    assert math.isnan(corruption_error([0.1, 0.2], [0, 0]))
    assert math.isnan(relative_corruption_error([0.1, 0.2], 0.1, [0.3, 0.3], 0.3))
    assert math.isnan(relative_corruption_error([0.1, 0.2], 0.1, [0.2, 0.2], 0.3))
    rows = [*curve("net", "gaussian", [1] * 5), *curve("base", "gaussian", [0] * 5)]
    net = results(rows)["net", "frozen", "images"]
    assert net.mce is None
    assert net.reason == "the baseline makes no error"


def test_missing_severities_are_named_and_make_the_mean_blank_but_not_the_other_corruption():
    rows = [
        row for row in [*BASE, *NET] if (row["model"], row["sigma"]) not in {("net", 0.03), ("net", 0.05)}
    ]
    net = results(rows)["net", "frozen", "images"]
    assert net.mce is None
    assert net.reason == "impulse: severities 3, 4 not measured"
    assert net.corruptions[0].ce == 0.5
    assert net.corruptions[1].error is None
    assert net.corruptions[1].baseline_error == 0.3
    # Fewer severities may be asked for.
    fewer = results(rows, severities=(1, 2, 5))["net", "frozen", "images"]
    assert fewer.mce == pytest.approx((60 / 110 + 40 / 90) / 2)


def test_a_corruption_that_only_the_baseline_has_makes_the_mean_blank_unless_it_is_left_out():
    rows = [row for row in [*BASE, *NET] if (row["model"], row["noise"]) != ("net", "impulse")]
    assert results(rows)["net", "frozen", "images"].mce is None
    assert results(rows, corruptions=["gaussian"])["net", "frozen", "images"].mce == 0.5
    with pytest.raises(LnbenchError, match=r"corruption 'impuls'.*'impulse'"):
        results(rows, corruptions=["impuls"])


def test_a_baseline_that_misses_a_severity_is_said_to_be_the_one():
    rows = [row for row in [*BASE, *NET] if (row["model"], row["sigma"]) != ("base", 0.06)]
    found = results(rows)
    assert found["net", "frozen", "images"].reason == "gaussian: the baseline: severity 2 not measured"
    assert found["base", "frozen", "images"].reason == "gaussian: severity 2 not measured"


def test_without_clean_errors_there_is_mce_but_no_relative_mce():
    for without, who in (("net", ""), ("base", "the baseline: ")):
        rows = [row for row in [*BASE, *NET] if (row["model"], row["sigma"]) != (without, 0)]
        net = results(rows)["net", "frozen", "images"]
        assert net.mce == pytest.approx(0.45)
        assert net.relative_mce is None
        assert net.relative_reason == f"{who}the clean error (sigma 0) was not measured"


def test_every_mode_has_its_own_row_and_the_baseline_one_mode():
    single = [row | {"mode": "single", "correct": 90, "cell": row["cell"] + "s"} for row in NET]
    found = results([*BASE, *NET, *single])
    assert found["net", "single", "images"].mce == pytest.approx((50 / 200 + 50 / 150) / 2)
    assert found["net", "frozen", "images"].mce == pytest.approx(0.45)
    other = results([*BASE, *NET, *single], baseline_mode="single")["net", "frozen", "images"]
    assert other.mce is None
    assert "not measured in mode single" in other.reason


def test_a_baseline_measured_in_several_ways_is_no_baseline():
    again = [row | {"batch_size": 8, "coupled": True, "cell": row["cell"] + "8"} for row in BASE]
    net = results([*BASE, *again, *NET])["net", "frozen", "images"]
    assert net.mce is None
    assert net.reason == "the baseline was measured in 2 ways (coupled, batch_size)"


def test_of_a_repeated_baseline_the_one_in_the_network_s_own_order_counts():
    coupled = {"coupled": True, "mode": "batch", "batch_size": 8, "order": "shuffled"}

    def repeat(rows, seed, more):
        return [
            row
            | coupled
            | {"order_seed": seed, "correct": row["correct"] - more, "cell": f"{row['cell']}{seed}"}
            for row in rows
        ]

    rows = [*repeat(BASE, 0, 0), *repeat(BASE, 1, 10), *repeat(NET, 1, 0)]
    net = results(rows, baseline_mode="batch")["net", "batch", "images"]
    assert net.mce == pytest.approx((100 / 250 + 60 / 200) / 2)
    assert net.relative_mce == pytest.approx((80 / 150 + 40 / 100) / 2)
    alone = results([*rows, *NET], baseline_mode="batch")["net", "frozen", "images"]
    assert alone.reason == "the baseline was measured in 2 ways (order_seed)"


def test_another_noise_seed_of_the_baseline_is_no_match():
    base = [row | {"noise_seed": 1, "cell": row["cell"] + "1"} for row in BASE]
    assert results([*base, *NET])["net", "frozen", "images"].mce is None
    assert results([*base, *BASE, *NET])["net", "frozen", "images"].mce == pytest.approx(0.45)


def test_sigmas_between_the_constants_and_rescaled_noise_do_not_count():
    more = [cell("net", "gaussian", 0.07, 99), cell("net", "agn", 0.04, 99)]
    more += [cell("net", "gaussian", 0.04, 99, rescale=True)]
    assert results([*BASE, *NET, *more])["net", "frozen", "images"].mce == pytest.approx(0.45)


def test_constants_say_which_sigma_is_which_severity():
    rows = [cell(model, "gaussian", 0.08, wrong) for model, wrong in (("base", 40), ("net", 10))]
    large = dict.fromkeys(SMALL, "imagenet-c")
    assert results(rows, constants=large, severities=[1])["net", "frozen", "images"].mce == 0.25
    assert results(rows, severities=[3])["net", "frozen", "images"].mce == 0.25
    assert results(rows, severities=[1])["net", "frozen", "images"].mce is None


READY = {"data": "corrupted:C", "checksum": "labels", "clip": False}


def ready(model, wrong, **other):
    return [cell(model, "corrupted-fog", float(s), w, **READY | other) for s, w in enumerate(wrong, 1)]


def test_ready_made_images_take_their_clean_error_from_the_one_clean_data_set_of_as_many_images():
    rows = [*ready("base", [20, 30, 40, 50, 60]), *ready("net", [10, 20, 20, 20, 30])]
    clean = [cell("base", "agn", 0, 10, clip=False), cell("net", "agn", 0, 4, clip=False)]
    net = results([*rows, *clean])["net", "frozen", "corrupted:C"]
    assert [one.corruption for one in net.corruptions] == ["fog"]
    assert net.mce == 0.5
    assert net.relative_mce == pytest.approx(80 / 150)

    fewer = [cell("net", "agn", 0, 4, images=99), clean[0]]
    assert "not measured" in results([*rows, *fewer])["net", "frozen", "corrupted:C"].relative_reason
    second = cell("net", "agn", 0, 4, data="others", checksum="d", clip=False)
    reason = results([*rows, *clean, second])["net", "frozen", "corrupted:C"].relative_reason
    assert reason == "there are several clean data sets (images, others)"


def test_one_severity_of_two_folders_is_told():
    rows = [*ready("base", [20, 30, 40, 50, 60]), *ready("net", [10, 20, 20, 20, 30])]
    rows += [cell("net", "corrupted-fog", 2.0, 1, **READY, train_seed=0) | {"cell": "again"}]
    net = results(rows)["net", "frozen", "corrupted:C"]
    assert net.mce is None
    assert net.reason == "a severity was measured on different images"


def test_noise_that_does_not_begin_clean_gives_no_clean_error():
    rows = [row for row in [*BASE, *NET] if row["sigma"]]
    rows += [cell(model, "agn-background", 0, 50) for model in SMALL]
    assert results(rows)["net", "frozen", "images"].relative_mce is None
