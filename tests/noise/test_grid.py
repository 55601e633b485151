"""The sigma grid's grammar: what it gives, what it refuses, and that no text breaks or stalls it."""

import time
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from robustbench_ln import LnbenchError
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.noise.grid import canonical_sigma


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:4", "0 0.5 1 1.5 2 2.5 3 3.5 4"),
        ("0:1", "0 0.125 0.25 0.375 0.5 0.625 0.75 0.875 1"),
        ("1:9", "1 2 3 4 5 6 7 8 9"),
        ("0:0.3:0.1", "0 0.1 0.2 0.3"),
        ("0.1:0.7:0.2", "0.1 0.3 0.5 0.7"),
        ("0:4:4", "0 4"),
        ("0:5:2.5", "0 2.5 5"),
        ("2:2", "2"),
        ("2:2:1", "2"),
        ("0", "0"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("1e2", "100"),
        ("1E-3", "0.001"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+1", "1"),
        ("-0", "0"),
        ("0.000", "0"),
        ("1e12", "1000000000000"),
        ("1e-12", "0.000000000001"),
        ("0,0.5,2", "0 0.5 2"),
        ("2,0,1", "2 0 1"),
        (" 0 : 1 : 0.5 ", "0 0.5 1"),
        (" 0 , 1 ", "0 1"),
        ("\t3\n", "3"),
        ("0,.1,.2,.5,.8,1,1.5,2,2.5,5", "0 0.1 0.2 0.5 0.8 1 1.5 2 2.5 5"),
    ],
)
def test_a_grid_gives_these_points_in_this_order(text, expected):
    assert parse_sigmas(text) == tuple(expected.split())


def test_spaces_around_the_parts_do_not_matter():
    assert parse_sigmas(" 0 : 1 ") == parse_sigmas("0:1")


@pytest.mark.parametrize(
    ("text", "count"), [("0:5:0.1", 51), ("0:0.95:0.05", 20), ("0:999:1", 1000), ("0.001:1:0.001", 1000)]
)
def test_both_ends_belong_to_a_grid_with_a_step(text, count):
    points = parse_sigmas(text)
    start, stop, _ = text.split(":")
    assert (points[0], points[-1], len(points)) == (start, stop, count)


def test_the_hundredth_tenth_is_a_tenth_times_a_hundred_and_not_nearly():
    # In binary floating point 0.1 + 0.1 + 0.1 is not 0.3; here each name is exact.
    assert parse_sigmas("0:99.9:0.1") == tuple(
        f"{number // 10}.{number % 10}" if number % 10 else str(number // 10) for number in range(1000)
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "missing"),
        (" ", "missing"),
        (",", "missing"),
        ("1,", "missing"),
        (",1", "missing"),
        ("0,,1", "missing"),
        (":", "missing"),
        ("0:", "missing"),
        (":1", "missing"),
        ("0::1", "missing"),
        ("0:1:", "missing"),
        ("a:b", "'a' is not a number"),
        ("0:b", "'b' is not a number"),
        ("0;1", "'0;1' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("1 2", "'1 2' is not a number"),
        ("0:1,2", "'1,2' is not a number"),
        ("1e", "'1e' is not a number"),
        ("--1", "'--1' is not a number"),
        ("1_0", "'1_0' is not a number"),
        ("\uff10", "is not a number"),
        ("nan", "not a finite number"),
        ("sNaN", "not a finite number"),
        ("inf", "not a finite number"),
        ("0:inf", "not a finite number"),
        ("0:1:-inf", "not a finite number"),
        ("-1", "negative"),
        ("-1:1", "negative"),
        ("0:1:-0.5", "negative"),
        ("-1e-300", "negative"),
        ("4:0", "downwards.*0:4"),
        ("4:0:1", "downwards"),
        ("0:1:0.3", r"0.3 does not divide.*0\.9"),
        ("0:4:5", "5 does not divide"),
        ("0:1:0", "step of 0"),
        ("0:1:-0", "step of 0"),
        ("1:2:3:4", "4 parts"),
        ("0:1000:1", "1,000"),
        ("0:1e12:1", "1,000"),
        ("0:1:1e-12", "1,000"),
        (",".join(map(str, range(1001))), "1,001 points"),
        ("0:1:1e-300", "out of range"),
        ("1e400", "out of range"),
        ("1e-400", "out of range"),
        ("1e13", "out of range"),
        ("9e-13", "out of range"),
        ("0,0", "names 0 more than once"),
        ("0.1,0.10", r"names 0\.1 more than once"),
        ("1,2,1e0", "names 1 more than once"),
        ("0,-0", "names 0 more than once"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_an_error_that_says_why(text, part):
    with pytest.raises(LnbenchError, match=part) as caught:
        parse_sigmas(text)
    assert text in str(caught.value)


decimals = st.decimals(min_value=0, max_value=1000, places=3)


@given(st.lists(decimals, min_size=1, max_size=20, unique=True))
def test_a_comma_list_comes_back_in_order_and_exact(values):
    points = parse_sigmas(",".join(map(str, values)))
    assert [Decimal(point) for point in points] == values
    assert parse_sigmas(",".join(points)) == points


@given(st.lists(decimals, min_size=1, max_size=5, unique=True), st.integers(-6, 6), st.booleans())
def test_every_spelling_of_a_number_has_one_name(values, shift, trailing_zeros):
    plain = parse_sigmas(",".join(map(str, values)))
    spelled = [f"{value.scaleb(shift):f}e{-shift}" for value in values]
    if trailing_zeros:
        spelled = [part.replace("e", "0e") if "." in part else part for part in spelled]
    assert parse_sigmas(",".join(spelled)) == plain


@given(start=decimals, step=decimals.filter(bool), steps=st.integers(0, 999))
def test_a_grid_with_a_step_has_exactly_its_multiples(start, step, steps):
    stop = start + step * steps
    points = parse_sigmas(f"{start}:{stop}:{step}")
    assert [Fraction(point) for point in points] == [
        Fraction(start) + number * Fraction(step) for number in range(steps + 1)
    ]


@given(start=decimals, stop=decimals)
def test_a_grid_without_a_step_has_nine_even_points_and_both_ends(start, stop):
    start, stop = sorted((start, stop))
    points = [Fraction(point) for point in parse_sigmas(f"{start}:{stop}")]
    if start == stop:
        assert points == [Fraction(start)]
        return
    assert [points[0], points[-1], len(points)] == [Fraction(start), Fraction(stop), 9]
    assert {later - sooner for sooner, later in pairwise(points)} == {(Fraction(stop) - Fraction(start)) / 8}


@given(start=decimals, span=decimals.filter(bool), parts=st.integers(1, 998), numerator=st.integers(1, 9))
def test_a_step_that_does_not_divide_the_range_is_refused_and_the_hint_works(start, span, parts, numerator):
    step = span / parts
    if step != step.quantize(Decimal("1e-6")) or numerator == 0:
        step = Decimal("0.7")
    stop = start + step * min(parts, 900) + step * numerator / 10
    with pytest.raises(LnbenchError) as caught:
        parse_sigmas(f"{start}:{stop}:{step}")
    suggested = caught.value.hint.removeprefix("Stop at ").split(" ")[0]
    assert Decimal(parse_sigmas(f"{start}:{suggested}:{step}")[-1]) == Decimal(suggested)


@given(decimals)
def test_names_are_plain_and_short(value):
    name = canonical_sigma(value)
    assert Decimal(name) == value
    assert "e" not in name.lower()
    assert not ("." in name and name.endswith(("0", ".")))


sigma_like = st.text(alphabet="0123456789.:,eE+-_ nainfsq\n", max_size=40)


@settings(max_examples=400)
@example("0e99999999999999999999")
@example("1e99999999999999999999")
@example("0e-999999")
@example("1_0")
@example("٣:٩")
@example("²")
@example("\x00")
@example("\ud800")
@example("NaN123,1")
@example("1:1." + "0" * 60 + "1")
@example("0." + "123456789" * 20 + ":1")
@example("1:" + "9" * 300)
@example("1.23456789012345e-12:1e12")
@example("0:1:0." + "3" * 40)
@given(st.text(max_size=40) | sigma_like)
def test_no_text_raises_anything_but_an_lnbench_error(text):
    try:
        points = parse_sigmas(text)
    except LnbenchError as error:
        assert error.message
    else:
        assert 1 <= len(points) <= 1000
        assert len(set(points)) == len(points)
        assert all(0 <= float(point) <= 1e13 for point in points)
        assert parse_sigmas(",".join(points)) == points


@pytest.mark.parametrize(
    "text",
    [
        "0:1:1e-300",
        "0:1e12:1",
        "0:1e12:1e-12",
        "1e-12:1e12:1e-12",
        "0:1:1e-999999999",
        "1e999999999",
        "0:1e999999999:1",
        "9" * 100_000,
        "0." + "0" * 100_000 + "1",
        "0:" + "1" * 50_000,
        ":" * 100_000,
        ",".join(["1"] * 100_000),
        ":".join(["1"] * 100_000),
    ],
    ids=lambda text: f"{text[:20]}-{len(text)}",
)
def test_no_text_takes_long(text):
    started = time.process_time()
    with pytest.raises(LnbenchError):
        parse_sigmas(text)
    assert time.process_time() - started < 2
