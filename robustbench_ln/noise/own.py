"""Noises of the user's: `register_noise` puts one beside the built-in ones, and checks what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar, get_args

import numpy as np

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.noise.corrupt import NOISES
from robustbench_ln.noise.draws import DrawKind, FloatArray
from robustbench_ln.noise.family import NoiseFamily
from robustbench_ln.user_code import messages_apart, origin_of, reason, version_of

Apply = Callable[[FloatArray, float, FloatArray], FloatArray]
Function = TypeVar("Function", bound=Apply)
#: By how much an image's values may differ when it is computed alone: the order of sums may, an image not.
_ALIKE = 1e-4


def register_noise(
    name: str,
    *,
    sigma: str = "strength",
    draws: DrawKind = "uniform",
    formula: str = "",
    max_sigma: float | None = None,
    min_sigma: float | None = None,
    clipped: bool = False,
    clean_at_zero: bool = True,
    version: str | None = None,
) -> Callable[[Function], Function]:
    """Register a noise: a function of (images, sigma, draw) that returns noisy images.

    images is (N, C, H, W) float32 in [0, 1] (standardised with --space standardised), sigma a number above 0,
    draw the images' own random numbers, float32, keyed by (seed, noise, image) and the same at every sigma.
    What is returned is (N, C, H, W) float32 and finite. Each noisy image must be a function of its own image
    and draw: which others come along depends on the batch.

    Args:
        name: at most 40 small letters, digits and -; none of a built-in noise.
        sigma: what sigma means, after "sigma is the".
        draws: "uniform" in [0, 1) or "normal", (N, C, H, W); "uniform-per-pixel", (N, 1, H, W); or "none".
        formula: for tables; default the first line of the function's docstring.
        max_sigma: the largest meaningful sigma, None where there is none.
        min_sigma: the smallest sigma above 0, None where there is none.
        clipped: clip what is returned to [0, 1], always.
        clean_at_zero: sigma 0 leaves the images as they are, and the function is not called for it.
        version: changes whenever its numbers do; default a hash of the file that it stands in. It is part of
            the full name, NAME@VERSION, under which cells are stored.

    Returns:
        What leaves the function as it is.

    Raises:
        LnbenchError: a name that is taken, or unknown draws.

    Example:
        >>> from robustbench_ln import register_noise
        >>> @register_noise("brighter", sigma="added brightness", draws="none", version="1")
        ... def brighter(images, sigma, nothing):
        ...     return images + sigma
    """
    if draws not in get_args(DrawKind):
        raise UnknownNameError(f"draws of the noise '{name}'", draws, get_args(DrawKind))

    def register(function: Function) -> Function:
        origin = origin_of(function)
        about = (inspect.getdoc(function) or "").strip().splitlines()
        family = NoiseFamily(
            name=f"{name}@{version_of(function, version)}",
            formula=formula or (about[0] if about else f"see {origin}"),
            sigma=sigma,
            source=origin,
            kind=draws,
            apply=_Checked(name, function, origin, clean_at_zero),
            max_sigma=max_sigma,
            min_sigma=min_sigma,
            clipped=clipped,
            clean_at_zero=clean_at_zero,
            origin=origin,
        )
        NOISES.admit(family)
        return function

    return register


class _Checked:
    """Calls the user's function, and says what is wrong with what comes of it."""

    def __init__(self, name: str, function: Apply, origin: str, clean_at_zero: bool) -> None:
        self._function, self._clean_at_zero = function, clean_at_zero
        self._what = f"The noise '{name}' of {origin}"
        try:
            self._file = inspect.getsourcefile(inspect.unwrap(function))
        except TypeError:
            self._file = None
        self._compared: set[float] = set()

    def __call__(self, images: FloatArray, sigma: float, drawn: FloatArray) -> FloatArray:
        if sigma == 0 and self._clean_at_zero:
            return images.copy()
        noisy = self._apply(images, sigma, drawn)
        if len(images) > 1 and sigma not in self._compared:
            self._compared.add(sigma)
            self._compare(noisy, images, sigma, drawn)
        return noisy

    def _apply(self, images: FloatArray, sigma: float, drawn: FloatArray) -> FloatArray:
        given, own = images.view(), drawn.view()
        given.flags.writeable = own.flags.writeable = False
        try:
            with np.errstate(all="ignore"), messages_apart():
                noisy = self._function(given, sigma, own)
        except Exception as error:
            raise LnbenchError(
                f"{self._what} failed at sigma {sigma:g}: {reason(error, self._file)}.",
                "It may not change what it is given: return new images. "
                if "read-only" in str(error)
                else "It is called with images (N, C, H, W) float32, sigma and a draw.",
            ) from error
        if not isinstance(noisy, np.ndarray) or noisy.shape != images.shape or noisy.dtype != np.float32:
            came = f"{noisy.shape} {noisy.dtype}" if isinstance(noisy, np.ndarray) else type(noisy).__name__
            raise LnbenchError(
                f"{self._what} returned {came} for images of {images.shape} float32.",
                "Return images of the same shape and type, such as noisy.astype(np.float32).",
            )
        if not np.isfinite(noisy).all():
            raise LnbenchError(
                f"{self._what} returned values that are not finite at sigma {sigma:g}.",
                "Keep it from dividing by 0, or give it a min_sigma or max_sigma.",
            )
        return noisy.copy() if not noisy.flags.writeable or np.may_share_memory(noisy, images) else noisy

    def _compare(self, noisy: FloatArray, images: FloatArray, sigma: float, drawn: FloatArray) -> None:
        """Make sure that an image comes out alone as it does among others."""
        for place in (0, len(images) - 1):
            part = slice(place, place + 1)
            alone = self._apply(images[part], sigma, drawn[part])
            if not np.allclose(alone, noisy[part], rtol=_ALIKE, atol=_ALIKE):
                raise LnbenchError(
                    f"{self._what} gives an image other noise when it comes alone than among {len(images)}.",
                    "Take random numbers from the draw alone, and sums and extremes over one image: "
                    "axis=(1, 2, 3).",
                )
