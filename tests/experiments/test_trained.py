"""Claims about networks as trained: parameters, seconds, spread of gamma and beta."""

import math
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from robustbench_ln.models.parameters import count_parameters
from robustbench_ln.models.registry import build_network
from robustbench_ln.store.logs import HISTORY, read_log
from robustbench_ln.training.state import Epoch
from tests.experiments.measured import OPTIONS, TIME, check, verdict


@pytest.mark.parametrize("norm", ["batchnorm", "switchnorm", "localnorm"])
def test_parameters_are_counted_on_a_network_of_the_declaration(small, norm):
    network = build_network(
        "resnet32", image_shape=(3, 32, 32), num_classes=10, norm=norm, norm_options=OPTIONS.get(norm)
    )
    total = count_parameters(network).total
    claim = f"{{rule: parameters, benchmark: small, norm: {norm}, paper: {total}}}"
    found = verdict(claim, small)
    assert found.outcome == "holds"
    assert found.checks[0].measured == f"resnet32 with {norm}: {total:,} parameters"


def test_parameters_that_differ_do_not_hold(small):
    found = verdict("{rule: parameters, benchmark: small, norm: batchnorm, paper: 470000}", small)
    assert found.outcome == "does not hold"
    assert found.checks[0].measured.endswith("470,218 parameters, 218 more than the paper's 470,000")


def history(seconds, loading=0, load=1.0):
    rest = dict.fromkeys(("learning_rate", "loss", "train_accuracy", "test_accuracy"), 0.5)
    epochs = {"epoch": list(range(1, len(seconds) + 1)), "seconds": seconds}
    return pd.DataFrame(epochs | {"loading_seconds": [loading] * len(seconds)}).assign(load=load, **rest)


def test_training_that_is_faster_than_the_claim_does_not_hold_either(small):
    small.network("localnorm", history=history([9, 10, 10]))
    small.network("batchnorm", history=history([9, 10, 10]))
    assert check(TIME, small).reason == "1.000 is not 1.1 to 1.2"


def test_a_history_is_what_a_training_writes():
    assert [field.name for field in fields(Epoch)] == list(HISTORY)


@pytest.mark.parametrize(("slow", "holds"), [(12.0, True), (13.0, False)])
def test_training_time_compares_medians_after_the_first_epoch(small, slow, holds):
    small.network("localnorm", history=history([99, slow + 2, slow + 2, 80], 2))
    small.network("batchnorm", history=history([50, 11, 12, 13], 2))
    found = check(TIME, small)
    assert found.holds is holds
    assert f"{slow / 10:.3f} ({slow:.1f} over 10.0 s an epoch" in found.measured
    assert "without preparing batches" in found.measured


@pytest.mark.parametrize("other", [{"host": "there"}, {"device": "cuda"}, {"threads": 2}])
def test_times_of_different_machines_are_not_compared(small, other):
    small.network("localnorm", history=history([9, 11, 11]))
    small.network("batchnorm", how=other, history=history([9, 10, 10]))
    assert check(TIME, small).reason.startswith("no machine")


@pytest.mark.parametrize(
    ("loads", "reason"),
    [
        ((1.0, 2.0), "no machine"),
        ((1.2, 0.9), ""),
        ((4.3, 3.8), "the machine had 4 threads to run on 2 cores"),
        ((math.nan, math.nan), "how busy the machine was is not on record"),
    ],
)
def test_times_count_where_the_machine_was_as_busy_and_no_more_than_it_has_cores(small, loads, reason):
    for norm, seconds, load in zip(("localnorm", "batchnorm"), (11.5, 10), loads, strict=True):
        small.network(norm, history=history([9, seconds, seconds], load=load))
    found = check(TIME, small)
    assert found.reason.startswith(reason)
    assert (found.holds is True) == (not reason)


def test_times_without_the_machine_s_cores_do_not_count(small):
    for norm in ("localnorm", "batchnorm"):
        small.network(norm, how={"cores": None}, history=history([9, 10, 10]))
    assert check(TIME, small).reason == "how busy the machine was is not on record"


def test_a_history_of_before_loads_were_kept_is_read(small):
    small.network("localnorm", history=history([9, 10]).drop(columns="load"))
    (model,) = small.models.values()
    assert read_log(small.store, model.id, "history")["load"].isna().all()


def test_times_need_a_second_epoch_and_a_history(small):
    small.network("localnorm", history=history([9]))
    small.network("batchnorm", history=history([9, 10, 10]))
    assert "one epoch" in check(TIME, small).reason
    small.network("localnorm", seed=1)
    assert "history.csv of small-localnorm8-s1.paper.weights is not there" in check(TIME, small).reason


def test_times_of_an_untrained_norm_are_not_run(small):
    small.network("localnorm", history=history([9, 11, 11]))
    assert verdict(TIME, small).outcome == "not run here"


SPREAD = "{rule: spread, benchmark: small, norm: localnorm, parameter: gamma, least: 0.01}"


def scales(first, last):
    rows = [
        (epoch, group, mean) for epoch, means in ((1, first), (2, last)) for group, mean in enumerate(means)
    ]
    table = pd.DataFrame(rows, columns=["epoch", "group", "gamma_mean"])
    return table.assign(gamma_var=0.1, beta_mean=0.0, beta_var=0.1)


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        ([1.0, 1.001], [0.9, 1.1], True),
        ([1.0, 1.001], [1.0, 1.002], False),  # less than asked for
        ([0.8, 1.2], [0.9, 1.1], False),  # less than at first
    ],
)
def test_a_spread_is_the_deviation_between_groups_at_the_end(small, first, last, holds):
    small.network("localnorm", scales=scales(first, last))
    found = check(SPREAD, small)
    assert found.holds is holds
    assert f"{np.std(last):.5f} after the last epoch, {np.std(first):.5f} after the first" in found.measured


def test_a_spread_is_averaged_over_seeds(small):
    ends = [[0.9, 1.1], [0.8, 1.2]]
    for seed, last in enumerate(ends):
        small.network("localnorm", seed, scales=scales([1, 1], last))
    assert f"deviation {np.mean([np.std(end) for end in ends]):.5f} (" in check(SPREAD, small).measured


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"scales": scales([1], [1])}, "a norm of one group"),
        ({"scales": scales([1, 2], [])}, "a training of one epoch"),
        ({}, "scales.csv of"),
        ({"scales": scales([1, 1], [0.9, 1.1]), "clean": 0.1}, "localnorm of small has 10.00 % on clean"),
    ],
)
def test_a_spread_that_cannot_be_told_decides_nothing(small, more, reason):
    small.network("localnorm", **more)
    assert check(SPREAD, small).reason.startswith(reason)
