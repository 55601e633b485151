"""The random numbers: what keys them, what they are distributed like, and that they never change."""

import hashlib
import json

import numpy as np
import pytest
import torch
from scipy import stats

from robustbench_ln.noise import draws
from robustbench_ln.noise.draws import draw, draw_groups

KINDS = ["normal", "uniform", "uniform-per-pixel"]
SHAPE = (3, 5, 7)


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def drawn_by_hand(kind, seed, stream, index, shape):
    """One image's numbers from a generator of its own: key from the names, counter from the index."""
    text = json.dumps([str(seed), stream], separators=(",", ":"), ensure_ascii=False)
    words = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=16).digest(), dtype="<u8")
    generator = np.random.Generator(np.random.Philox(key=words, counter=[0, 0, index, 0]))
    one = (1, *shape[1:]) if kind == "uniform-per-pixel" else shape
    if kind == "normal":
        return generator.standard_normal(one, dtype=np.float32)
    return generator.random(one, dtype=np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, -3, 2**80])
def test_each_image_has_the_start_of_its_own_philox_stream(kind, seed):
    indices = [0, 1, 7, 59_999, 2**40, 3]
    drawn = draw(kind, seed, "agn", indices, SHAPE)
    for position, index in enumerate(indices):
        assert np.array_equal(drawn[position], drawn_by_hand(kind, seed, "agn", index, SHAPE))


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_s_draw_does_not_depend_on_what_is_drawn_with_it(kind):
    whole = draw(kind, 5, "mbn", np.arange(40), SHAPE)
    for indices in ([17], [39, 0], [3, 3, 3], list(range(39, -1, -1)), range(5, 25, 4)):
        assert np.array_equal(draw(kind, 5, "mbn", list(indices), SHAPE), whole[list(indices)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.uint64])
def test_the_dtype_of_the_indices_does_not_matter(kind, dtype):
    indices = [0, 200, 3]
    assert np.array_equal(
        draw(kind, 0, "x", np.array(indices, dtype=dtype), SHAPE), draw(kind, 0, "x", indices, SHAPE)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_stream_or_index_gives_uncorrelated_numbers(kind):
    shape, count = (1, 100, 100), 10_000
    draws = {
        "base": draw(kind, 0, "agn", [0], shape),
        "seed": draw(kind, 1, "agn", [0], shape),
        "stream": draw(kind, 0, "agn-additive", [0], shape),
        "index": draw(kind, 0, "agn", [1], shape),
        "far index": draw(kind, 0, "agn", [2**32], shape),
        "seed and stream joined elsewhere": draw(kind, 0, "agn0", [0], shape),
    }
    table = np.corrcoef([numbers.ravel() for numbers in draws.values()])
    off_diagonal = table[~np.eye(len(draws), dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(count)  # the correlation's standard error is 1/sqrt(n)


@pytest.mark.parametrize("kind", KINDS)
def test_no_image_repeats_a_part_of_another_s_draw(kind):
    # Overlapping counters would show as equal numbers at another position.
    images = draw(kind, 0, "agn", np.arange(50), (1, 20, 20)).reshape(50, -1)
    bits = images.astype(np.float64)
    starts = {tuple(row[offset : offset + 4]) for row in bits for offset in range(396)}
    assert len(starts) == 50 * 396


@pytest.mark.parametrize("kind", ["uniform", "uniform-per-pixel"])
def test_uniform_numbers_are_uniform_on_0_to_1_without_1(kind):
    numbers = draw(kind, 3, "x", np.arange(100), (1, 40, 50)).ravel()
    assert numbers.dtype == np.float32
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert np.array_equal(numbers * 2**24, np.floor(numbers * 2**24)), "multiples of 2**-24"


def test_normal_numbers_are_standard_normal():
    numbers = draw("normal", 3, "x", np.arange(100), (1, 40, 50)).ravel()
    assert numbers.dtype == np.float32
    assert stats.kstest(numbers, "norm").pvalue > 1e-3


def test_one_number_a_pixel_serves_all_channels():
    assert draw("uniform-per-pixel", 0, "x", [0, 1], (3, 4, 5)).shape == (2, 1, 4, 5)
    assert draw("uniform", 0, "x", [0, 1], (3, 4, 5)).shape == (2, 3, 4, 5)


def test_channels_of_an_image_are_uncorrelated():
    numbers = draw("normal", 0, "x", [0], (3, 100, 100)).reshape(3, -1)
    assert np.abs(np.corrcoef(numbers)[~np.eye(3, dtype=bool)]).max() < 5 / 100


def test_no_image_draws_nothing():
    assert draw("normal", 0, "x", [], SHAPE).shape == (0, *SHAPE)


def test_drawing_leaves_the_global_generators_alone():
    state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    draw("normal", 0, "x", np.arange(5), SHAPE)
    draw_groups(0, np.arange(5), 4)
    after = np.random.get_state()  # noqa: NPY002
    assert (after[1] == state[1]).all()
    assert after[2:] == state[2:]
    assert torch.equal(torch.get_rng_state(), torch_state)


# Published numbers rest on these: a change here changes every stored result and needs a new protocol version.
@pytest.mark.parametrize(
    ("kind", "stream", "expected"),
    [
        ("normal", "agn", "0aec1e03eefc4351"),
        ("normal", "agn-additive", "c52af233c3b44e77"),
        ("uniform", "mbn", "1ac6bdc61a2391de"),
        ("uniform", "apn", "9d2553d82afc01fe"),
        ("uniform-per-pixel", "mbn-pixel", "5b1d367926c11481"),
    ],
)
def test_the_stream_is_pinned(kind, stream, expected):
    assert digest(draw(kind, 0, stream, [0, 1, 4999], (3, 8, 8))) == expected


def test_the_groups_of_mode_single_are_pinned():
    groups = draw_groups(0, np.arange(20), 10)
    assert "".join(map(str, groups)) == "93793154296790970860"


@pytest.mark.parametrize("groups", [1, 2, 7, 10, 128])
def test_groups_are_uniform_and_in_range(groups):
    drawn = draw_groups(1, np.arange(20_000), groups)
    assert drawn.dtype == np.int64
    counts = np.bincount(drawn, minlength=groups)
    assert len(counts) == groups
    if groups > 1:
        assert stats.chisquare(counts).pvalue > 1e-3


def test_an_image_s_group_depends_on_seed_and_index_alone():
    whole = draw_groups(2, np.arange(100), 8)
    assert draw_groups(2, [57], 8)[0] == whole[57]
    assert np.array_equal(draw_groups(2, np.arange(99, -1, -1), 8), whole[::-1])
    assert not np.array_equal(draw_groups(3, np.arange(100), 8), whole)


def test_a_family_without_random_numbers_gets_none():
    assert draw("none", 0, "darken", [0, 1, 2], SHAPE).shape == (3, 0, 5, 7)


def test_a_draw_is_kept_for_the_next_sigma_and_cannot_be_changed():
    first = draw("normal", 11, "kept", [3, 1, 4], (2, 3, 4), keep=True)
    assert draw("normal", 11, "kept", np.array([3, 1, 4]), (2, 3, 4), keep=True) is first
    assert draw("normal", 11, "kept", [3, 4, 1], (2, 3, 4), keep=True) is not first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_draws_are_kept_within_a_fixed_amount_of_memory(monkeypatch):
    kept = draws._Kept(1000)
    monkeypatch.setattr(draws, "_kept", kept)
    shape = (1, 5, 5)  # 100 bytes an image
    whole = [draw("uniform", seed, "many", range(4), shape, keep=True) for seed in range(4)]
    assert draw("uniform", 3, "many", range(4), shape, keep=True) is whole[3]
    assert draw("uniform", 2, "many", range(4), shape, keep=True) is whole[2]
    again = draw("uniform", 0, "many", range(4), shape, keep=True)
    assert again is not whole[0]
    np.testing.assert_array_equal(again, whole[0])
    assert sum(each.nbytes for each in kept._draws.values()) + kept._left == 1000
    large = draw("uniform", 0, "many", range(11), shape, keep=True)
    assert draw("uniform", 0, "many", range(11), shape, keep=True) is not large
    np.testing.assert_array_equal(large[:4], whole[0])
