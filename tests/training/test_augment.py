"""Changes of training images against SciPy's resampling, and what is drawn against its distribution."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import ndimage, stats

from robustbench_ln.benchmarks.training import AugmentSettings
from robustbench_ln.training.augment import augment, warp

ALL = AugmentSettings(flip=True, shift=0.1, rotate=20, zoom=0.2)
MODES = {"nearest": "nearest", "zeros": "grid-constant"}


def images_of(*shape, seed=0, dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def by_scipy(image, angle, shift, zoom, fill):
    """Resample one (C, H, W) image as Keras does: rotation, then shift, then zoom, about the centre."""
    cosine, sine = math.cos(angle), math.sin(angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    matrix = rotation @ np.diag(zoom)
    centre = (np.array(image.shape[1:]) - 1) / 2
    offset = centre + rotation @ np.asarray(shift) - matrix @ centre
    return np.stack(
        [
            ndimage.affine_transform(channel, matrix, offset, order=1, mode=MODES[fill], cval=0)
            for channel in image
        ]
    )


@pytest.mark.parametrize("fill", MODES)
@pytest.mark.parametrize("size", [(32, 32), (9, 14), (15, 6)])
@pytest.mark.parametrize(
    ("angle", "shift", "zoom"),
    [
        (0.0, (0, 0), (1, 1)),
        (0.0, (1.3, -2.6), (1, 1)),
        (0.3, (0, 0), (1, 1)),
        (-2.0, (0, 0), (1, 1)),
        (0.0, (0, 0), (0.8, 1.3)),
        (0.35, (-1.7, 3.2), (1.2, 0.85)),
        (0.1, (40, 0), (1, 1)),
    ],
)
def test_resampling_is_that_of_scipy(angle, shift, zoom, size, fill):
    images = images_of(2, 3, *size, dtype=torch.float64)
    given = (torch.tensor([value, value], dtype=torch.float64) for value in (angle, shift, zoom))
    warped = warp(images, *given, fill)
    for image, result in zip(images.numpy(), warped.numpy(), strict=True):
        np.testing.assert_allclose(result, by_scipy(image, angle, shift, zoom, fill), atol=1e-9)


def test_each_image_has_its_own_parameters():
    images = images_of(3, 1, 12, 10)
    angle, shift = torch.tensor([0.0, 0.4, -1.0]), torch.tensor([[1.0, 2], [0, 0], [-0.5, 0.5]])
    zoom = torch.tensor([[1.0, 1], [0.9, 1.2], [1.1, 1]])
    warped = warp(images, angle, shift, zoom, "nearest")
    for position in range(3):
        expected = by_scipy(
            images[position].numpy().astype(np.float64),
            float(angle[position]),
            shift[position].tolist(),
            zoom[position].tolist(),
            "nearest",
        )
        np.testing.assert_allclose(warped[position], expected, atol=1e-5)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 0), (0, -5), (-2, 7)])
def test_a_shift_by_whole_pixels_is_exact_and_takes_from_below_and_right(down, right):
    images = images_of(2, 3, 32, 16)
    still = torch.zeros(2), torch.tensor([[down, right]] * 2), torch.ones(2, 2)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (8, 8), (8, 8)), "edge")
    expected = padded[:, :, 8 + down : 40 + down, 8 + right : 24 + right]
    assert np.array_equal(warp(images, *still, "nearest"), expected)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (8, 8), (8, 8)))
    expected = padded[:, :, 8 + down : 40 + down, 8 + right : 24 + right]
    assert np.array_equal(warp(images, *still, "zeros"), expected)


def test_a_quarter_turn_moves_every_pixel_to_its_place():
    images = images_of(1, 2, 16, 16)
    turned = warp(images, torch.tensor([math.pi / 2]), torch.zeros(1, 2), torch.ones(1, 2), "zeros")
    np.testing.assert_allclose(turned, torch.rot90(images, -1, (2, 3)), atol=1e-5)


def test_settings_that_change_nothing_give_back_the_images_and_draw_nothing():
    images, state = images_of(3, 1, 8, 8), torch.get_rng_state()
    assert augment(images, AugmentSettings()) is images
    assert augment(images, AugmentSettings(fill="zeros")) is images
    assert torch.equal(torch.get_rng_state(), state)


def test_a_flip_is_exact_and_done_to_half_of_the_images():
    images = images_of(4000, 1, 3, 4)
    flipped = augment(images, AugmentSettings(flip=True), generator())
    mirrored = (flipped == images.flip(3)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert stats.binomtest(int(mirrored.sum()), 4000, 0.5).pvalue > 1e-4


def ramps(count, height, width):
    """One channel that is the row and one that is the column, from the centre."""
    rows, columns = (torch.arange(length) - (length - 1) / 2 for length in (height, width))
    return torch.stack([rows[:, None].expand(height, width), columns.expand(height, width)]).repeat(
        count, 1, 1, 1
    )


def drawn(settings, count=4000, height=40, width=24):
    """Recover each image's matrix and offset from what became of two ramps near the centre."""
    changed = augment(ramps(count, height, width), settings, generator())
    top, left = height // 2, width // 2
    here, below, right = (changed[:, :, top + down, left + along] for down, along in ((0, 0), (1, 0), (0, 1)))
    matrix = torch.stack([below - here, right - here], dim=2).numpy()
    middle = np.array([top - (height - 1) / 2, left - (width - 1) / 2])
    return matrix, here.numpy() - matrix @ middle


def is_uniform(values, low, high):
    assert values.min() >= low - 1e-4 * (high - low)
    assert values.max() <= high + 1e-4 * (high - low)
    return stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-4


def test_shifts_are_uniform_fractions_of_height_and_width_and_independent():
    matrix, offset = drawn(AugmentSettings(shift=0.1))
    np.testing.assert_allclose(matrix, np.broadcast_to(np.eye(2), matrix.shape), atol=1e-4)
    assert is_uniform(offset[:, 0], -4, 4)
    assert is_uniform(offset[:, 1], -2.4, 2.4)
    assert abs(np.corrcoef(offset.T)[0, 1]) < 5 / np.sqrt(len(offset))


def test_rotations_are_uniform_to_both_sides():
    matrix, offset = drawn(AugmentSettings(rotate=20))
    assert is_uniform(np.degrees(np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])), -20, 20)
    np.testing.assert_allclose(matrix @ matrix.transpose(0, 2, 1), np.eye(2)[None].repeat(4000, 0), atol=1e-3)
    np.testing.assert_allclose(offset, 0, atol=1e-3)


def test_zoom_factors_are_uniform_and_of_each_axis_alone():
    matrix, offset = drawn(AugmentSettings(zoom=0.2))
    factors = matrix[:, [0, 1], [0, 1]]
    assert is_uniform(factors[:, 0], 0.8, 1.2)
    assert is_uniform(factors[:, 1], 0.8, 1.2)
    assert abs(np.corrcoef(factors.T)[0, 1]) < 5 / np.sqrt(len(factors))
    np.testing.assert_allclose(offset, 0, atol=1e-3)


def test_the_same_state_of_the_generator_gives_the_same_images_global_or_own():
    images = images_of(6, 3, 16, 16)
    first = augment(images, ALL, generator(3))
    assert torch.equal(augment(images, ALL, generator(3)), first)
    assert not torch.equal(augment(images, ALL, generator(4)), first)
    torch.manual_seed(3)
    assert torch.equal(augment(images, ALL), first)


def test_one_setting_does_not_move_the_draws_of_another():
    plain, _ = drawn(AugmentSettings(zoom=0.2), count=50)
    shifted, _ = drawn(AugmentSettings(zoom=0.2, shift=0.05), count=50)
    np.testing.assert_allclose(plain, shifted, atol=1e-4)


def test_the_images_given_are_not_changed():
    images = images_of(6, 3, 16, 16)
    kept = images.clone()
    augment(images, ALL, generator())
    assert torch.equal(images, kept)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_stays_and_positions_are_not_rounded_to_it(dtype):
    images = images_of(4, 3, 224, 224)
    changed = augment(images.to(dtype), ALL, generator())
    assert changed.dtype == dtype
    expected = augment(images.to(dtype).double(), ALL, generator())
    assert (changed.double() - expected).abs().max() < 0.01


def test_autocast_does_not_round_positions():
    images = images_of(4, 3, 224, 224)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        changed = augment(images, ALL, generator())
    assert torch.equal(changed, augment(images, ALL, generator()))


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (1, 1, 1, 1), (2, 1, 1, 9)])
def test_no_images_and_the_smallest_ones_keep_their_shape(shape):
    assert augment(torch.zeros(shape), ALL, generator()).shape == shape


def test_a_constant_image_stays_constant_where_the_edge_is_repeated():
    changed = augment(torch.full((50, 1, 20, 20), 0.7), ALL, generator())
    torch.testing.assert_close(changed, torch.full_like(changed, 0.7))
    assert augment(torch.ones(50, 1, 20, 20), ALL.model_copy(update={"fill": "zeros"})).min() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"flip": 1},
        {"flip": "yes"},
        {"shift": -0.1},
        {"shift": 1.5},
        {"shift": "0.1"},
        {"rotate": 181},
        {"rotate": float("nan")},
        {"zoom": 1},
        {"zoom": True},
        {"fill": "reflect"},
        {"shear": 0.1},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        AugmentSettings(**wrong)


def test_whole_numbers_are_numbers_and_settings_cannot_be_changed():
    settings = AugmentSettings(rotate=15, shift=1, zoom=0)
    assert settings == AugmentSettings(rotate=15.0, shift=1.0)
    with pytest.raises(ValidationError):
        settings.flip = True


def test_the_settings_need_no_torch():
    code = "import robustbench_ln.benchmarks.training, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
