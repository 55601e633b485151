"""Test images of a benchmark under noise, where the data are on this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.data.dataset import DataInfo, DataSet, limited
from robustbench_ln.data.decoded import decoded_sets, find_decoded
from robustbench_ln.evaluation.images import NoisyImages
from robustbench_ln.experiments.evidence import Evidence, of_one_data_set
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.report.paper.item import Room

#: A rescaling takes its range over so many test images here; a sweep takes it over all.
RANGE_IMAGES = 500


def find_images(evidence: Evidence, room: Room) -> DataSet | None:
    """Return the data set of a benchmark, None where it is not on this machine; nothing is downloaded.

    It is the one that the cells were measured on; without cells the one that was named for the benchmark,
    or one of the declared name and size.
    """
    if len(evidence.cells):
        return find_decoded(str(of_one_data_set(evidence.cells)["checksum"].iloc[0]), room.data_dir)
    if evidence.benchmark in room.data:
        return room.data[evidence.benchmark]
    for folder, info in decoded_sets(room.data_dir):
        if _is_declared(info, evidence.settings):
            return DataSet(info, folder, spec=info.name, image_size=evidence.settings.image_size)
    return None


def noisy_images(
    data: DataSet, noise: NoiseSpec, sigma: str, indices: npt.NDArray[np.int64], settings: Benchmark
) -> FloatArray:
    """Return test images (n, C, H, W) under noise, as a network sees them, back on the [0, 1] scale.

    Args:
        data: the data set.
        noise: with its options; a rescaling takes its range over `RANGE_IMAGES` test images.
        sigma: a decimal string.
        indices: (n,) of the images.
        settings: the benchmark, for the network's own normalization.
    """
    arrays = data.arrays("test")
    channels = arrays.images.shape[1]
    given = settings.preprocessing
    mean = given.mean if given else (0.0,) * channels
    std = given.std if given else (1.0,) * channels
    train = data.info.splits["train"]
    stream = NoisyImages(
        arrays,
        noise,
        sigma,
        0,
        limited(len(arrays.labels), RANGE_IMAGES),
        {"mean": mean, "std": std},
        np.array([train.minimum, train.maximum]),
    )
    images = np.concatenate([part for _, part in stream.chunks(indices)])
    if stream.standardised:
        column = (1, -1, 1, 1)
        images = images * np.array(std, np.float32).reshape(column)
        images += np.array(mean, np.float32).reshape(column)
    return np.asarray(images, dtype=np.float32)


def as_tile(image: FloatArray, side: int) -> npt.NDArray[np.uint8]:
    """Return an image (C, H, W) as (h, w, 3) bytes for display, clipped to [0, 1].

    Args:
        image: values around [0, 1].
        side: larger images are thinned out to about so many pixels.
    """
    step = -(-max(image.shape[1:]) // side)
    shown = np.clip(image[:, ::step, ::step], 0, 1).transpose(1, 2, 0)
    colours = np.broadcast_to(shown, (*shown.shape[:2], 3))
    return np.asarray((colours * 255).round(), dtype=np.uint8)


def _is_declared(info: DataInfo, settings: Benchmark) -> bool:
    name, _, path = settings.data.partition(":")
    wanted = f"folder:{Path(path).name}" if name == "folder" else name
    size = settings.image_size
    return info.name == wanted and (size is None or info.shape[1:] == (size, size))
