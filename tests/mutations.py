"""Random damage to documents, arrays and bytes, for tests that no damage makes a reader crash."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 7, 2**70, 10**400, 0.5, -1e308, float("nan"), float("inf"),
    "", "x", "0.5", "nan", "-1", "../../outside", "/etc/passwd", ".hidden",
    "\u202e", "\ud800", "\0", "<b>&", "[red]x[/nope]", "=1+1", "é" * 400,
    [], [[]], [1, "a"], {}, {"a": None}, {"": {"": []}},
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each (container, key) of a document."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def mutated(document: Any, chance: random.Random) -> Any:
    """Return a copy of a document with one random change."""
    document = copy.deepcopy(document)
    known = list(places(document))
    if not known or chance.random() < 0.02:
        return chance.choice(ODD)
    holder, key = chance.choice(known)
    change = chance.choice(("odd", "odd", "odd", "other", "remove", "rename", "wrap", "repeat"))
    if change == "odd":
        holder[key] = copy.deepcopy(chance.choice(ODD))
    elif change == "other":
        other, at = chance.choice(known)
        holder[key] = copy.deepcopy(other[at])
    elif change == "remove":
        del holder[key]
    elif change == "wrap":
        holder[key] = chance.choice((lambda old: [old], lambda old: {"a": old}, str))(holder[key])
    elif isinstance(holder, dict):
        holder[str(chance.choice(ODD)) + "?"] = copy.deepcopy(holder[key])
        if change == "rename":
            del holder[key]
    else:
        holder.insert(key, copy.deepcopy(holder[key]))
    return document


def mutated_bytes(content: bytes, chance: random.Random) -> bytes:
    """Return bytes with some of them changed, left out, repeated or added."""
    if not content:
        return b"{}"
    start, length = chance.randrange(len(content)), chance.randint(1, 40)
    cut = content[start : start + length]
    put = chance.choice((b"", cut * 2, chance.randbytes(length), b"\0" * length, b"9" * length))
    if chance.random() < 0.3:
        return content[:start] + put
    return content[:start] + put + content[start + length :]


def mutated_array(array: np.ndarray, chance: random.Random) -> np.ndarray:
    """Return an array of another type, shape or content."""
    change = chance.choice(("type", "shape", "cut", "values", "value"))
    if change == "type":
        return array.astype(chance.choice(("f4", "i1", "u2", "c8", "U3", "?", "M8[s]")), casting="unsafe")
    if change == "shape":
        return array.reshape(chance.choice(((-1,), (1, *array.shape), (*array.shape, 1), (-1, 1))))
    if change == "cut":
        return array[: chance.randint(0, len(array))] if array.ndim else array[None]
    if change == "values":
        return np.full_like(array, chance.choice((0, 1, 100)))
    changed = array.copy()
    if changed.size:
        flat = changed.reshape(-1)
        flat[chance.randrange(flat.size)] = chance.choice((0, 1, 120))
    return changed


def mutated_npz(content: bytes, chance: random.Random) -> bytes:
    """Return an .npz with one array, or one document in it, changed, removed or repeated."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    name = chance.choice(sorted(arrays))
    change = chance.random()
    if change < 0.1:
        del arrays[name]
    elif change < 0.2:
        arrays["confusion_0"] = arrays[name]
    elif arrays[name].dtype == np.uint8 and arrays[name].tobytes()[:1] in (b"{", b"["):
        text = json.dumps(mutated(json.loads(arrays[name].tobytes()), chance))
        arrays[name] = np.frombuffer(text.encode("ascii"), np.uint8)
    else:
        arrays[name] = mutated_array(arrays[name], chance)
    kept = io.BytesIO()
    np.savez_compressed(kept, **arrays)
    return kept.getvalue()
