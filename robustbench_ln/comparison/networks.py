"""Which networks are compared, in which modes, and which of A belongs to which of B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import canonical_json
from robustbench_ln.models.source_names import is_source
from robustbench_ln.modes import canonical_mode, fits_norm, modes_for
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.results import Results, choose_names

#: Parts of a recipe that differ between training seeds of one network; a converted one has its own start.
_OF_A_SEED = ("id", "seed", "start")


@dataclass(frozen=True)
class Network:
    """A network in one mode.

    Attributes:
        model: its name in the store.
        seed: its training seed.
        mode: with its options.
        home: whether that is its norm's home mode.
    """

    model: str
    seed: int
    mode: str
    home: bool

    @property
    def text(self) -> str:
        """Its label and mode, for people."""
        return f"{self.model.partition('.')[0]} {self.mode}{' (home)' if self.home else ''}"


@dataclass(frozen=True)
class Pair:
    """Two networks to compare."""

    a: Network
    b: Network


@dataclass(frozen=True)
class Side:
    """What A or B asks for.

    Attributes:
        name: "A" or "B".
        pattern: over model names, see `robustbench_ln.store.results.choose_names`.
        mode: with its options; None for none.
    """

    name: str
    pattern: str
    mode: str | None

    @classmethod
    def parse(cls, name: str, text: str) -> Side:
        """Read `GLOB` or `GLOB:MODE`.

        Raises:
            LnbenchError: no such mode, or a source of weights, which is no network of the store.
        """
        if is_source(text):
            raise LnbenchError(
                f"{name}, '{text}', is a source of weights, not a network of the results.",
                f"Measure it: lnbench corrupt-eval --model {text}; then name it as the results do.",
            )
        pattern, colon, mode = text.partition(":")
        return cls(name, pattern, canonical_mode(mode) if colon else None)


def networks_of(
    side: Side, mode: str | None, cells: pd.DataFrame, store: Results
) -> tuple[list[Network], list[str]]:
    """Return the networks of one side in one mode, by training seed, and sentences on those not measured.

    Args:
        side: what is asked for; its own mode stands over `mode`.
        mode: None for the home mode of the networks' norm.
        cells: rows of `load_results`.
        store: which they were read from.

    Raises:
        LnbenchError: no measured network matches, they are not training seeds of one network, or the mode
            does not fit their norm.
    """
    known = sorted({*store.model_ids(), *cells["model"]})
    names = choose_names(known, [side.pattern], store.root)
    unmeasured = sorted(set(names) - set(cells["model"]))
    if len(unmeasured) == len(names):
        raise LnbenchError(
            f"No cell of {side.name}, '{side.pattern}', is measured.",
            f"Run this first: lnbench corrupt-eval --model '{side.pattern}'",
        )
    own = cells[cells["model"].isin(names)].drop_duplicates("model").sort_values(["train_seed", "model"])
    trainings = _trainings(own, store)
    if len(trainings) > 1 or own["train_seed"].duplicated().any():
        raise LnbenchError(
            f"{side.name}, '{side.pattern}', matches networks that are not training seeds of one: "
            f"{', '.join(own['model'].head(6))}.",
            "Name one of them, or a pattern that only its training seeds match.",
        )
    norm = str(own["norm"].iloc[0])
    home = find_norm(norm).home_mode
    chosen = side.mode or mode or home
    if not fits_norm(chosen, norm):
        fitting = (*modes_for(norm), *find_norm(norm).named_modes)
        raise LnbenchError(
            f"{side.name}: mode '{chosen}' does not fit norm '{norm}'.", f"It takes: {', '.join(fitting)}."
        )
    rows = own[["model", "train_seed"]].itertuples(index=False, name=None)
    networks = [Network(model, int(seed), chosen, chosen == home) for model, seed in rows]
    return networks, [f"Left out {side.name}'s {name}: no cell of it is measured." for name in unmeasured]


def _trainings(own: pd.DataFrame, store: Results) -> set[str]:
    """Return what networks were trained by, apart from their seeds: a text for each different recipe.

    Networks whose cards are not there are told apart by what their cells say of them, which is less.
    """
    carded = set(own["model"]) <= set(store.model_ids())
    recipes = [
        store.model(row.model).card["recipe"] if carded else store.identity(row.cell)["model"]
        for row in own.itertuples()
    ]
    return {
        canonical_json({name: part for name, part in recipe.items() if name not in _OF_A_SEED})
        for recipe in recipes
    }


def pair_networks(a: Sequence[Network], b: Sequence[Network]) -> tuple[list[Pair], list[str]]:
    """Return the pairs of equal training seeds, and a sentence for each network without a partner.

    One network on each side is a pair whatever their seeds.

    Raises:
        LnbenchError: no pair, or one of a network with itself.
    """
    if len(a) == len(b) == 1:
        pairs, alone = [Pair(a[0], b[0])], []
    else:
        by_seed = [{one.seed: one for one in side} for side in (a, b)]
        pairs = [Pair(one, by_seed[1][seed]) for seed, one in by_seed[0].items() if seed in by_seed[1]]
        alone = [
            f"Left out {name}'s {one.text}: {partner} has no network of training seed {one.seed}."
            for name, partner, side, other in (("A", "B", a, by_seed[1]), ("B", "A", b, by_seed[0]))
            for one in side
            if one.seed not in other
        ]
    if not pairs:
        seeds = [", ".join(str(one.seed) for one in side) for side in (a, b)]
        raise LnbenchError(
            f"No network of A has the training seed of one of B: A has {seeds[0]}, B {seeds[1]}.",
            "Name one network on each side, or train the seeds that lack: lnbench train --train-seeds",
        )
    for pair in pairs:
        if pair.a == pair.b:
            raise LnbenchError(
                f"A and B are the same network in the same mode: {pair.a.text}.",
                "Name another network or mode, such as 'GLOB:batch'.",
            )
    return pairs, alone


def asked_modes(a: Side, b: Side, modes: Sequence[str]) -> list[str | None]:
    """Return the modes to compare in, each once; None for home modes.

    Raises:
        LnbenchError: no such mode, or both sides name their own.
    """
    if modes and a.mode and b.mode:
        raise LnbenchError(
            f"A and B name their own modes, {a.mode} and {b.mode}.", "Leave them out, or leave out --mode."
        )
    return list(dict.fromkeys(canonical_mode(text) for text in modes)) or [None]
