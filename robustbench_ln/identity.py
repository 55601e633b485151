"""Names derived from content: canonical JSON and the hashes over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: Raised by one whenever the same identity would give other numbers than before.
PROTOCOL_VERSION = 1


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN, UTF-8.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON cannot carry.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def content_hash(identity: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that name an identity, the same on every machine.

    >>> content_hash({"b": 1, "a": 2}) == content_hash({"a": 2, "b": 1})
    True
    """
    return hashlib.blake2b(canonical_json(identity).encode(), digest_size=6).hexdigest()


def recipe_id(recipe: Mapping[str, Any]) -> str:
    """Return the name of a recipe: a hash over all of it but `benchmark`, which is a label."""
    return content_hash({key: value for key, value in recipe.items() if key != "benchmark"})


def random_key(*parts: str | int) -> tuple[int, int]:
    """Return the 128-bit key of a random stream, as two unsigned 64-bit words, from what names the stream."""
    text = canonical_json([str(part) for part in parts])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
