"""Vary a batch of training images: shift, rotation and zoom in one resampling, then the flip."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from robustbench_ln.benchmarks.training import AugmentSettings

_PADDING = {"nearest": "border", "zeros": "zeros"}


def augment(images: Tensor, settings: AugmentSettings, generator: torch.Generator | None = None) -> Tensor:
    """Return each image changed at random.

    Args:
        images: (N, C, H, W) float, in whatever range; "zeros" fills with 0 of that range.
        settings: what is drawn.
        generator: of the CPU, where all numbers are drawn, so that they are the same on every device; None
            is torch's global one. Six numbers an image are drawn whatever the settings, unless they change
            nothing: one setting does not move another's draws.

    Returns:
        (N, C, H, W) of the same type and device; the images themselves where the settings change nothing.

    Source:
        Keras' ImageDataGenerator, as used by the LocalNorm authors. Deviation: with "zeros", the edge fades
        out over one pixel, where SciPy's `constant` mode, which Keras calls, cuts it off.
    """
    moves = bool(settings.shift or settings.rotate or settings.zoom)
    if not moves and not settings.flip:
        return images
    draws = torch.rand(len(images), 6, generator=generator)
    if moves:
        size = torch.tensor(images.shape[2:])
        both_ways = 2 * draws - 1
        images = warp(
            images,
            torch.deg2rad(settings.rotate * both_ways[:, 0]),
            settings.shift * both_ways[:, 1:3] * size,
            1 + settings.zoom * both_ways[:, 3:5],
            settings.fill,
        )
    if settings.flip:
        mirrored = (draws[:, 5] < 0.5).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    return images


def warp(images: Tensor, angle: Tensor, shift: Tensor, zoom: Tensor, fill: str) -> Tensor:
    """Resample images bilinearly: pixel p of the result is taken from rotate(zoom p + shift).

    Args:
        images: (N, C, H, W) float.
        angle: (N,) radians.
        shift: (N, 2) pixels, rows and columns.
        zoom: (N, 2) factors of height and width.
        fill: "nearest" or "zeros", what lies beyond the edge.

    Returns:
        (N, C, H, W) of the same type and device. Positions p are (row, column) from the image's centre, and
        rotate by a is [[cos a, -sin a], [sin a, cos a]], both as in Keras.
    """
    # bfloat16 names positions to one in 256 only.
    dtype = torch.promote_types(images.dtype, torch.float32)
    angle, shift, zoom = (one.to(images.device, dtype)[..., None, None] for one in (angle, shift, zoom))
    height, width = images.shape[2:]
    rows, columns = (
        torch.arange(length, device=images.device, dtype=dtype) - (length - 1) / 2
        for length in (height, width)
    )
    # Not affine_grid: it multiplies matrices, which autocast and TF32 would round to a few bits.
    down = zoom[:, 0] * rows[:, None] + shift[:, 0]
    right = zoom[:, 1] * columns + shift[:, 1]
    cosine, sine = angle.cos(), angle.sin()
    source = (cosine * down - sine * right) * (2 / height), (sine * down + cosine * right) * (2 / width)
    grid = torch.stack((source[1], source[0]), dim=3)  # grid_sample wants x before y, in [-1, 1]
    sampled = functional.grid_sample(images.to(dtype), grid, padding_mode=_PADDING[fill], align_corners=False)
    return sampled.to(images.dtype)
