"""Which cells and networks count for a claim: readings, clean images, presets, networks that learned."""

import pytest

from tests.experiments.measured import ORDER, VALUE, Measured, check, verdict


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
        assert (
            found.reason == "small on cifar10 under agn-uniform rescaled: not 70 % within 2 points at sigma 1"
        )


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
