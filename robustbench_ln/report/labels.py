"""Names of models, modes, noises and data on the page: short, and different where the things are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

from robustbench_ln.modes import full_mode
from robustbench_ln.report.formats import number

Key = TypeVar("Key", bound=Hashable)


def distinct_labels(parts: Mapping[Key, Sequence[str]]) -> dict[Key, str]:
    """Return the shortest labels that tell things apart.

    Args:
        parts: of each thing, equally many. The first is always shown; each other is added to those labels
            that are equal so far, where it tells some of them apart.

    >>> distinct_labels({1: ("batchnorm", "seed 0"), 2: ("batchnorm", "seed 1"), 3: ("none", "seed 0")})
    {1: 'batchnorm, seed 0', 2: 'batchnorm, seed 1', 3: 'none'}
    """
    labels = {key: own[0] for key, own in parts.items()}
    for position in range(1, max(map(len, parts.values()), default=1)):
        alike: dict[str, list[Key]] = defaultdict(list)
        for key, label in labels.items():
            alike[label].append(key)
        for keys in alike.values():
            if len({parts[key][position] for key in keys}) > 1:
                for key in keys:
                    labels[key] = ", ".join(filter(None, [labels[key], parts[key][position]]))
    return labels


def norm_label(norm: str, options: Mapping[str, Any]) -> str:
    """Return a norm's name, with the number of groups K where it has groups."""
    return f"{norm} K={options['groups']}" if "groups" in options else norm


def model_labels(models: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return a label for each model.

    Args:
        models: by model id, the part of a cell's identity that describes the model.
    """
    options = sorted({name for model in models.values() for name in model["norm_options"]} - {"groups"})
    parts = {}
    for model_id, model in models.items():
        given = model["norm_options"]
        _, recipe, weights = (["", "", *model_id.rsplit(".", 2)])[-3:]
        parts[model_id] = (
            norm_label(model["norm"], given),
            *(f"{name}={given[name]}" if name in given else "" for name in options),
            f"seed {model['seed']}",
            str(model["network"]),
            str(model["benchmark"]),
            recipe[:6],
            weights[:6],
            model_id,
        )
    return distinct_labels(parts)


def training_labels(trainings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return a label for each training: its norm, with what tells it from other trainings of that norm.

    Args:
        trainings: by a key, the part of a cell's identity that describes one of its networks.
    """
    parts = {
        key: (
            norm_label(model["norm"], model["norm_options"]),
            str(model["network"]),
            str(model["benchmark"]),
            key[:6],
        )
        for key, model in trainings.items()
    }
    return distinct_labels(parts)


def repeat_parts(curve: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what may tell two curves of one model and mode apart, from a row of `load_results`."""
    return (
        f"batch of {number(curve['batch_size'])}",
        str(curve["order"]),
        f"order seed {number(curve['order_seed'])}",
        f"{curve['vote']} vote",
        f"noise seed {curve['noise_seed']}",
        str(curve["dtype"]),
    )


def way_labels(ways: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return network, mode and data of networks measured in one way each, different where the ways are.

    Args:
        ways: rows of `load_results`.
    """
    networks = distinct_labels({way["model"]: (way["model"].partition(".")[0], way["model"]) for way in ways})
    data = data_labels(
        {
            (way["data"], way["limit"], way["checksum"]): (way["data"], way["limit"], way["checksum"])
            for way in ways
        }
    )
    labels = []
    for way in ways:
        alike = [one for one in ways if all(one[name] == way[name] for name in ("model", "data", "checksum"))]
        modes = distinct_labels(
            {number: (mode_label(one), *repeat_parts(one)) for number, one in enumerate(alike)}
        )
        labels.append(
            (
                networks[way["model"]],
                modes[alike.index(way)],
                data[way["data"], way["limit"], way["checksum"]],
            )
        )
    return labels


def mode_label(row: Mapping[str, Any]) -> str:
    """Return a mode's name with its options, and whether it couples images, from a row of `load_results`."""
    mode = full_mode(row["mode"], row["blend"])
    return f"{mode} (coupled)" if row["coupled"] else mode


def data_labels(data: Mapping[Key, tuple[str, int | None, str]]) -> dict[Key, str]:
    """Return a label for each (name, limit, checksum) of test images."""
    return distinct_labels(
        {
            key: (name, "all images" if limit is None else f"{limit:,} images", checksum[:6], checksum)
            for key, (name, limit, checksum) in data.items()
        }
    )
