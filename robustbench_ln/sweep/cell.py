"""A cell: one number to measure, and the name that follows from all that can change it.

A plan may hold a million cells, so what many of them share is written out once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robustbench_ln.identity import canonical_json, label_of
from robustbench_ln.modes import Layout, Vote
from robustbench_ln.noise import NoiseSpec
from robustbench_ln.store.stored import StoredModel


@dataclass(frozen=True, slots=True, eq=False)
class NoiseAt:
    """A noise at one sigma, on one data set.

    Attributes:
        noise: the family with its options.
        sigma: decimal string.
        identity: the part of a cell's identity that describes it.
        text: that part as canonical JSON.
    """

    noise: NoiseSpec
    sigma: str
    identity: Mapping[str, Any]
    text: str

    @classmethod
    def of(cls, noise: NoiseSpec, sigma: str, identity: Mapping[str, Any]) -> NoiseAt:
        """Return it with its text."""
        return cls(noise, sigma, identity, canonical_json(identity))


@dataclass(frozen=True, slots=True, eq=False)
class CurveCells:
    """What the cells of one curve share: one network in one mode, on one data set.

    Attributes:
        model: the network in the store.
        layout: how its mode arranges images.
        vote: rule of the voting modes.
        identity: everything but the noise that can change their counts.
        before, after: the canonical JSON of that identity, cut where the noise stands.
    """

    model: StoredModel
    layout: Layout
    vote: Vote
    identity: Mapping[str, Any]
    before: str
    after: str

    @classmethod
    def of(cls, model: StoredModel, layout: Layout, vote: Vote, identity: Mapping[str, Any]) -> CurveCells:
        """Return it with its identity written out."""
        before, _, after = canonical_json({**identity, "noise": _PLACE}).rpartition(canonical_json(_PLACE))
        return cls(model, layout, vote, identity, before, after)

    def cell(self, noise: NoiseAt) -> Cell:
        """Return the cell of the curve at one noise and sigma."""
        text = f"{self.before}{noise.text}{self.after}"
        digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        norm = self.model.card["recipe"]["norm"]
        return Cell(f"{norm}-{self.layout.mode}-{noise.noise.name}-{noise.sigma}-{digest}", self, noise)


#: Stands for the noise while an identity is written out; a name has no control character.
_PLACE = "\0noise"


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One number to measure.

    Attributes:
        id: a readable start and a hash over `identity`, that of `robustbench_ln.identity.content_hash`.
        curve: what it shares with the cells of other sigmas.
        noise: its noise and sigma.
    """

    id: str
    curve: CurveCells
    noise: NoiseAt

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change the counts."""
        return {**self.curve.identity, "noise": self.noise.identity}

    @property
    def model(self) -> StoredModel:
        """The network in the store."""
        return self.curve.model

    @property
    def layout(self) -> Layout:
        """How its mode arranges images."""
        return self.curve.layout

    @property
    def vote(self) -> Vote:
        """Rule of the voting modes."""
        return self.curve.vote

    @property
    def title(self) -> str:
        """The network, its mode, the order and seeds where they are not the usual ones, and the noise."""
        layout = self.layout
        sets = f" of {layout.images * layout.copies}" if layout.coupled else ""
        network = label_of(self.model.id)
        mode = layout.blend.text if layout.blend else layout.mode
        coupling = self.curve.identity["coupling"] or {}
        order = coupling.get("order", "shuffled")
        seeds = {"order seed": coupling.get("order_seed"), "noise seed": self.curve.identity["seed"]}
        parts = [
            f"{network} {mode}{sets}",
            *([] if order == "shuffled" else [order]),
            *(f"{name} {seed}" for name, seed in seeds.items() if seed),
            f"{self.noise.noise.text} {self.noise.sigma}",
        ]
        return ", ".join(parts)
