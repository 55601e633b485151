"""A picture of every noise: one drawn image at five sigmas, for docs/reference/noises.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from robustbench_ln import add_noise
from robustbench_ln.noise import NOISES
from robustbench_ln.noise.severity import SIGMAS

FOLDER = Path(__file__).parent / "images" / "noises"
Pixels = npt.NDArray[np.uint8]
_SIDE, _ENLARGED, _GAP = 24, 4, 2
#: Fewer values make a smaller file of random colours.
_LEVELS = 16
_SIGMAS = ("0", "0.25", "0.5", "1", "2")
#: Where sigma is a probability or a share.
_SHARES = ("0", "0.1", "0.25", "0.5", "0.75")


def shown_sigmas(noise: str) -> tuple[str, ...]:
    """Return the sigmas of a picture, from left to right; severities of ImageNet-C where there are some."""
    if noise in SIGMAS["imagenet-c"]:
        first, _, *others = SIGMAS["imagenet-c"][noise]
        return ("0", first, *others)
    return _SIGMAS if NOISES[noise].max_sigma is None else _SHARES


def picture(noise: str) -> Pixels:
    """Return the picture (height, width, 3) of a noise: values below 0 are black, above 1 white."""
    image = drawn_image()[None]
    shown = [add_noise(image, noise, sigma=sigma)[0].transpose(1, 2, 0) for sigma in shown_sigmas(noise)]
    white = np.ones((_SIDE, 1, 3), np.float32)
    row = np.hstack([part for one in shown for part in (one, white)][:-1])
    grey = np.round(np.clip(row, 0, 1) * (_LEVELS - 1)) * (255 // (_LEVELS - 1))
    pixels: Pixels = grey.astype(np.uint8).repeat(_ENLARGED, 0).repeat(_ENLARGED, 1)
    return pixels


def drawn_image() -> npt.NDArray[np.float32]:
    """Return (3, 24, 24): a lit ball before a sky that darkens into black, and steps of grey below."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE] / (_SIDE - 1)
    sky = np.stack([0.25 * y, 0.45 * y, 0.15 + 0.75 * y])
    image = np.where(y < 0.15, 0.0, sky)
    inside = (x - 0.45) ** 2 + (y - 0.42) ** 2 < 0.27**2
    light = np.clip(1.1 - 1.9 * np.hypot(x - 0.36, y - 0.3), 0.15, 1)
    image = np.where(inside, np.stack([light, 0.55 * light, 0.15 * light]), image)
    steps = np.floor(x * 5.99) / 5
    return np.where(y > 0.82, steps, image).astype(np.float32)


def path_of(noise: str) -> Path:
    """Return where the picture of a noise lies."""
    return FOLDER / f"{noise}.png"


def write(*, check: bool) -> list[str]:
    """Write the pictures whose pixels are others than those of their file, or name them alone."""
    stale = []
    for noise in NOISES:
        path, pixels = path_of(noise), picture(noise)
        if not path.exists() or _differ(np.asarray(Image.open(path)), pixels):
            stale.append(path.name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path, optimize=True)
    return stale


def _differ(one: Pixels, other: Pixels) -> bool:
    """Return whether pictures differ in more than what another machine's last digit may round."""
    return one.shape != other.shape or float((one != other).mean()) > 1e-3
