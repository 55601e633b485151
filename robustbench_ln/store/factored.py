"""Many small JSON documents that are mostly alike, stored by column: each different value once, and codes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_ln.identity import canonical_json

Codes = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Factored:
    """A list of JSON objects.

    Attributes:
        values: by key, the different values that it has, in order of their first appearance.
        codes: (keys, documents) in the order of `values`: 1 + the position of a document's value; 0 where
            the document has no such key.
    """

    values: dict[str, list[Any]]
    codes: Codes

    def __post_init__(self) -> None:
        """Make sure that every code has a value.

        Raises:
            ValueError: it is damaged.
        """
        if self.codes.ndim != 2 or len(self.codes) != len(self.values) or self.codes.dtype.kind != "u":
            raise ValueError(f"codes of shape {self.codes.shape} for {len(self.values)} keys")
        for key, codes in zip(self.values, self.codes, strict=True):
            if not isinstance(self.values[key], list):
                raise ValueError(f"no list of the values of '{key}'")
            if codes.size and int(codes.max()) > len(self.values[key]):
                raise ValueError(f"a code of '{key}' without a value")

    def document(self, number: int) -> dict[str, Any]:
        """Return one object; its values are shared with others."""
        return {
            key: values[code - 1]
            for (key, values), code in zip(self.values.items(), self.codes[:, number].tolist(), strict=True)
            if code
        }

    def positions(self, key: str) -> npt.NDArray[np.intp]:
        """Return the position of each document's value of a key, (documents,).

        Raises:
            KeyError: not every document has the key.
        """
        codes = self.codes[list(self.values).index(key)] if key in self.values else np.zeros(1, np.uint8)
        if not codes.all():
            raise KeyError(key)
        return codes.astype(np.intp) - 1


def factor(documents: Sequence[Mapping[str, Any]]) -> Factored:
    """Store JSON objects by column; each is recovered exactly, so its canonical JSON has the same bytes.

    >>> factored = factor([{"a": 1, "b": [2]}, {"b": [2]}, {"a": 3, "b": [2]}])
    >>> factored.values, factored.codes.tolist()
    ({'a': [1, 3], 'b': [[2]]}, [[1, 0, 2], [1, 1, 1]])
    >>> factored.document(1)
    {'b': [2]}
    """
    keys = sorted({key for document in documents for key in document})
    positions: dict[str, dict[Hashable, int]] = {key: {} for key in keys}
    values: dict[str, list[Any]] = {key: [] for key in keys}
    codes = np.zeros((len(keys), len(documents)), dtype=np.uint32)
    for row, key in enumerate(keys):
        for number, document in enumerate(documents):
            if key not in document:
                continue
            known = _known_by(document[key])
            if known not in positions[key]:
                positions[key][known] = len(values[key])
                values[key].append(document[key])
            codes[row, number] = positions[key][known] + 1
    return Factored(values, smallest(codes))


def _known_by(value: Any) -> Hashable:
    """Return what tells JSON values apart: 1, 1.0 and True are equal in Python, as are 0.0 and -0.0."""
    return (type(value), value) if isinstance(value, str | int | None) else canonical_json(value)


def smallest(integers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return integers, none of them negative, in the smallest unsigned type that holds them all."""
    return integers.astype(np.min_scalar_type(int(integers.max()) if integers.size else 0))
