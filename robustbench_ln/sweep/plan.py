"""Plan a sweep: which cells are asked for, and which of them share a noisy pass over the images.

Importing this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.devices import DTYPES
from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.evaluation.order import check_order, takes_seed
from robustbench_ln.identity import PROTOCOL_VERSION, canonical_json
from robustbench_ln.modes import MODES, Layout, Vote, fits_norm, lay_out, modes_for, parse_mode
from robustbench_ln.noise import NoiseSpec, sigma_value
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.cell import Cell, CurveCells, NoiseAt
from robustbench_ln.sweep.class_order import check_classes


@dataclass(frozen=True)
class SweepSettings:
    """What a sweep asks for, besides networks and data.

    Attributes:
        noises: families with their options.
        sigmas: decimal strings.
        modes: test-time modes; None for all that fit each network.
        seed: of the noise, and of mode `single`'s groups.
        order: of the test images, see `robustbench_ln.evaluation.order`: all but "shuffled" starve batch
            statistics of variety.
        order_seed: of what is drawn in it.
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
    order: str = "shuffled"
    order_seed: int = 0
    vote: Vote = "majority"
    batch_size: int | None = None
    limit: int | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for noise in self.noises:
            for sigma in self.sigmas:
                sigma_value(noise.family, sigma)
        for kind, value, known in (
            ("vote rule", self.vote, get_args(Vote)),
            ("dtype", self.dtype, tuple(DTYPES.values())),
        ):
            if value not in known:
                raise UnknownNameError(kind, value, known)
        object.__setattr__(self, "order", check_order(self.order))
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
    planned = [(_curves(model, data, settings), data, _preprocessing(model)) for model, data in models]
    passes: dict[tuple[object, ...], NoisyPass] = {}
    for noise in settings.noises:
        for sigma in settings.sigmas:
            noises: dict[str, NoiseAt] = {}
            for curves, data, preprocessing in planned:
                folder = str(data.folder)
                if folder not in noises:
                    identity = noise.identity() | {"sigma": sigma} | _rescaling(noise, data)
                    noises[folder] = NoiseAt.of(noise, sigma, identity)
                key = (folder, noise, sigma, None if noise.space == "pixel" else preprocessing)
                one_pass = passes.setdefault(key, NoisyPass(data, noise, sigma, settings))
                one_pass.cells.extend(curve.cell(noises[folder]) for curve in curves)
    return list(passes.values())


def missing(passes: Sequence[NoisyPass], finished: set[str]) -> list[NoisyPass]:
    """Return the passes with the cells that are not finished; passes without any are left out."""
    left = []
    for one in passes:
        cells = [cell for cell in one.cells if cell.id not in finished]
        if cells:
            left.append(NoisyPass(one.data, one.noise, one.sigma, one.settings, cells))
    return left


def _curves(model: StoredModel, data: DataSet, settings: SweepSettings) -> list[CurveCells]:
    """Return what is asked of a network, a curve a mode."""
    recipe = model.card["recipe"]
    _check_fits(model, data)
    fitting = modes_for(recipe["norm"])
    norm_groups = recipe["norm_options"]["groups"] if find_norm(recipe["norm"]).has_groups else 1
    trained_batch = recipe["train"]["batch_size"]
    curves = []
    for mode in fitting if settings.modes is None else _asked(settings.modes, recipe["norm"]):
        # Uncoupled modes keep the network's own batch: their numbers do not depend on it, their bytes may.
        layout = lay_out(mode, recipe["norm"], norm_groups, trained_batch)
        # A blend with one image couples none, but does with more.
        if settings.batch_size is not None and (layout.coupled or layout.blend is not None):
            layout = lay_out(mode, recipe["norm"], norm_groups, settings.batch_size)
            _check_fills(layout, data)
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
            "seed": settings.seed,
            "mode": {
                "name": layout.mode,
                "vote": settings.vote if layout.copies > 1 else None,
                **(layout.blend.identity() if layout.blend else {}),
            },
            "coupling": _coupling(layout, settings),
            "dtype": settings.dtype,
        }
        curves.append(CurveCells.of(model, layout, settings.vote, identity))
    return curves


def _asked(modes: Sequence[str], norm: str) -> list[str]:
    """Return the modes asked for that fit a norm, in the order in which all modes stand."""
    return sorted(
        (mode for mode in modes if fits_norm(mode, norm)), key=lambda mode: MODES.index(parse_mode(mode)[0])
    )


def _preprocessing(model: StoredModel) -> str:
    return canonical_json(model.card["recipe"]["preprocessing"])


def _check_fits(model: StoredModel, data: DataSet) -> None:
    """Make sure that a network takes the images of a data set, and knows its classes.

    Raises:
        LnbenchError: it does not.
    """
    recipe = model.card["recipe"]
    if tuple(recipe["image_shape"]) != data.info.shape or recipe["classes"] != len(data.info.classes):
        raise LnbenchError(
            f"Model '{model.id}' takes images of shape {tuple(recipe['image_shape'])} "
            f"in {recipe['classes']} classes, "
            f"but '{data.info.name}' has {data.info.shape} in {len(data.info.classes)}.",
            "Choose models with --model GLOB or data with --data SPEC. "
            "A network is tested on all of its classes, not on a part of them.",
        )
    check_classes(model, data)


def _check_fills(layout: Layout, data: DataSet) -> None:
    """Make sure that a data set fills a batch that was asked for with different images.

    Raises:
        LnbenchError: it has too few, so that statistics would be those of repeated images.
    """
    images = data.info.splits["test"].images
    if layout.images > images:
        raise LnbenchError(
            f"A batch of {layout.images:,} different images in mode '{layout.mode}' is more than the "
            f"{images:,} test images of '{data.info.name}'.",
            "Ask for a smaller batch or set.",
        )


def _rescaling(noise: NoiseSpec, data: DataSet) -> dict[str, Any]:
    """Return the range that a rescaling maps to: that of the training images, which nothing else names."""
    if not noise.rescale:
        return {}
    data.check_train(f"'{noise.text}' rescales to their range")
    train = data.info.splits["train"]
    return {"train_range": [list(train.minimum), list(train.maximum)]}


def _coupling(layout: Layout, settings: SweepSettings) -> dict[str, Any] | None:
    if not layout.coupled:
        return None
    return {
        "batch_size": layout.images * layout.copies,
        "set_size": layout.set_size,
        "order": settings.order,
        "order_seed": settings.order_seed if takes_seed(settings.order) else None,
    }


def _check_modes(models: Sequence[StoredModel], settings: SweepSettings) -> None:
    norms = {model.card["recipe"]["norm"] for model in models}
    for mode in settings.modes or ():
        if not any(fits_norm(mode, norm) for norm in norms):
            known = [known for known in MODES if any(fits_norm(known, norm) for norm in norms)]
            raise LnbenchError(
                f"Mode '{mode}' fits none of the models ({', '.join(sorted(norms))}).",
                f"Modes that fit: {', '.join(known)}.",
            )
