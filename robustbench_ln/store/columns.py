"""The columns of `load_results` that a record holds: which part of its identity each is read from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robustbench_ln.calibration import NOTHING


def _at(part: str, *keys: str) -> tuple[str, Callable[[Any], Any]]:
    def read(value: Any) -> Any:
        for key in keys:
            value = value[key]
        return value

    return part, read


def _coupling(key: str) -> tuple[str, Callable[[Any], Any]]:
    return "coupling", lambda coupling: (coupling or {}).get(key)


def _blend(mode: Any) -> str | None:
    options = [f"{name}={mode[name]:g}" for name in ("alpha", "prior") if name in mode]
    return options[0] if options else None


#: By column: the part of the identity, and how the column's value is read from that part.
COLUMNS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "model": _at("model", "id"),
    "benchmark": _at("model", "benchmark"),
    "network": _at("model", "network"),
    "norm": _at("model", "norm"),
    "groups": ("model", lambda model: model["norm_options"].get("groups")),
    "train_seed": _at("model", "seed"),
    "data": _at("data", "name"),
    "checksum": _at("data", "checksum"),
    "limit": _at("data", "limit"),
    "noise": _at("noise", "name"),
    "clip": _at("noise", "clip"),
    "rescale": _at("noise", "rescale"),
    "space": _at("noise", "space"),
    "sigma": ("noise", lambda noise: float(noise["sigma"])),
    "noise_seed": _at("seed"),
    "mode": _at("mode", "name"),
    "vote": _at("mode", "vote"),
    "blend": ("mode", _blend),
    "coupled": ("coupling", lambda coupling: coupling is not None),
    "batch_size": _coupling("batch_size"),
    "set_size": _coupling("set_size"),
    "order": _coupling("order"),
    "order_seed": _coupling("order_seed"),
    "dtype": _at("dtype"),
    "protocol": _at("protocol"),
}


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record's identity and counts as one flat row.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no record of a cell.
    """
    identity, counts = record["identity"], record["counts"]
    return {name: read(identity[part]) for name, (part, read) in COLUMNS.items()} | {
        "images": int(counts["images"]),
        "correct": int(counts["correct"]),
        "classes": len(counts["predicted"]),
        "predicted": [int(count) for count in counts["predicted"]],
        "calibration": _calibration(counts.get("calibration")),
    }


def _calibration(numbers: Any) -> list[int]:
    if numbers is None:
        return NOTHING.numbers()
    if len(numbers) != len(NOTHING.numbers()):
        raise ValueError(f"{len(numbers)} numbers are no counts of calibration")
    return [int(number) for number in numbers]
