"""The columns of `load_results` that a record holds: which part of its identity each is read from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from robustbench_ln.calibration import NOTHING, belongs
from robustbench_ln.identity import number_text


def _at(part: str, *keys: str) -> tuple[str, Callable[[Any], Any]]:
    def read(value: Any) -> Any:
        for key in keys:
            value = value[key]
        return value

    return part, read


def _coupling(key: str) -> tuple[str, Callable[[Any], Any]]:
    return "coupling", lambda coupling: (coupling or {}).get(key)


def _blend(mode: Any) -> str | None:
    options = [f"{name}={number_text(mode[name])}" for name in ("alpha", "prior") if name in mode]
    return options[0] if options else None


def _whole(value: Any) -> bool:
    """Return whether a value is a whole number that a column of 64 bits holds."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _checked(name: str, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let a column hold values of one kind alone: a table of mixed kinds can be neither sorted nor drawn."""

    def read_checked(part: Any) -> Any:
        value = read(part)
        if name in _TEXTS and not isinstance(value, str):
            raise TypeError(f"its {name} is no text")
        if isinstance(value, str):
            # Columns of some machines, Arrow's, hold no text that UTF-8 cannot.
            value.encode()
        if name in _WHOLE and not (_whole(value) or (value is None and name in OPTIONAL)):
            raise TypeError(f"its {name} is no whole number of 64 bits")
        if name == "sigma" and not math.isfinite(value):
            raise ValueError(f"its sigma is {value}")
        return value

    return read_checked


_TEXTS = {"model", "benchmark", "network", "norm", "data", "checksum", "noise", "space", "mode", "dtype"}
#: Whole numbers, missing where they do not apply.
OPTIONAL = {"groups", "limit", "batch_size", "set_size", "order_seed"}
_WHOLE = OPTIONAL | {"train_seed", "noise_seed", "protocol"}
_READ: dict[str, tuple[str, Callable[[Any], Any]]] = {
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
#: Names ready-made images, which share the checksum of their labels; no column of the table.
PIXELS = ("data", _checked("pixels", lambda data: data.get("images", "")))
#: By column: the part of the identity, and how the column's value is read from that part.
COLUMNS = {name: (part, _checked(name, read)) for name, (part, read) in _READ.items()}


def _check_data(data: Any) -> None:
    if not isinstance(data["split"], str) or not isinstance(data.get("images", ""), str):
        raise TypeError("its split or images are no text")


def _check_noise(noise: Any) -> None:
    if not isinstance(noise["sigma"], str):
        raise TypeError("its sigma is no decimal text")
    if not all(isinstance(noise[name], bool) for name in ("clip", "rescale")):
        raise TypeError("its clip or rescale is neither true nor false")


def _check_mode(mode: Any) -> None:
    if not isinstance(mode.get("vote"), str | None):
        raise TypeError("its vote is no text")


def _check_coupling(coupling: Any) -> None:
    if coupling is not None and not isinstance(coupling["order"], str):
        raise TypeError("its order is no text")


def _check_model(model: Any) -> None:
    for values in model["preprocessing"].values():
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            raise TypeError("its preprocessing is not of numbers")


#: By part of an identity: what readers of more than the table rely on.
_CHECKS: dict[str, Callable[[Any], None]] = {
    "data": _check_data,
    "noise": _check_noise,
    "mode": _check_mode,
    "coupling": _check_coupling,
    "model": _check_model,
}


def check_identities(values: Mapping[str, Iterable[Any]]) -> None:
    """Make sure that parts of identities are of the kinds that readers rely on.

    Args:
        values: by part, values that it has.

    Raises:
        KeyError, TypeError, AttributeError, OverflowError: one is not.
    """
    for part, check in _CHECKS.items():
        for value in values[part]:
            check(value)


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record's identity and counts as one flat row.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, OverflowError: it is no record of a cell.
    """
    identity, counts = record["identity"], record["counts"]
    _check_counts(counts)
    check_identities({part: [value] for part, value in identity.items()})
    return {name: read(identity[part]) for name, (part, read) in COLUMNS.items()} | {
        "pixels": PIXELS[1](identity[PIXELS[0]]),
        "images": int(counts["images"]),
        "correct": int(counts["correct"]),
        "classes": len(counts["predicted"]),
        "predicted": [int(count) for count in counts["predicted"]],
        "calibration": _calibration(counts),
    }


def _check_counts(counts: Any) -> None:
    """Make sure that counts are of some images, each of which has one prediction."""
    images, correct, predicted = counts["images"], counts["correct"], counts["predicted"]
    if not all(_whole(count) for count in (images, correct, *predicted)):
        raise TypeError("its counts are no whole numbers")
    if not 0 <= correct <= images or min(predicted, default=0) < 0 or sum(predicted) != images or not images:
        raise ValueError("its counts do not add up")


def _calibration(counts: Any) -> list[int]:
    numbers = counts.get("calibration")
    if numbers is None:
        return NOTHING.numbers()
    if len(numbers) != len(NOTHING.numbers()) or not all(map(_whole, numbers)):
        raise ValueError("its calibration is not as many whole numbers as there are")
    if not belongs(numbers, counts["images"], counts["correct"]):
        raise ValueError("its calibration is not that of its images")
    return list(numbers)
