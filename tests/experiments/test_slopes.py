"""Slopes and collapse on curves made by hand, against NumPy and SciPy."""

import numpy as np
import pytest
from scipy import optimize, stats

from robustbench_ln.experiments.checks import (
    exponential_residual,
    linear_residual,
)
from tests.experiments.measured import Measured, check

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
