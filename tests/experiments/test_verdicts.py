"""Verdicts on small tables made by hand, against SciPy and NumPy."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from scipy import optimize, stats

from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.checks import (
    Allowed,
    Point,
    decide,
    exponential_residual,
    linear_residual,
    t_interval,
)
from robustbench_ln.experiments.evidence import Evidence, gather_evidence
from robustbench_ln.experiments.verdicts import judge, paper_values, summary
from robustbench_ln.models.parameters import count_parameters
from robustbench_ln.models.registry import build_network
from robustbench_ln.norms.registry import find_norm, resolve_options
from robustbench_ln.store.frame import tabulate
from robustbench_ln.store.store import Store

SETTINGS = """
title: Small
data: cifar10
network: resnet32
norms: {batchnorm: {}, switchnorm: {}, localnorm: {groups: 8}}
train: {epochs: 50, batch_size: 128, learning_rate: 0.1}
seeds: [0, 1, 2]
presets: {short: {shortens: 15 of 50 epochs, train: {epochs: 15}}}
"""
IMAGES = 10_000
OPTIONS = {"localnorm": {"groups": 8}}


class Measured:
    """The networks and cells of one benchmark, made by hand."""

    def __init__(self, folder, benchmark="small", preset="paper"):
        self.store, self.benchmark, self.preset = Store(folder), benchmark, preset
        self.settings = Benchmark.model_validate(yaml.safe_load(SETTINGS)).at(preset)
        self.models, self.rows, self.labels = {}, [], []

    def network(self, norm, seed=0, clean=0.9, options=None, how=None, history=None, scales=None):
        resolved = resolve_options(norm, {**OPTIONS.get(norm, {}), **(options or {})})
        groups = resolved.get("groups", "")
        name = f"{self.benchmark}-{norm}{groups}-s{seed}.recipe.weights"
        if name not in self.models:
            recipe = {
                "benchmark": self.benchmark,
                "network": "resnet32",
                "norm": norm,
                "norm_options": resolved,
                "seed": seed,
                "image_shape": [3, 32, 32],
                "classes": 10,
                "data": {"name": "cifar10", "checksum": "train", "limit": None},
                "train": self.settings.train.card(),
            }
            how = {"host": "here", "threads": 1, "device": "cpu", **(how or {})}
            card = {"schema": 1, "recipe": recipe, "test_accuracy": clean, "how": how}

            def write(folder):
                (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
                for file, table in (("history", history), ("scales", scales)):
                    if table is not None:
                        pd.DataFrame(table).to_csv(folder / f"{file}.csv", index=False)

            self.models[name] = self.store.publish_model(name, write)
        return self.models[name]

    def curve(self, norm, accuracies, noise="agn", reading="both", mode=None, options=None, **more):
        """Add cells: by sigma, the accuracy of seed 0 or those of several seeds, None for no cell."""
        for sigma, by_seed in accuracies.items():
            several = by_seed if isinstance(by_seed, list) else [by_seed]
            for seed, accuracy in enumerate(several):
                if accuracy is not None:
                    model = self.network(norm, seed, options=options)
                    self._cell(model, sigma, accuracy, noise, reading, mode, **more)
        return self

    def _cell(self, model, sigma, accuracy, noise, reading, mode, **more):
        small_sets, images = more.pop("small_sets", False), more.get("images", IMAGES)
        recipe = model.card["recipe"]
        correct = round(accuracy * images)
        row = {
            "cell": f"c{len(self.rows):04}-{self.benchmark}",
            "model": model.id,
            "benchmark": self.benchmark,
            "norm": recipe["norm"],
            "groups": recipe["norm_options"].get("groups"),
            "train_seed": recipe["seed"],
            "data": "cifar10",
            "checksum": "abcdef0123",
            "noise": noise,
            "clip": False,
            "rescale": False,
            "space": "pixel",
            "sigma": float(sigma),
            "noise_seed": 0,
            "mode": mode or find_norm(recipe["norm"]).home_mode,
            "coupled": False,
            "images": images,
            "correct": correct,
            "classes": 10,
            "predicted": [images // 10] * 10,
        } | more
        self.rows.append(row)
        kind = noise if noise == "low-contrast" else noise.partition("-")[0]
        text = f"{noise} rescaled" if row["rescale"] else noise
        self.labels.append(
            {"cell": row["cell"], "reading": reading, "kind": kind, "noise_text": text}
            | {"small_sets": small_sets}
        )

    def evidence(self):
        columns = ["cell", "reading", "kind", "noise_text", "small_sets"]
        cells = tabulate(self.rows).merge(pd.DataFrame(self.labels, columns=columns), on="cell")
        models = tuple(self.models.values())
        return Evidence(self.benchmark, self.preset, self.settings, self.store, models, cells, len(models))


@pytest.fixture
def small(tmp_path):
    return Measured(tmp_path)


def experiment(*claims, benchmarks=("small",), **more):
    declared = [
        {"id": f"c{place}", "text": "t", **yaml.safe_load(claim)} for place, claim in enumerate(claims)
    ]
    body = {"paper": "Fig 0", "title": "T", "figure": "curves", "benchmarks": list(benchmarks)}
    return Experiment.model_validate({**body, "claims": declared, **more})


def verdict(claim, *measured, **more):
    names = [each.benchmark for each in measured]
    (found,) = judge(experiment(claim, benchmarks=names, **more), [each.evidence() for each in measured])
    return found


def check(claim, *measured, **more):
    (found,) = verdict(claim, *measured, **more).checks
    return found


VALUE = "{rule: value, of: {norm: localnorm, noise: agn}, sigma: '1', paper: 70, tolerance: 2}"
ORDER = "{rule: ordering, above: {norm: localnorm, noise: agn}, below: {norm: batchnorm, noise: agn}, %s}"
CLEAN = {0: [0.9, 0.9, 0.9]}


# Intervals and ranges


@pytest.mark.parametrize("values", [[0.7, 0.72], [0.1, 0.5, 0.9], [0.3, 0.31, 0.35, 0.2, 0.9]])
def test_the_interval_over_seeds_is_scipy_s_t_interval(values):
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert t_interval(values) == pytest.approx(expected)


def test_one_seed_has_no_t_interval():
    assert t_interval([0.5]) is None


@pytest.mark.parametrize(
    ("intervals", "holds", "clear"),
    [
        ([(0.5, 0.4, 0.6)], True, True),
        ([(0.5, 0.1, 0.9)], True, False),
        ([(0.5, 0.4, 0.6), (0.5, 0.1, 0.9)], True, False),
        ([(0.1, 0.05, 0.15)], False, True),
        ([(0.1, -0.2, 0.4)], False, False),
        ([(0.1, 0.05, 0.15), (0.1, -0.2, 0.4)], False, True),
        ([(0.1, -1, 1.2)], False, False),
        ([(0.5, None, None)], True, None),
    ],
)
def test_a_decision_is_clear_where_no_interval_contradicts_it(intervals, holds, clear):
    points = [
        Point(place, value, low, high, 1 if low is None else 3, 10)
        for place, (value, low, high) in enumerate(intervals)
    ]
    decision = decide(points, Allowed(0.3, 0.8))
    assert (decision.holds, decision.clear) == (holds, clear)


# Values and bounds


def test_a_value_of_three_seeds_has_their_mean_and_t_interval(small):
    small.curve("localnorm", CLEAN | {1: [0.69, 0.71, 0.73]})
    found = check(VALUE, small)
    (point,) = found.points
    expected = stats.t.interval(0.95, 2, 0.71, stats.sem([0.69, 0.71, 0.73]))
    assert found.holds is True
    assert (point.sigma, point.seeds, point.images) == (1, 3, IMAGES)
    assert (point.value, point.low, point.high) == pytest.approx((0.71, *expected))
    assert found.clear is False
    for part in ("localnorm (batch): 71.00 % at sigma 1", "from 3 seeds", "10,000 test images", "t interval"):
        assert part in found.measured
    assert (found.benchmark, found.preset, found.data, found.noise) == ("small", "paper", "cifar10", "agn")


def test_a_value_of_one_seed_has_wilson_s_interval_and_says_so(small):
    small.curve("localnorm", {0: 0.9, 1: 0.75})
    found = check(VALUE, small)
    (point,) = found.points
    interval = stats.binomtest(7500, IMAGES).proportion_ci(method="wilson")
    assert (point.low, point.high) == pytest.approx((interval.low, interval.high))
    assert found.holds is False and found.clear is None
    assert "from one seed" in found.measured and "Wilson" in found.measured
    assert found.reason == "not 70 % within 2 points at sigma 1"


@pytest.mark.parametrize(
    ("accuracy", "holds"), [(0.72, True), (0.68, True), (0.7201, False), (0.6799, False)]
)
def test_the_ends_of_a_tolerance_belong_to_it(small, accuracy, holds):
    assert check(VALUE, small.curve("localnorm", {0: 0.9, 1: accuracy})).holds is holds


def test_an_interval_of_an_accuracy_stays_within_0_and_1(small):
    small.curve("localnorm", {0: [1.0, 0.99], 1: [1.0, 0.98]})
    assert check(VALUE, small).points[0].high == 1


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ("least: 74", "does not hold"),
        ("least: 60", "holds"),
        ("most: 80", "does not hold"),
        ("most: 90", "holds"),
        ("least: 60, most: 90", "holds"),
    ],
)
def test_a_bound_holds_at_every_measured_sigma(small, limits, outcome):
    small.curve("localnorm", {0: 0.9, 1: 0.8, 2: 0.6})
    found = verdict(f"{{rule: bound, of: {{norm: localnorm, noise: agn}}, {limits}}}", small)
    assert found.outcome == outcome
    assert [point.sigma for point in found.checks[0].points] == [0, 1, 2]


def test_a_bound_names_the_worst_sigma_and_those_where_it_fails(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7, 2: 0.6, 3: 0.8})
    found = check("{rule: bound, of: {norm: localnorm, noise: agn}, least: 74}", small)
    assert "60.00 % at sigma 2, the worst of 4 sigmas" in found.measured
    assert found.reason == "not at least 74 % at sigma 1, 2"


# Sigmas


def test_listed_sigmas_that_were_measured_count_and_others_are_named(small):
    small.curve("localnorm", {0: 0.9, 1: 0.8, 5: 0.1})
    found = check("{rule: bound, of: {norm: localnorm, noise: agn}, sigma: '1,1.5,2', least: 74}", small)
    assert found.holds is True
    assert "not measured: sigma 1.5, 2" in found.measured


def test_a_thin_grid_without_a_listed_sigma_decides_nothing_and_names_the_nearest(small):
    small.curve("localnorm", {0: 0.9, 0.8: 0.8, 2.5: 0.3, 5: 0.1})
    found = verdict("{rule: bound, of: {norm: localnorm, noise: agn}, sigma: '1,2', least: 74}", small)
    assert found.outcome == "no verdict"
    assert found.checks[0].holds is None
    assert found.reason == "none of sigma 1, 2 was measured; the nearest measured: 0.8, 2.5"


# Comparisons


@pytest.mark.parametrize(
    ("margin", "above", "holds"),
    [
        (5, 0.65, True),
        (5, 0.6499, False),
        (0, 0.6001, True),
        (0, 0.6, False),  # a tie is not above
        (-5, 0.55, True),
        (-5, 0.5499, False),
    ],
)
def test_an_ordering_holds_from_its_margin_on(small, margin, above, holds):
    small.curve("localnorm", {0: 0.9, 1: above}).curve("batchnorm", {0: 0.9, 1: 0.6})
    assert check(ORDER % f"sigma: '1', margin: {margin}", small).holds is holds


def test_an_ordering_is_paired_by_seed_and_fails_at_its_worst_sigma(small):
    ours, theirs = [0.80, 0.70, 0.75], [0.70, 0.61, 0.63]
    small.curve("localnorm", CLEAN | {1: ours, 2: [0.5, 0.5, 0.5]})
    small.curve("batchnorm", CLEAN | {1: theirs, 2: [0.5, 0.52, 0.51]})
    found = check(ORDER % "sigma: '1,2'", small)
    differences = np.subtract(ours, theirs)
    expected = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    first = found.points[0]
    assert (first.value, first.low, first.high) == pytest.approx((differences.mean(), *expected))
    assert found.holds is False
    assert "-1.00 points (50.00 % against 51.00 %) at sigma 2, the worst of 2 sigmas" in found.measured
    assert found.reason == "not above at sigma 2"
    assert check(ORDER % "sigma: '1'", small).clear is True


def test_a_difference_within_the_interval_is_not_clear(small):
    small.curve("localnorm", CLEAN | {1: [0.5, 0.6, 0.7]}).curve("batchnorm", CLEAN | {1: [0.6, 0.5, 0.65]})
    found = check(ORDER % "sigma: '1'", small)
    assert (found.holds, found.clear) == (True, False)
    assert "within the interval, so chance may decide" in found.measured


def test_only_seeds_that_both_curves_have_are_compared(small):
    small.curve("localnorm", CLEAN | {1: [0.8, 0.1, 0.1]}).curve("batchnorm", {0: 0.9, 1: 0.7})
    found = check(ORDER % "sigma: '1'", small)
    (point,) = found.points
    assert found.holds is True
    assert (point.seeds, point.low) == (1, None)
    assert point.value == pytest.approx(0.1)
    assert "from one seed" in found.measured


def test_a_seed_that_lacks_a_sigma_on_one_side_counts_on_neither_there(small):
    small.curve("localnorm", CLEAN | {1: [0.8, 0.1]}).curve("batchnorm", CLEAN | {1: [0.7, None]})
    (point,) = check(ORDER % "sigma: '1'", small).points
    assert (point.value, point.seeds) == (pytest.approx(0.1), 1)


def test_without_a_seed_or_a_sigma_in_common_nothing_is_decided(small):
    small.curve("localnorm", {0: 0.9, 1: 0.8}).curve("batchnorm", {0: [None, 0.9], 1: [None, 0.7]})
    assert check(ORDER % "sigma: '1'", small).reason == "no training seed was measured on all sides"


def test_a_side_that_was_not_measured_decides_nothing(small):
    small.curve("localnorm", {0: 0.9, 1: 0.8})
    found = verdict(ORDER % "sigma: '1'", small)
    assert found.outcome == "no verdict"
    assert found.reason == "batchnorm (frozen) of small was not measured on cifar10 under agn"


def test_benchmarks_can_be_compared(tmp_path):
    plain, noisy = Measured(tmp_path, "plain"), Measured(tmp_path, "noisy")
    plain.curve("batchnorm", {0: 0.9, 1: 0.3})
    noisy.curve("batchnorm", {0: 0.9, 1: 0.5})
    claim = (
        "{rule: ordering, above: {norm: batchnorm, noise: agn, benchmark: noisy}, "
        "below: {norm: batchnorm, noise: agn, benchmark: plain}, sigma: 1, margin: 5}"
    )
    found = check(claim, plain, noisy)
    assert found.holds is True
    assert found.benchmark == "noisy and plain"
    short = Measured(tmp_path, "noisy", "short").curve("batchnorm", {0: 0.9, 1: 0.5})
    found = check(claim, plain, short)
    assert found.holds is None
    assert found.reason.startswith("the networks were trained by different presets: paper, short")


def test_modes_and_small_sets_are_other_curves(small):
    small.curve("batchnorm", {0: 0.9, 1: 0.2})
    small.curve("batchnorm", {0: 0.8, 1: 0.4}, mode="batch")
    small.curve("batchnorm", {0: 0.7, 1: 0.6}, mode="batch", small_sets=True)
    for of, accuracy in (("", 0.2), (", mode: batch", 0.4), (", mode: batch, small_sets: true", 0.6)):
        claim = f"{{rule: bound, of: {{norm: batchnorm, noise: agn{of}}}, sigma: 1, least: 0}}"
        assert check(claim, small).points[0].value == accuracy


@pytest.mark.parametrize(("least", "most", "holds"), [(1.6, 2.5, True), (2, None, False), (1, 1.8, False)])
def test_a_ratio_is_that_of_the_mean_accuracies(small, least, most, holds):
    ours, theirs = [0.4, 0.38, 0.44], [0.2, 0.22, 0.22]
    small.curve("localnorm", CLEAN | {1: ours}).curve("switchnorm", CLEAN | {1: theirs})
    most = "" if most is None else f", most: {most}"
    claim = (
        "{rule: ratio, of: {norm: localnorm, noise: agn}, to: {norm: switchnorm, noise: agn}, "
        f"sigma: 1, least: {least}{most}}}"
    )
    found = check(claim, small)
    (point,) = found.points
    ratio = np.mean(ours) / np.mean(theirs)
    error = stats.sem(np.subtract(ours, np.multiply(ratio, theirs))) / np.mean(theirs)
    assert found.holds is holds
    assert (point.value, point.low, point.high) == pytest.approx(
        (ratio, *stats.t.interval(0.95, 2, ratio, error))
    )
    assert f"{ratio:.3f} (40.67 % against 21.33 %)" in found.measured


def test_there_is_no_ratio_to_an_accuracy_of_0(small):
    small.curve("localnorm", {0: 0.9, 1: 0.4}).curve("batchnorm", {0: 0.9, 1: 0.0})
    sides = "of: {norm: localnorm, noise: agn}, to: {norm: batchnorm, noise: agn}"
    claim = f"{{rule: ratio, {sides}, sigma: 1, least: 2}}"
    assert check(claim, small).holds is None


# Readings, clean images, presets


@pytest.mark.parametrize(
    ("text", "code", "outcome"),
    [
        (0.7, 0.71, "holds"),
        (0.7, 0.5, "holds in part"),
        (0.4, 0.5, "does not hold"),
        (None, None, "not run here"),
    ],
)
def test_readings_are_checked_apart(small, text, code, outcome):
    small.curve("localnorm", {0: 0.9, 1: text}, reading="text")
    small.curve("localnorm", {0: 0.9, 1: code}, noise="agn-uniform", reading="code", rescale=True)
    if text is None:
        small.rows.clear(), small.labels.clear()
    found = verdict(VALUE, small)
    assert found.outcome == outcome
    known = {(each.noise, each.reading) for each in found.checks}
    assert known == (set() if text is None else {("agn", "text"), ("agn-uniform rescaled", "code")})
    if outcome == "holds in part":
        assert found.reason == "small under agn-uniform rescaled: not 70 % within 2 points at sigma 1"


def test_a_decided_reading_decides_where_the_other_is_not(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7}, reading="text")
    small.curve("localnorm", {0: 0.9, 2: 0.7}, noise="agn-uniform", reading="code")
    found = verdict(VALUE, small)
    assert found.outcome == "holds"
    assert "none of sigma 1 was measured" in found.reason


def test_clean_images_count_once_whatever_the_noise(small):
    small.curve("localnorm", {0: [0.90, 0.92]}).curve("localnorm", {0: [0.90, 0.92]}, noise="apn")
    small.curve("localnorm", {0: [0.1, 0.1]}, noise="agn-background")
    small.curve("localnorm", {0: [0.5, 0.5]}, rescale=True)
    found = check("{rule: value, of: {norm: localnorm}, paper: 91}", small)
    (point,) = found.points
    assert (found.noise, found.reading) == ("", "both")
    assert (point.value, point.seeds) == (pytest.approx(0.91), 2)


def test_the_cell_with_most_images_counts(small):
    small.curve("localnorm", {0: 0.9, 1: 0.2}, images=100, limit=100).curve("localnorm", {1: 0.7})
    (point,) = check(VALUE, small).points
    assert (point.value, point.images) == (0.7, IMAGES)


def test_two_data_sets_of_a_name_are_two_checks(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7}).curve("localnorm", {0: 0.9, 1: 0.1}, checksum="ffffff9876")
    found = verdict(VALUE, small)
    assert found.outcome == "holds in part"
    assert {each.data for each in found.checks} == {"cifar10 (abcdef)", "cifar10 (ffffff)"}


def test_low_contrast_is_a_kind_of_its_own(small):
    small.curve("localnorm", {0: 0.9, 0.8: 0.7}, noise="low-contrast")
    claim = "{rule: bound, of: {norm: localnorm, noise: low-contrast}, sigma: 0.8, least: 60}"
    assert check(claim, small).holds is True


def test_a_network_that_learned_too_little_decides_nothing(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7}).curve("batchnorm", {0: [0.3, 0.5], 1: [0.1, 0.1]})
    found = check(ORDER % "sigma: '1'", small)
    assert found.holds is None
    assert found.reason.startswith("batchnorm of small has 40.00 % on clean images, below the 50 %")
    assert check(ORDER % "sigma: '1'", small, minimum_clean=0.4).holds is True


@pytest.mark.parametrize(
    ("clean", "reason"), [(0.2, "localnorm of small has 20.00 % on clean images"), (None, "is not known")]
)
def test_without_clean_cells_the_last_epoch_s_accuracy_counts(small, clean, reason):
    small.network("localnorm", clean=clean)
    assert reason in check(VALUE, small.curve("localnorm", {1: 0.7})).reason


def test_a_shortened_training_is_named(tmp_path):
    short = Measured(tmp_path, preset="short").curve("localnorm", {0: 0.9, 1: 0.7})
    found = check(VALUE, short)
    assert found.preset == "short"
    assert found.measured.endswith("; preset short")
    short = Measured(tmp_path, preset="short").curve("localnorm", {0: 0.1, 1: 0.7})
    assert check(VALUE, short).reason.endswith("; preset short")


def test_a_norm_without_its_options_is_no_one_curve(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7}).curve("localnorm", {0: 0.9, 1: 0.7}, options={"groups": 4})
    assert "2 different options" in check(VALUE, small).reason
    assert check(VALUE.replace("localnorm", "'localnorm:groups=4'"), small).holds is True


def test_what_was_not_run_is_said(tmp_path):
    here, other = Measured(tmp_path, "here"), Measured(tmp_path, "other")
    here.curve("batchnorm", {0: 0.9, 1: 0.7})
    found = verdict(VALUE, here, other)
    assert found.outcome == "not run here"
    assert "here has no network that the claim is about" in found.reason
    assert "other has no network" in found.reason
    assert found.checks == ()


# Slopes

SIGMAS = np.arange(0, 1, 0.05)


@pytest.mark.parametrize("seed", range(3))
def test_the_fits_are_those_of_numpy_and_scipy(seed):
    random = np.random.default_rng(seed)
    share = 0.8 * np.exp(-3 * SIGMAS) + random.normal(0, 0.02, len(SIGMAS))
    line = np.polyval(np.polyfit(SIGMAS, share, 1), SIGMAS)
    assert linear_residual(SIGMAS, share) == pytest.approx(np.sqrt(np.mean((share - line) ** 2)))

    def decay(sigma, start, rate):
        return start * np.exp(-rate * sigma)

    fitted, _ = optimize.curve_fit(decay, SIGMAS, share, p0=(0.8, 3))
    expected = np.sqrt(np.mean((share - decay(SIGMAS, *fitted)) ** 2))
    assert exponential_residual(SIGMAS, share) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rate", [0.05, 1, 8, 60])
def test_a_decay_is_fitted_exactly_at_any_rate(rate):
    assert exponential_residual(SIGMAS, 0.7 * np.exp(-rate * SIGMAS)) < 1e-6


@pytest.mark.parametrize("form", ["linear", "exponential"])
def test_a_slope_is_the_form_that_fits_better(small, form):
    falls = {"linear": 0.1 + 0.8 * (1 - SIGMAS), "exponential": 0.1 + 0.8 * np.exp(-4 * SIGMAS)}
    small.curve("batchnorm", dict(zip(SIGMAS, falls[form], strict=True)), noise="mbn")
    claim = "{rule: slope, of: {norm: batchnorm, noise: mbn}, form: %s}"
    assert check(claim % form, small).holds is True
    (other,) = {"linear", "exponential"} - {form}
    failed = check(claim % other, small)
    assert failed.holds is False
    assert failed.reason == f"the {form} fit is the closer one"
    assert "from one seed" in failed.measured


def test_a_slope_needs_four_sigmas_and_a_fall(small, tmp_path):
    claim = "{rule: slope, of: {norm: batchnorm, noise: mbn}, form: linear}"
    small.curve("batchnorm", {0: 0.9, 0.5: 0.5, 1: 0.1}, noise="mbn")
    assert "a fit needs 4" in check(claim, small).reason
    flat = Measured(tmp_path / "flat").curve("batchnorm", dict.fromkeys(range(6), 0.9), noise="mbn")
    assert "equally well" in check(claim, flat).reason


# Collapse


@pytest.mark.parametrize(
    ("measure", "limit", "holds"),
    [
        ("entropy_share", "most: 0.6", True),
        ("entropy_share", "least: 0.9", False),
        ("top_share", "least: 0.7", True),
        ("top_share", "most: 0.5", False),
    ],
)
def test_collapse_is_the_mean_share_over_seeds(small, measure, limit, holds):
    predicted = [[6000, 4000] + [0] * 8, [8000, 2000] + [0] * 8]
    small.curve("batchnorm", {0: [0.9, 0.9]})
    small.curve("batchnorm", {4: 0.1}, predicted=predicted[0])
    small.curve("batchnorm", {4: [None, 0.1]}, predicted=predicted[1])
    shares = {
        "entropy_share": [stats.entropy(counts, base=10) for counts in predicted],
        "top_share": [0.6, 0.8],
    }[measure]
    claim = f"{{rule: collapse, of: {{norm: batchnorm, noise: agn}}, sigma: 4, measure: {measure}, {limit}}}"
    found = check(claim, small)
    assert found.holds is holds
    assert found.points[0].value == pytest.approx(np.mean(shares))
    assert found.points[0].seeds == 2


# The best number of groups

BEST = "{rule: best, noise: agn, sigma: '0.5,1', groups: [4, 8]}"


def grouped(measured, curves):
    for groups, accuracies in curves.items():
        measured.curve("localnorm", accuracies, options={"groups": groups})
    return measured


@pytest.mark.parametrize(
    ("at_one", "outcome"),
    [
        ({2: 0.5, 4: 0.6, 8: 0.55, 16: 0.4}, "holds"),
        ({2: 0.5, 4: 0.5, 8: 0.6, 16: 0.4}, "holds"),
        ({2: 0.7, 4: 0.6, 8: 0.55, 16: 0.4}, "does not hold"),
        ({2: 0.6, 4: 0.6, 8: 0.55, 16: 0.4}, "does not hold"),  # a tie
    ],
)
def test_the_best_number_of_groups_is_best_at_every_sigma(small, at_one, outcome):
    halves = {2: 0.7, 4: 0.8, 8: 0.79, 16: 0.6}
    grouped(small, {groups: {0: 0.9, 0.5: halves[groups], 1: at_one[groups]} for groups in at_one})
    found = verdict(BEST, small)
    assert found.outcome == outcome
    leads = [max(at[4], at[8]) - max(at[2], at[16]) for at in (halves, at_one)]
    assert [point.value for point in found.checks[0].points] == pytest.approx(leads)


def test_the_lead_of_the_best_is_paired_by_seed(small):
    ours, theirs = [0.6, 0.65, 0.7], [0.5, 0.53, 0.61]
    grouped(small, {2: CLEAN | {1: theirs}, 8: CLEAN | {1: ours}, 16: CLEAN | {1: [0.3, 0.3, 0.3]}})
    (point,) = check(BEST, small).points
    difference = np.subtract(ours, theirs)
    expected = stats.t.interval(0.95, 2, difference.mean(), stats.sem(difference))
    assert (point.value, point.low, point.high) == pytest.approx((difference.mean(), *expected))


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((4, 8), "numbers of groups measured: 2; a best one needs 3"),
        ((1, 2, 16), "none of the claim's number of groups was measured"),
    ],
)
def test_too_few_numbers_of_groups_decide_nothing(small, numbers, reason):
    assert check(BEST, grouped(small, {groups: {0: 0.9, 1: 0.5} for groups in numbers})).reason == reason


def test_a_number_of_groups_that_learned_too_little_is_left_out(small):
    grouped(small, {2: {0: 0.9, 1: 0.4}, 4: {0: 0.9, 1: 0.6}, 8: {0: 0.9, 1: 0.5}, 16: {0: 0.3, 1: 0.9}})
    found = check(BEST, small)
    assert found.holds is True
    assert "left out: localnorm of small has 30.00 %" in found.measured


# Networks


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


TIME = "{rule: training-time, benchmark: small, of: localnorm, to: batchnorm, paper: 1.15, most: 1.2}"


def history(seconds, loading=None):
    table = {"epoch": list(range(1, len(seconds) + 1)), "seconds": seconds}
    return table | ({} if loading is None else {"loading_seconds": [loading] * len(seconds)})


@pytest.mark.parametrize(("slow", "holds"), [(12.0, True), (13.0, False)])
def test_training_time_compares_medians_after_the_first_epoch(small, slow, holds):
    small.network("localnorm", history=history([99, slow + 2, slow + 2, 80], 2))
    small.network("batchnorm", history=history([50, 11, 12, 13], 2))
    found = check(TIME, small)
    assert found.holds is holds
    assert f"{slow / 10:.3f} ({slow:.1f} over 10.0 s an epoch" in found.measured
    assert "without preparing batches" in found.measured


def test_older_histories_without_loading_count_all_seconds(small):
    small.network("localnorm", history=history([9, 11, 11], 5))
    small.network("batchnorm", history=history([9, 10, 10]))
    found = check(TIME, small)
    assert found.holds is True
    assert "1.100" in found.measured and "preparing batches included" in found.measured


@pytest.mark.parametrize("other", [{"host": "there"}, {"device": "cuda"}, {"threads": 2}])
def test_times_of_different_machines_are_not_compared(small, other):
    small.network("localnorm", history=history([9, 11, 11]))
    small.network("batchnorm", how=other, history=history([9, 10, 10]))
    assert check(TIME, small).reason.startswith("no machine")


def test_times_need_a_second_epoch_and_a_history(small):
    small.network("localnorm", history=history([9]))
    small.network("batchnorm", history=history([9, 10, 10]))
    assert "one epoch" in check(TIME, small).reason
    small.network("localnorm", seed=1)
    assert "history.csv of small-localnorm8-s1.recipe.weights is not there" in check(TIME, small).reason


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


# All of an experiment


def test_the_summary_counts_every_outcome(small):
    small.curve("localnorm", {0: 0.9, 1: 0.7})
    claims = (VALUE, VALUE.replace("70", "50"), VALUE.replace("'1'", "'3'"), VALUE.replace("agn", "apn"))
    verdicts = judge(experiment(*claims), [small.evidence()])
    assert [each.claim.id for each in verdicts] == ["c0", "c1", "c2", "c3"]
    assert summary(verdicts) == {
        "holds": 1,
        "holds in part": 0,
        "does not hold": 1,
        "no verdict": 1,
        "not run here": 1,
    }


def test_numbers_of_the_paper_are_listed():
    found = paper_values(
        experiment(
            VALUE,
            "{rule: value, of: {norm: batchnorm, benchmark: small}, paper: 91.74}",
            "{rule: bound, of: {norm: batchnorm}, least: 3}",
            "{rule: parameters, benchmark: small, norm: batchnorm, paper: 470218}",
            TIME,
        )
    )
    assert [(row["claim"], row["norm"], row["mode"], row["noise"], row["sigma"]) for row in found] == [
        ("c0", "localnorm", "batch", "agn", 1.0),
        ("c1", "batchnorm", "frozen", None, 0.0),
        ("c3", "batchnorm", None, None, None),
        ("c4", "localnorm", None, None, None),
    ]
    assert [(row["paper"], row["unit"]) for row in found] == [
        (70, "percent"),
        (91.74, "percent"),
        (470218, "parameters"),
        (1.15, "times"),
    ]
    assert found[3]["to"] == "batchnorm"


@pytest.mark.parametrize(
    "claim",
    [
        "{rule: value, of: {norm: localnorm}, sigma: 1, paper: 70}",
        "{rule: bound, of: {norm: localnorm, noise: agn}}",
        "{rule: bound, of: {norm: localnorm, noise: agn}, least: 5, most: 4}",
        "{rule: collapse, of: {norm: localnorm, noise: agn}, sigma: 1, measure: top_share}",
        "{rule: ordering, above: {norm: localnorm, noise: agn}, below: {norm: batchnorm, noise: apn}}",
        "{rule: ratio, of: {norm: localnorm, noise: agn}, to: {norm: batchnorm}, least: 1}",
        "{rule: ratio, of: {norm: localnorm}, to: {norm: batchnorm}, least: 2, most: 1}",
    ],
)
def test_a_claim_that_means_nothing_is_refused(claim):
    with pytest.raises(ValidationError, match=r"least|same noise|sigma 0"):
        experiment(claim)


def test_gathered_evidence_is_judged(tmp_path):
    path = tmp_path / "benchmarks.yaml"
    body = {
        "benchmarks": {"small": yaml.safe_load(SETTINGS)},
        "experiments": {
            "fig0": {
                "paper": "Fig 0",
                "title": "T",
                "figure": "curves",
                "benchmarks": ["small"],
                "sweeps": [
                    {"noise": "agn", "sigma": "0,1", "reading": "text"},
                    {"noise": "apn", "sigma": "0,1", "reading": "text"},
                ],
                "claims": [{"id": "value", "text": "t", **yaml.safe_load(VALUE)}],
            }
        },
    }
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    declared = load_declared(path)
    item = declared.experiment("fig0")
    (nothing,) = judge(item, gather_evidence(declared, item, Store(tmp_path), tabulate([])))
    assert nothing.outcome == "not run here"
    measured = (
        Measured(tmp_path).curve("localnorm", {0: 0.9, 1: 0.7}).curve("localnorm", {0: 0.9}, noise="apn")
    )
    (found,) = judge(item, gather_evidence(declared, item, measured.store, tabulate(measured.rows)))
    assert found.outcome == "holds"
    assert [(each.noise, each.reading) for each in found.checks] == [("agn", "text")]


def test_judging_does_not_need_torch_to_be_imported():
    code = "import sys, robustbench_ln.experiments.verdicts; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
