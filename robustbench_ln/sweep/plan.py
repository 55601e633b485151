"""Plan a sweep: which cells are asked for, and which of them share a noisy pass over the images.

Importing this file does not import torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.devices import DTYPES
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.evaluation.images import Order
from robustbench_ln.identity import PROTOCOL_VERSION, canonical_json, content_hash
from robustbench_ln.modes import Layout, Vote, lay_out, modes_for
from robustbench_ln.noise import NoiseSpec, find_noise, sigma_value
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.stored import StoredModel


@dataclass(frozen=True)
class SweepSettings:
    """What a sweep asks for, besides networks and data.

    Attributes:
        noises: families with their options.
        sigmas: decimal strings.
        modes: test-time modes; None for all that fit each network.
        seed: of the noise, and of mode `single`'s groups.
        order: of the test images: a seeded permutation, or sorted by class, which starves batch statistics
            of variety.
        order_seed: of the permutation.
        vote: rule of the voting modes.
        batch_size: N of the coupled modes; None for each network's training batch.
        limit: evaluate this many images only.
        dtype: "float32" or "bfloat16", in which networks multiply.

    Raises:
        LnbenchError: a sigma that a family does not allow, an unknown order, vote rule or dtype, a limit or
            batch without images, a negative seed.
    """

    noises: tuple[NoiseSpec, ...]
    sigmas: tuple[str, ...]
    modes: tuple[str, ...] | None = None
    seed: int = 0
    order: Order = "shuffled"
    order_seed: int = 0
    vote: Vote = "majority"
    batch_size: int | None = None
    limit: int | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for noise in self.noises:
            for sigma in self.sigmas:
                sigma_value(find_noise(noise.name), sigma)
        for kind, value, known in (
            ("order", self.order, get_args(Order)),
            ("vote rule", self.vote, get_args(Vote)),
            ("dtype", self.dtype, tuple(DTYPES.values())),
        ):
            if value not in known:
                raise UnknownNameError(kind, value, known)
        for name, number in (("limit", self.limit), ("batch size", self.batch_size)):
            if number is not None and number < 1:
                raise LnbenchError(f"A {name} of {number} holds no image.", "Give 1 or more.")
        for name, number in (("seed", self.seed), ("order seed", self.order_seed)):
            if number < 0:
                raise LnbenchError(f"The {name} {number} is negative.", "Give 0 or more.")

    def request(self) -> dict[str, Any]:
        """Return the settings as JSON values, for the record of the invocation."""
        return asdict(self)


@dataclass(frozen=True)
class Cell:
    """One number to measure.

    Attributes:
        id: a readable start and a hash over `identity`.
        title: the network, its mode and the noise, for people.
        identity: everything that can change the counts.
        model: the network in the store.
        layout: how its mode arranges images.
        vote: rule of the voting modes.
    """

    id: str
    title: str
    identity: Mapping[str, Any]
    model: StoredModel
    layout: Layout
    vote: Vote


@dataclass(frozen=True)
class NoisyPass:
    """Cells that read the same noisy images in the same order: the noise is made once for all of them.

    Attributes:
        data: the data set.
        noise: the family with its options.
        sigma: decimal string.
        settings: seeds, order, limit and dtype.
        cells: what to measure.
    """

    data: DataSet
    noise: NoiseSpec
    sigma: str
    settings: SweepSettings
    cells: list[Cell] = field(default_factory=list)

    @property
    def models(self) -> dict[str, StoredModel]:
        """The networks of its cells, by id."""
        return {cell.model.id: cell.model for cell in self.cells}


def plan_cells(models: Sequence[tuple[StoredModel, DataSet]], settings: SweepSettings) -> list[NoisyPass]:
    """Return all cells of a sweep, grouped into passes, sigma by sigma.

    Args:
        models: networks, each with the data set to test it on.
        settings: what is asked for. Modes that fit no network are an error; a mode that fits some networks
            is measured on those.

    Raises:
        LnbenchError: no network, a mode that fits none, data that do not fit a network, or a batch size that
            does not divide into a network's groups.
    """
    _check_modes([model for model, _ in models], settings)
    passes: dict[str, NoisyPass] = {}
    for noise in settings.noises:
        for sigma in settings.sigmas:
            for model, data in models:
                shared = noise.space == "pixel" or model.card["recipe"]["preprocessing"]
                key = canonical_json([str(data.folder), noise.identity(), sigma, shared])
                one_pass = passes.setdefault(key, NoisyPass(data, noise, sigma, settings))
                one_pass.cells.extend(_cells(model, data, noise, sigma, settings))
    return list(passes.values())


def missing(passes: Sequence[NoisyPass], finished: set[str]) -> list[NoisyPass]:
    """Return the passes with the cells that are not finished; passes without any are left out."""
    left = []
    for one in passes:
        cells = [cell for cell in one.cells if cell.id not in finished]
        if cells:
            left.append(NoisyPass(one.data, one.noise, one.sigma, one.settings, cells))
    return left


def _cells(
    model: StoredModel, data: DataSet, noise: NoiseSpec, sigma: str, settings: SweepSettings
) -> list[Cell]:
    recipe = model.card["recipe"]
    if tuple(recipe["image_shape"]) != data.info.shape or recipe["classes"] != len(data.info.classes):
        raise LnbenchError(
            f"Model '{model.id}' takes images of shape {tuple(recipe['image_shape'])} "
            f"in {recipe['classes']} classes, "
            f"but '{data.info.name}' has {data.info.shape} in {len(data.info.classes)}.",
            "Choose models with --model GLOB or data with --data SPEC. "
            "A network is tested on all of its classes, not on a part of them.",
        )
    trained_classes = model.card.get("class_names")
    if trained_classes is not None and not _same_classes(trained_classes, data.info.classes):
        different = sorted(set(trained_classes) ^ set(data.info.classes)) or ["their order"]
        raise LnbenchError(
            f"Model '{model.id}' knows other classes than '{data.info.name}': {', '.join(different[:6])}.",
            "Test it on data with the classes it was trained on.",
        )
    fitting = modes_for(recipe["norm"])
    norm_groups = recipe["norm_options"]["groups"] if find_norm(recipe["norm"]).has_groups else 1
    trained_batch = recipe["train"]["batch_size"]
    cells = []
    for mode in fitting if settings.modes is None else [mode for mode in fitting if mode in settings.modes]:
        # Uncoupled modes keep the network's own batch: their numbers do not depend on it, their bytes may.
        layout = lay_out(mode, recipe["norm"], norm_groups, trained_batch)
        if layout.coupled and settings.batch_size is not None:
            layout = lay_out(mode, recipe["norm"], norm_groups, settings.batch_size)
        identity = {
            "protocol": PROTOCOL_VERSION,
            "model": {
                "id": model.id,
                "benchmark": recipe["benchmark"],
                "network": recipe["network"],
                "norm": recipe["norm"],
                "norm_options": recipe["norm_options"],
                "preprocessing": recipe["preprocessing"],
                "seed": recipe["seed"],
            },
            "data": data.identity("test", settings.limit),
            "noise": noise.identity() | {"sigma": sigma} | _rescaling(noise, data),
            "seed": settings.seed,
            "mode": {"name": mode, "vote": settings.vote if layout.copies > 1 else None},
            "coupling": _coupling(layout, settings),
            "dtype": settings.dtype,
        }
        name = f"{recipe['norm']}-{mode}-{noise.name}-{sigma}-{content_hash(identity)}"
        sets = f" of {layout.images * layout.copies}" if layout.coupled else ""
        title = f"{model.id.partition('.')[0]} {mode}{sets}, {noise.text} {sigma}"
        cells.append(Cell(name, title, identity, model, layout, settings.vote))
    return cells


def _same_classes(trained: Sequence[str], tested: Sequence[str]) -> bool:
    """Return whether labels mean the same: equal names in equal order.

    ImageNet's folders have WordNet ids for names, and its networks count their classes in the order of those.
    """
    by_wordnet_id = len(tested) == 1000 and all(re.fullmatch(r"n\d{8}", name) for name in tested)
    imagenet = len(trained) == 1000 and trained[0] == "tench" and trained[-1] == "toilet tissue"
    return list(trained) == list(tested) or (by_wordnet_id and imagenet)


def _rescaling(noise: NoiseSpec, data: DataSet) -> dict[str, Any]:
    """Return the range that a rescaling maps to: that of the training images, which nothing else names."""
    if not noise.rescale:
        return {}
    train = data.info.splits["train"]
    return {"train_range": [list(train.minimum), list(train.maximum)]}


def _coupling(layout: Layout, settings: SweepSettings) -> dict[str, Any] | None:
    if not layout.coupled:
        return None
    return {
        "batch_size": layout.images * layout.copies,
        "set_size": layout.set_size,
        "order": settings.order,
        "order_seed": settings.order_seed if settings.order == "shuffled" else None,
    }


def _check_modes(models: Sequence[StoredModel], settings: SweepSettings) -> None:
    norms = {model.card["recipe"]["norm"] for model in models}
    known = {mode for norm in norms for mode in modes_for(norm)}
    for mode in settings.modes or ():
        if mode not in known:
            raise LnbenchError(
                f"Mode '{mode}' fits none of the models ({', '.join(sorted(norms))}).",
                f"Modes that fit: {', '.join(sorted(known))}.",
            )
