"""What a noise family is: a name, a formula, what sigma means, and a pure function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from robustbench_ln.noise.draws import DrawKind, FloatArray


@dataclass(frozen=True)
class NoiseFamily:
    """One kind of noise.

    Attributes:
        name: short name, as on the command line; with `@` and a version where it is the user's.
        formula: x is the image in [0, 1], xi or U or m the random number of each value, unless it says
            otherwise.
        sigma: what sigma means, with its unit.
        source: the paper's text, the authors' code, or a definition of the name.
        kind: the random numbers that `apply` takes.
        apply: (images (N, C, H, W) float32, sigma, draw) -> images (N, C, H, W) float32, not clipped.
            Sigma 0 is the identity where `clean_at_zero`.
        max_sigma: the largest meaningful sigma, None where there is none.
        min_sigma: the smallest sigma above 0, None where there is none.
        clipped: whether a clip to [0, 1], which `apply` leaves out, belongs to the definition.
        clean_at_zero: whether sigma 0 leaves the images as they are.
        origin: where the user's code is; empty for a built-in noise.
    """

    name: str
    formula: str
    sigma: str
    source: str
    kind: DrawKind
    apply: Callable[[FloatArray, float, FloatArray], FloatArray]
    max_sigma: float | None = None
    min_sigma: float | None = None
    clipped: bool = False
    clean_at_zero: bool = True
    origin: str = ""
