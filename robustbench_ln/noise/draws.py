"""Random numbers keyed by (seed, stream, image index): never by batch, order, worker or device.

One draw serves every sigma of an image (common random numbers). It is kept for the next sigma where it fits
into a fixed amount of memory, and else made again from its key, so a sweep's memory does not grow with its
length.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from robustbench_ln.identity import random_key

FloatArray = npt.NDArray[np.float32]
DrawKind = Literal["normal", "uniform", "uniform-per-pixel", "none"]


def draw(
    kind: DrawKind,
    seed: int,
    stream: str,
    indices: Sequence[int] | npt.NDArray[np.int64],
    shape: tuple[int, int, int],
    *,
    keep: bool = False,
) -> FloatArray:
    """Return one draw per image from Philox, a counter-based generator.

    Args:
        kind: "normal" is N(0, 1); "uniform" is U[0, 1); "uniform-per-pixel" is U[0, 1) with one
            number for all channels of a pixel; "none" is for families without random numbers.
        seed: names the repeat.
        stream: names what the numbers are for, so that two uses never share them.
        indices: (N,) positions of the images in their data set.
        shape: (C, H, W) of an image.
        keep: keep the draw for the next call, which a sweep makes at its next sigma.

    Returns:
        (N, C, H, W) float32, or (N, 1, H, W) for "uniform-per-pixel", or (N, 0, H, W) for "none".
        What is kept cannot be written to.
    """
    positions = np.asarray(indices, dtype=np.int64)
    if not keep:
        return _draw(kind, seed, stream, positions, shape)
    key = (kind, seed, stream, shape, hashlib.blake2b(positions.tobytes()).digest())
    found = _kept.find(key)
    if found is None:
        found = _draw(kind, seed, stream, positions, shape)
        found.flags.writeable = False
        _kept.keep(key, found)
    return found


class _Kept:
    """The draws that were asked for last, up to an amount of memory."""

    def __init__(self, bytes_: int) -> None:
        self._left, self._whole = bytes_, bytes_
        self._draws: OrderedDict[Hashable, FloatArray] = OrderedDict()

    def find(self, key: Hashable) -> FloatArray | None:
        if key not in self._draws:
            return None
        self._draws.move_to_end(key)
        return self._draws[key]

    def keep(self, key: Hashable, drawn: FloatArray) -> None:
        if drawn.nbytes > self._whole:
            return
        while drawn.nbytes > self._left:
            _, oldest = self._draws.popitem(last=False)
            self._left += oldest.nbytes
        self._draws[key] = drawn
        self._left -= drawn.nbytes


#: 10,000 images of 32x32 pixels in three channels.
_kept = _Kept(128 * 2**20)


def _draw(
    kind: DrawKind, seed: int, stream: str, indices: npt.NDArray[np.int64], shape: tuple[int, int, int]
) -> FloatArray:
    channels, height, width = shape
    one = ({"uniform-per-pixel": 1, "none": 0}.get(kind, channels), height, width)
    count = math.prod(one)
    out = np.empty((len(indices), *one), dtype=np.float32)
    if not count:
        return out
    bits = np.random.Philox(key=np.array(random_key(seed, stream), dtype=np.uint64))
    generator = np.random.Generator(bits)
    # Seeking one generator to the image's counter takes 6 microseconds, making one a generator 30 to 50.
    state = bits.state
    for position, index in enumerate(indices):
        state["state"]["counter"][:] = (0, 0, index, 0)
        state["buffer_pos"], state["has_uint32"], state["uinteger"] = 4, 0, 0
        bits.state = state
        flat = out[position].reshape(count)
        if kind == "normal":
            generator.standard_normal(dtype=np.float32, out=flat)
        else:
            generator.random(dtype=np.float32, out=flat)
    return out


def draw_groups(
    seed: int, indices: Sequence[int] | npt.NDArray[np.int64], groups: int
) -> npt.NDArray[np.int64]:
    """Return the (N,) group that mode SINGLE sends each image through: uniform, the same at every sigma."""
    uniform = draw("uniform", seed, "single-group", indices, (1, 1, 1)).reshape(-1)
    return np.minimum((uniform * groups).astype(np.int64), groups - 1)
