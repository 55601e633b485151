"""A strip of one test image above a panel, each copy over its sigma, as in the paper's Fig 7 and 8."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.data.dataset import DataSet, limited
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.report.formats import sigma_text
from robustbench_ln.report.paper.pictures import as_tile, noisy_images

#: Inches: a copy of the image, and what stands between strip and panel and above the strip.
SIDE = 0.4
_GAP, LABEL = 0.07, 0.15
STRIP = SIDE + _GAP + LABEL
_PIXELS = 64
#: A rescaling reads many images for each sigma.
_MOST_RESCALED = 5


def widen_axis(axes: Axes, sigmas: list[float], width: float) -> None:
    """Give the axis room for half an image on both sides.

    Args:
        axes: a panel.
        sigmas: all of the axis, ascending.
        width: of the panel in inches.
    """
    span = (sigmas[-1] - sigmas[0]) or 1.0
    # Half an image, in units of sigma, of an axis that is one image wider than the sigmas reach.
    half = 0.5 * span * SIDE / (width - SIDE)
    axes.set_xlim(sigmas[0] - half, sigmas[-1] + half)


def strip_sigmas(sigmas: list[float], width: float, most: int | None = None) -> list[float]:
    """Return the sigmas whose images stand side by side without touching.

    Args:
        sigmas: all of the axis, ascending.
        width: of the panel in inches, its axis as `widen_axis` makes it.
        most: keep at most about so many.
    """
    span = (sigmas[-1] - sigmas[0]) or 1.0
    apart = 1.06 * span * SIDE / (width - SIDE)
    if most is not None:
        apart = max(apart, span / (most - 0.5))
    kept = [sigmas[0]]
    for sigma in sigmas[1:]:
        if sigma - kept[-1] >= apart:
            kept.append(sigma)
    return kept


def draw_strip(
    axes: Axes,
    sigmas: list[float],
    size: tuple[float, float],
    data: DataSet,
    noise: NoiseSpec,
    settings: Benchmark,
) -> None:
    """Draw the strip above a panel whose axis `widen_axis` has set.

    Args:
        axes: the panel.
        sigmas: all of the axis, ascending.
        size: width and height of the panel in inches.
        data: the data set.
        noise: of the panel.
        settings: the benchmark.
    """
    width, height = size
    low, high = axes.get_xlim()
    half = 0.5 * (high - low) * SIDE / width
    strip = axes.inset_axes((0, 1 + _GAP / height, 1, SIDE / height))
    strip.set_axis_off()
    index = strip_image(data)
    for sigma in strip_sigmas(sigmas, width, _MOST_RESCALED if noise.rescale else None):
        (image,) = noisy_images(data, noise, sigma_text(sigma), index, settings)
        strip.imshow(
            as_tile(image, _PIXELS),
            extent=(sigma - half, sigma + half, 0, 1),
            aspect="auto",
            interpolation="none",
        )
        strip.annotate(
            sigma_text(sigma), (sigma, 1), (0, 2), textcoords="offset points", ha="center", fontsize=8
        )
    strip.set(xlim=(low, high), ylim=(0, 1))


def strip_image(data: DataSet) -> npt.NDArray[np.int64]:
    """Return the (1,) index of the test image that strips show: the first of a fixed random choice."""
    return limited(data.info.splits["test"].images, 500)[:1]
