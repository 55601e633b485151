"""Severities: the published constants as literals, and the grammar that names them."""

import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.noise import NOISES, parse_sigmas, sigma_value
from robustbench_ln.noise.severity import (
    GRADED,
    SIGMAS,
    check_constants,
    constants_for,
    parse_severities,
    severity_of,
    severity_sigmas,
    severity_text,
)

# As printed in make_cifar_c.py and make_imagenet_c.py of Hendrycks and Dietterich's code; shot noise by c.
PUBLISHED = {
    ("cifar-c", "gaussian"): [0.04, 0.06, 0.08, 0.09, 0.10],
    ("cifar-c", "shot"): [500, 250, 100, 75, 50],
    ("cifar-c", "impulse"): [0.01, 0.02, 0.03, 0.05, 0.07],
    ("cifar-c", "speckle"): [0.06, 0.1, 0.12, 0.16, 0.2],
    ("imagenet-c", "gaussian"): [0.08, 0.12, 0.18, 0.26, 0.38],
    ("imagenet-c", "shot"): [60, 25, 12, 5, 3],
    ("imagenet-c", "impulse"): [0.03, 0.06, 0.09, 0.17, 0.27],
    ("imagenet-c", "speckle"): [0.15, 0.2, 0.35, 0.45, 0.6],
}


@pytest.mark.parametrize(("constants", "noise"), PUBLISHED)
def test_sigmas_are_the_published_constants_and_shot_noise_s_are_one_over_them(constants, noise):
    sigmas = severity_sigmas(noise, (1, 2, 3, 4, 5), constants)
    expected = PUBLISHED[constants, noise]
    if noise == "shot":
        assert [1 / float(sigma) for sigma in sigmas] == pytest.approx(expected, rel=1e-9)
    else:
        assert [float(sigma) for sigma in sigmas] == expected
    assert severity_sigmas(noise, (5, 2), constants) == (sigmas[4], sigmas[1])
    # Names are those that the grid gives, so a severity and its sigma are one cell.
    assert parse_sigmas(",".join(sigmas)) == sigmas
    values = [sigma_value(NOISES[noise], sigma) for sigma in sigmas]
    assert values == sorted(values)
    assert [severity_of(noise, value, constants) for value in values] == [1, 2, 3, 4, 5]


def test_four_noises_have_severities():
    assert set(GRADED) == {"gaussian", "shot", "impulse", "speckle"}
    assert {(constants, noise) for constants, noises in SIGMAS.items() for noise in noises} == set(PUBLISHED)


@pytest.mark.parametrize(("noise", "sigma"), [("gaussian", 0.05), ("agn", 0.04), ("corrupted-fog", 3.0)])
def test_other_sigmas_and_noises_have_no_severity(noise, sigma):
    assert severity_of(noise, sigma, "cifar-c") is None
    assert severity_text(noise, sigma) == ""


def test_a_sigma_of_both_tables_has_both_names():
    assert severity_text("speckle", 0.2) == "cifar-c 5, imagenet-c 2"
    assert severity_text("shot", 0.002) == "cifar-c 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1:5", (1, 2, 3, 4, 5)), ("2:2", (2,)), ("1,3,5", (1, 3, 5)), ("5, 1", (5, 1)), ("4", (4,))],
)
def test_severities_are_a_range_or_a_list(text, expected):
    assert parse_severities(text) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "6", "1:6", "3:1", "1:2:3", "1,1", "1.5", "one", "1,", "-1", "1:", "٣"]
)
def test_anything_else_is_an_error_that_repeats_it(text):
    with pytest.raises(LnbenchError, match=r"1:5, 1,3,5") as caught:
        parse_severities(text)
    assert f"'{text}'" in caught.value.message


def test_a_noise_without_severities_is_an_error_that_names_those_that_have_them():
    with pytest.raises(LnbenchError, match=r"'agn' has no severities.*gaussian, shot, impulse, speckle"):
        severity_sigmas("agn", [1], "cifar-c")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 32, 32), "cifar-c"),
        ((1, 28, 28), "cifar-c"),
        ((3, 64, 64), "cifar-c"),
        ((3, 65, 65), "imagenet-c"),
        ((3, 40, 224), "imagenet-c"),
    ],
)
def test_the_size_of_images_chooses_the_constants(shape, expected):
    assert constants_for(shape) == expected


def test_unknown_constants_are_an_error():
    with pytest.raises(LnbenchError, match="Did you mean 'cifar-c'"):
        check_constants("cifar10-c")
    assert check_constants(None) is None
