"""Draw a few fixed test images under each noise and sigma."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from robustbench_ln.data.dataset import Arrays, DataSet, limited
from robustbench_ln.evaluation.images import IntArray, NoisyImages
from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.report.drawing import WIDTH, as_picture, figure_style, framed_axes, shorten
from robustbench_ln.report.exhibit import Exhibit, Picture, Table, csv_name, csv_uri
from robustbench_ln.report.formats import percent, sigma_text, visible
from robustbench_ln.report.inputs import DataGroup, NoiseGroup, spread_sigmas
from robustbench_ln.wording import listed

_IMAGES = 4
_SIGMAS = 9
#: Larger images are thinned out to this many pixels a side: noise does not compress.
_SIDE = 64
_GAP = 2
#: Between images, which may be all black or all white.
_GREY = 0.85


def draw_samples(data: DataGroup, noise: NoiseGroup, identities: dict[str, dict[str, Any]]) -> Exhibit:
    """Draw the same few test images at the sigmas of one noise.

    Args:
        data: a data set that is on this machine.
        noise: the noise.
        identities: of the cells, by cell id.
    """
    assert data.data is not None
    arrays = data.data.arrays("test")
    used = limited(len(arrays.labels), data.limit)
    chosen = _one_of_each_class(arrays, used)
    sigmas = _sigmas(noise)
    first = identities[noise.cells["cell"].iloc[0]]
    tiles = {
        text: _noisy(data.data, arrays, noise, text, used, chosen, first) for text in sigmas["sigma_text"]
    }
    names = [visible(data.classes[label]) for label in arrays.labels[chosen]]
    table = _measured(tiles, sigmas, chosen, names)
    shown = [sigma_text(sigma) for sigma in sigmas["sigma"]]
    return Exhibit(
        _draw(list(tiles.values()), shown, names),
        f"{len(chosen)} test images of {data.label}, of classes {listed(names)}, under {noise.label} "
        f"at sigma {listed(shown)}.",
        _caption(data, noise, first, arrays),
        csv_uri(table),
        csv_name("samples", data.label, noise.label),
        [_outside_table(table, data, noise, shown)],
    )


def _one_of_each_class(arrays: Arrays, used: IntArray) -> IntArray:
    """Return the first image of each of the first few classes among the images in use."""
    _, first = np.unique(arrays.labels[used], return_index=True)
    return np.asarray(used[first[:_IMAGES]])


def _sigmas(noise: NoiseGroup) -> pd.DataFrame:
    """Return the sigmas to show; few where each needs a pass over the whole noisy set."""
    known = noise.cells[["sigma", "sigma_text"]].drop_duplicates("sigma").sort_values("sigma")
    if noise.spec.rescale:
        return known[known["sigma"].isin(spread_sigmas(known["sigma"]))]
    kept = np.unique(np.linspace(0, len(known) - 1, min(_SIGMAS, len(known))).round().astype(int))
    return known.iloc[kept]


def _noisy(
    data: DataSet,
    arrays: Arrays,
    noise: NoiseGroup,
    sigma: str,
    used: IntArray,
    chosen: IntArray,
    identity: dict[str, Any],
) -> FloatArray:
    """Return the chosen images (n, C, H, W) as a network sees them, back on the [0, 1] scale."""
    preprocessing = identity["model"]["preprocessing"]
    train = data.info.splits["train"]
    stream = NoisyImages(
        arrays,
        noise.spec,
        sigma,
        identity["seed"],
        used,
        preprocessing,
        np.array([train.minimum, train.maximum]),
    )
    images = np.concatenate([part for _, part in stream.chunks(chosen)])
    if stream.standardised:
        mean, std = (
            np.asarray(preprocessing[key], np.float32).reshape(1, -1, 1, 1) for key in ("mean", "std")
        )
        images = images * std + mean
    return images


def _draw(tiles: list[FloatArray], sigmas: list[str], names: list[str]) -> Picture:
    step = _thinning(tiles[0].shape)
    small = [np.clip(images[:, :, ::step, ::step], 0, 1) for images in tiles]
    _, _, height, width = small[0].shape
    canvas = np.full((len(names) * (height + _GAP), len(sigmas) * (width + _GAP), 3), _GREY, np.float32)
    for column, images in enumerate(small):
        for row, image in enumerate(images):
            top, left = row * (height + _GAP), column * (width + _GAP)
            canvas[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    canvas = canvas[:-_GAP, :-_GAP]
    labels = [shorten(name, 14) for name in names]
    margin = 0.15 + 0.075 * max(map(len, labels))
    across = min(WIDTH - margin - 0.1, 1.1 * len(sigmas))
    down = across * canvas.shape[0] / canvas.shape[1]
    with figure_style():
        figure, axes = framed_axes(across, down, left=margin, right=0.1, top=0.3, bottom=0.1)
        axes.imshow((canvas * 255).round().astype(np.uint8), interpolation="none")
        axes.xaxis.tick_top()
        axes.set_xticks(_centres(len(sigmas), width), [f"sigma {sigmas[0]}", *sigmas[1:]], fontsize=8.5)
        axes.set_yticks(_centres(len(names), height), labels, fontsize=8.5)
        return as_picture(figure)


def _thinning(shape: tuple[int, ...]) -> int:
    """Return of how many pixels along a side one is shown."""
    return -(-max(shape[2:]) // _SIDE)


def _centres(count: int, side: int) -> npt.NDArray[np.float64]:
    return np.arange(count, dtype=np.float64) * (side + _GAP) + (side - 1) / 2


def _measured(
    tiles: dict[str, FloatArray], sigmas: pd.DataFrame, chosen: IntArray, names: list[str]
) -> pd.DataFrame:
    """Return what clipping for display hides: the range of each shown image and its share outside [0, 1]."""
    return pd.DataFrame(
        {
            "sigma": sigma,
            "index": index,
            "class": name,
            "minimum": float(image.min()),
            "maximum": float(image.max()),
            "outside": float(((image < 0) | (image > 1)).mean()),
        }
        for sigma, images in zip(sigmas["sigma"], tiles.values(), strict=True)
        for index, name, image in zip(chosen.tolist(), names, images, strict=True)
    )


def _outside_table(table: pd.DataFrame, data: DataGroup, noise: NoiseGroup, shown: list[str]) -> Table:
    rows = [
        [str(index), name, *map(percent, images.sort_values("sigma")["outside"])]
        for (index, name), images in table.groupby(["index", "class"], sort=False)
    ]
    caption = (
        f"Share of values outside [0, 1], which the picture clips and the network sees: {data.label} "
        f"under {noise.label}, by sigma"
    )
    return Table(caption, ["test image", "class", *shown], rows, heads=2)


def _caption(data: DataGroup, noise: NoiseGroup, identity: dict[str, Any], arrays: Arrays) -> str:
    sentences = [
        f"The same test images of {data.label} under {noise.label}, noise seed {identity['seed']}, "
        "shown clipped to [0, 1]."
    ]
    if noise.spec.space == "standardised":
        sentences.append(
            f"Noise was added after the normalization of model {identity['model']['id']}, "
            "which is undone here."
        )
    step = _thinning(arrays.images.shape)
    if step > 1:
        sentences.append(f"One pixel in {step} is shown along each side.")
    return " ".join(sentences)
