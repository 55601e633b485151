"""Names derived from content: canonical JSON and the hashes over it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from robustbench_ln.errors import LnbenchError

#: Raised by one whenever the same identity would give other numbers than before.
PROTOCOL_VERSION = 1


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN, UTF-8.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON cannot carry.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def number_text(value: float) -> str:
    """Return a number in six digits, or in as many as it takes to read it back.

    >>> number_text(0.1), number_text(16.0), number_text(0.1234567)
    ('0.1', '16', '0.1234567')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value)).removesuffix(".0")


def json_bytes(value: Any) -> bytes:
    r"""Return what a file holds of a value: canonical JSON, what UTF-8 cannot hold in JSON's escapes.

    >>> json_bytes(["é", "\udcff"])
    b'["\xc3\xa9","\\udcff"]'

    Raises:
        ValueError: as `canonical_json`.
    """
    return canonical_json(value).encode("utf-8", "backslashreplace")


def parse_json(text: str | bytes) -> Any:
    """Read JSON that may be damaged.

    Raises:
        ValueError: it is no JSON, nested too deeply to be read, or has a number that JSON cannot carry.
    """
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply to be read") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


def content_hash(identity: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that name an identity, the same on every machine.

    A text that UTF-8 cannot hold, such as the name of a file from elsewhere, has a hash as well.

    >>> content_hash({"b": 1, "a": 2}) == content_hash({"a": 2, "b": 1})
    True
    """
    return short_hash(canonical_json(identity).encode("utf-8", "surrogatepass"))


def short_hash(content: bytes) -> str:
    """Return 12 hexadecimal digits that name some bytes."""
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def recipe_id(recipe: Mapping[str, Any]) -> str:
    """Return the name of a recipe: a hash over all of it but `benchmark`, which is a label."""
    return content_hash({key: value for key, value in recipe.items() if key != "benchmark"})


def recipe_label(recipe: Mapping[str, Any]) -> str:
    """Return the readable start of the name of a recipe's network."""
    return f"{recipe['benchmark']}-{recipe['norm']}-s{recipe['seed']}"


def label_of(model_id: str) -> str:
    """Return the readable start of a model id: all before its first dot.

    >>> label_of("digits-localnorm-s0.0123456789ab.ba9876543210")
    'digits-localnorm-s0'
    """
    return model_id.partition(".")[0]


def check_name(name: str) -> str:
    """Return a name of at most 100 letters, digits, - and _, as files and commands need it.

    Raises:
        LnbenchError: another name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name):
        raise LnbenchError(f"'{name}' is not a valid name.", "Use at most 100 letters, digits, - and _.")
    return name


def random_key(*parts: str | int) -> tuple[int, int]:
    """Return the 128-bit key of a random stream, as two unsigned 64-bit words, from what names the stream."""
    text = canonical_json([str(part) for part in parts])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def random_seed(*parts: str | int) -> int:
    """Return the seed of a random stream, of 63 bits, for generators that take no key, such as torch's."""
    return random_key(*parts)[0] >> 1
