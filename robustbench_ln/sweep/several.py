"""Several sweeps of one command: repeats, sigmas by noise or severity, and images corrupted elsewhere.

Importing this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from robustbench_ln.data.corrupted import CorruptedSet
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.noise.corrupt import default_sigmas, find_noise
from robustbench_ln.noise.ready_made import ready_made_name
from robustbench_ln.noise.severity import Constants, check_constants, constants_for, severity_sigmas
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.plan import NoisyPass, SweepSettings, plan_cells


@dataclass(frozen=True)
class Sweep:
    """Networks, each with the data to test it on, and what is asked of them."""

    pairs: Sequence[tuple[StoredModel, DataSet]]
    settings: SweepSettings


def check_strength(given: Mapping[str, object], *, severity: bool, constants: bool, corrupted: bool) -> None:
    """Make sure that a command names the strength of its noise in one way.

    Args:
        given: by option, its value; those that are not given are false.
        severity: whether severities are named.
        constants: whether those of one publication are asked for.
        corrupted: whether the images come from a folder of corrupted ones, as they are.

    Raises:
        LnbenchError: options that exclude each other.
    """
    if corrupted:
        for option, value in given.items():
            if value:
                raise LnbenchError(
                    f"{option} has no meaning for --corrupted, whose images are read as they are.",
                    f"Leave out {option}; --noise chooses files and --severity their parts.",
                )
    if severity and given["--sigma"]:
        raise LnbenchError("--sigma and --severity both name the strength of the noise.", "Give one of them.")
    if constants and (corrupted or not severity):
        raise LnbenchError("--constants says what --severity names.", "Add --severity 1:5 or leave it out.")


def repeated(sweeps: Sequence[Sweep], noise_seeds: Sequence[int], order_seeds: Sequence[int]) -> list[Sweep]:
    """Return sweeps once for each pair of a noise seed and an order seed."""
    return [
        replace(sweep, settings=replace(sweep.settings, seed=noise_seed, order_seed=order_seed))
        for noise_seed, order_seed in product(noise_seeds, order_seeds)
        for sweep in sweeps
    ]


def plan_sweeps(sweeps: Sequence[Sweep]) -> list[NoisyPass]:
    """Return the cells of sweeps, each once, grouped into passes; the errors are those of `plan_cells`.

    Sweeps may ask for the same cell: an order changes nothing in modes that couple no images.
    """
    planned: set[str] = set()
    passes = []
    for sweep in sweeps:
        for one in plan_cells(sweep.pairs, sweep.settings):
            new = [cell for cell in one.cells if cell.id not in planned]
            planned.update(cell.id for cell in new)
            if new:
                passes.append(replace(one, cells=new))
    return passes


def request_of(sweeps: Sequence[Sweep]) -> dict[str, Any]:
    """Return what some sweeps ask for as JSON values, for the record of the invocation."""
    requests = [sweep.settings.request() for sweep in sweeps]
    return {"sweep": requests[0]} if len(requests) == 1 else {"sweeps": requests}


def by_own_range(pairs: Sequence[tuple[StoredModel, DataSet]], settings: SweepSettings) -> list[Sweep]:
    """Return a sweep for each noise over nine sigmas from 0 to 4, or to its largest where that is below 4.

    Args:
        pairs: networks, each with the data to test it on.
        settings: what else is asked for; its sigmas are not.
    """
    return [
        Sweep(pairs, replace(settings, noises=(noise,), sigmas=default_sigmas(find_noise(noise.name))))
        for noise in settings.noises
    ]


def by_severity(
    pairs: Sequence[tuple[StoredModel, DataSet]],
    settings: SweepSettings,
    severities: Sequence[int],
    constants: str | None = None,
) -> list[Sweep]:
    """Return a sweep for each noise and size of images, at the sigmas that severities name there.

    Args:
        pairs: networks, each with the data to test it on.
        settings: what else is asked for; its sigmas are not.
        severities: 1 to 5.
        constants: whose; None for those that the size of each data set's images calls for.

    Raises:
        LnbenchError: a noise without severities, one that is rescaled, which changes its strength, or
            unknown constants.
    """
    chosen = check_constants(constants)
    if any(noise.rescale for noise in settings.noises):
        raise LnbenchError("A severity names unchanged noise, and --rescale changes it.", "Leave it out.")
    by_constants: dict[Constants, list[tuple[StoredModel, DataSet]]] = {}
    for model, data in pairs:
        by_constants.setdefault(chosen or constants_for(data.info.shape), []).append((model, data))
    return [
        Sweep(own, replace(settings, noises=(noise,), sigmas=severity_sigmas(noise.name, severities, named)))
        for noise in settings.noises
        for named, own in by_constants.items()
    ]


def on_corrupted(
    models: Sequence[StoredModel], sets: Sequence[CorruptedSet], settings: SweepSettings
) -> list[Sweep]:
    """Return a sweep for each corruption and severity of ready-made images.

    Args:
        models: networks; a folder names no classes, so labels count those of each network.
        sets: of `CorruptedFolder.sets`.
        settings: what else is asked for; its noises and sigmas are not.

    Raises:
        LnbenchError: labels beyond a network's classes.
    """
    sweeps = []
    for one in sets:
        noise = NoiseSpec(ready_made_name(one.corruption), ready_made=True)
        own = replace(settings, noises=(noise,), sigmas=(str(one.severity),))
        sweeps.append(Sweep([(model, _with_classes(one, model)) for model in models], own))
    return sweeps


def _with_classes(data: CorruptedSet, model: StoredModel) -> DataSet:
    """Return the images with a network's own classes."""
    classes = model.card["recipe"]["classes"]
    if len(data.info.classes) > classes:
        raise LnbenchError(
            f"Model '{model.id}' has {classes} classes, but the labels in '{data.folder}' go up to "
            f"{len(data.info.classes) - 1}.",
            "Choose models with --model GLOB.",
        )
    names = tuple(model.card.get("class_names") or map(str, range(classes)))
    return replace(data, info=replace(data.info, classes=names))
