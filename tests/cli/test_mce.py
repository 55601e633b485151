"""`lnbench mce` says how many seeds stand behind its numbers."""

from __future__ import annotations

import json
from itertools import product

import pytest

from robustbench_ln.noise.severity import severity_sigmas
from tests.comparison.measured import Measured, first


@pytest.fixture
def mce(lnbench_here, tmp_path):
    """Measure two networks under two noises at all severities, for some seeds; print what comes of it."""

    def run(train_seeds, noise_seeds):
        made = Measured(tmp_path)
        strengths = [
            (noise, sigma)
            for noise in ("gaussian", "impulse")
            for sigma in severity_sigmas(noise, [1, 2, 3, 4, 5], "cifar-c")
        ]
        for (norm, seeds), (noise, sigma), train_seed in product(noise_seeds.items(), strengths, train_seeds):
            for seed in seeds:
                mode = "frozen" if norm == "batchnorm" else "single"
                made.cell(first(40), norm, mode, sigma, noise=noise, seed=train_seed, noise_seed=seed)
        line = ("mce", "--baseline", "toy-batchnorm-s0", "--constants", "cifar-c")
        done = [lnbench_here(*line, *more, cwd=tmp_path) for more in ((), ("--json",))]
        assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 2
        return done[0].stdout, json.loads(done[1].stdout)["rows"]

    return run


def test_one_seed_is_said(mce):
    out, rows = mce([0], {"batchnorm": [0], "localnorm": [0]})
    assert "n = 1 training seed, n = 1 noise seed: how much another would change is not known." in out
    assert [(row["train_seeds"], row["noise_seeds"]) for row in rows] == [(1, 1)] * 2


def test_several_seeds_are_counted_and_rows_of_one_each(mce):
    out, rows = mce([0, 1], {"batchnorm": [0, 1, 2], "localnorm": [0]})
    assert "n = 2 training seeds, n = 1 to 3 noise seeds: each row is of one of each." in out
    assert len([line for line in out.splitlines() if line.startswith("toy-batchnorm")]) == 2 * 3
    told = {(row["way"]["norm"], row["train_seeds"], row["noise_seeds"]) for row in rows}
    assert told == {("batchnorm", 2, 3), ("localnorm", 2, 1)}
