"""Which cells of two networks were measured on the same noisy images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from robustbench_ln.comparison.networks import Network, Pair
from robustbench_ln.identity import canonical_json
from robustbench_ln.modes import full_mode
from robustbench_ln.noise import noise_text
from robustbench_ln.store.results import Results


@dataclass(frozen=True)
class Scene:
    """What two cells share: the test images and their noise, at any sigma.

    Attributes:
        key: all that decides on the noisy images, but sigma.
        data, checksum, limit: the test images.
        noise: with its options.
        noise_seed: of its draws.
    """

    key: str
    # What a folder of images is called does not decide on the images.
    data: str = field(compare=False)
    checksum: str
    limit: int | None
    noise: str
    noise_seed: int

    @classmethod
    def of(cls, identity: dict[str, Any], name: str) -> Scene:
        """Return the scene of a cell.

        Args:
            identity: of the cell.
            name: of its data, with the version where images of one name are of several.
        """
        data = identity["data"]
        noise = {name: value for name, value in identity["noise"].items() if name != "sigma"}
        text = noise_text(noise["name"], noise["clip"], noise["rescale"], noise["space"])
        # Standardised images are another network's own.
        own = None if noise["space"] == "pixel" else identity["model"]["preprocessing"]
        images = [data["checksum"], data["split"], data["limit"], name.removeprefix(data["name"])]
        key = canonical_json([images, noise, identity["seed"], identity["protocol"], own])
        return cls(key, name, data["checksum"], data["limit"], text, identity["seed"])


@dataclass(frozen=True)
class Cell:
    """A measured cell.

    Attributes:
        id: its name.
        sigma: a decimal string.
        coupled: whether its mode takes statistics from other test images.
    """

    id: str
    sigma: str
    coupled: bool


#: A sigma, and what names the images where they were corrupted elsewhere; empty where they are made here.
Point = tuple[str, str]


@dataclass(frozen=True)
class Curves:
    """Cells of a network in one mode.

    Attributes:
        cells: by scene, then by sigma and the checksum of ready-made images. Of several batch sizes, orders,
            votes or precisions the same one at all points of a scene: that with most cells, else the usual.
        others: how many cells were left out for that.
        settings: batches and orders of the cells, in words; empty where images are not coupled.
    """

    cells: dict[Scene, dict[Point, Cell]]
    others: int
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Common:
    """What two networks can be compared at.

    Attributes:
        pair: the networks.
        scene: what they saw.
        cells: (A's, B's) by ascending sigma.
    """

    pair: Pair
    scene: Scene
    cells: tuple[tuple[Cell, Cell], ...]


_SETTING = ["batch_size", "set_size", "order", "order_seed", "vote", "dtype"]


def curves_of(network: Network, cells: pd.DataFrame, store: Results) -> Curves:
    """Return what a network in one mode was measured at.

    Args:
        network: the network.
        cells: rows of `load_results`.
        store: which they were read from.

    Raises:
        LnbenchError: a record that cannot be read.
    """
    modes = np.array([full_mode(*one) for one in zip(cells["mode"], cells["blend"], strict=True)])
    own = cells[(cells["model"] == network.model) & (modes == network.mode)]
    found: dict[Scene, dict[tuple[Any, ...], dict[Point, Cell]]] = defaultdict(lambda: defaultdict(dict))
    for row in own.itertuples():
        identity = store.identity(row.cell)
        setting = tuple(
            None if pd.isna(value) else value for value in (getattr(row, one) for one in _SETTING)
        )
        cell = Cell(row.cell, identity["noise"]["sigma"], bool(row.coupled))
        point = cell.sigma, identity["data"].get("images", "")
        found[Scene.of(identity, row.data)][setting][point] = cell
    kept: dict[Scene, dict[Point, Cell]] = {}
    words: dict[str, None] = {}
    for scene, settings in found.items():
        setting = max(settings, key=lambda one: _rank(one, len(settings[one])))
        kept[scene] = dict(sorted(settings[setting].items(), key=lambda item: float(item[0][0])))
        words[_in_words(setting)] = None
    return Curves(kept, len(own) - sum(map(len, kept.values())), tuple(filter(None, words)))


def _rank(setting: tuple[Any, ...], cells: int) -> tuple[Any, ...]:
    """Return what the largest is taken of."""
    batch_size, _, order, order_seed, vote, dtype = setting
    return cells, order == "shuffled", vote != "mean", dtype == "float32", batch_size or 0, -(order_seed or 0)


def _in_words(setting: tuple[Any, ...]) -> str:
    batch_size, set_size, order, order_seed, _, _ = setting
    if batch_size is None:
        return ""
    seed = "" if order_seed is None else f", order seed {order_seed}"
    return f"batches of {batch_size} in sets of {set_size}, {order}{seed}"


def common_cells(pair: Pair, a: Curves, b: Curves) -> tuple[list[Common], list[str], list[str]]:
    """Return cells of two networks on the same noisy images, and sentences on those of A, and of B, alone."""
    found: list[Common] = []
    alone: dict[str, list[str]] = {"A": [], "B": []}
    for scene in dict.fromkeys([*a.cells, *b.cells]):
        own, others = a.cells.get(scene, {}), b.cells.get(scene, {})
        both = [point for point in own if point in others]
        if both:
            found.append(Common(pair, scene, tuple((own[point], others[point]) for point in both)))
        for name, network, one, other in (("A", pair.a, own, others), ("B", pair.b, others, own)):
            only = [sigma for sigma, images in one if (sigma, images) not in other]
            if only:
                alone[name].append(
                    f"Left out, measured only for {name} ({network.text}): {_scene_text(scene)}, "
                    f"sigma {', '.join(only)}."
                )
    return found, alone["A"], alone["B"]


def setting_remarks(networks: Sequence[tuple[str, Network, Curves]]) -> list[str]:
    """Return sentences on the batches that coupled modes were measured in, and on cells of other ones."""
    remarks = []
    for name, network, curves in networks:
        if curves.settings:
            remarks.append(f"{name}, mode {network.mode}: {'; '.join(curves.settings)}.")
        if curves.others:
            remarks.append(
                f"Left out {curves.others} cells of {name}'s {network.text} in other batches, orders, votes "
                "or precisions."
            )
    return remarks


def _scene_text(scene: Scene) -> str:
    images = "all images" if scene.limit is None else f"{scene.limit:,} images"
    return f"{scene.data}, {images}, {scene.noise}, noise seed {scene.noise_seed}"
