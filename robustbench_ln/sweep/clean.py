"""Clean accuracy of a sweep's networks, beside what is recorded of them: a wrong input shows there first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import label_of
from robustbench_ln.store.results import Results
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.sweep.cell import Cell
from robustbench_ln.sweep.class_order import is_imagenet
from robustbench_ln.sweep.plan import NoisyPass

Verdict = Literal["as recorded", "far", "other data", "guessing", "not recorded"]
#: How far beyond its interval clean accuracy may be from the recorded one, which other software measured.
TOLERANCE = 0.02
_CAUSES = (
    "Usual causes: other preprocessing (--mean, --std), classes in another order, another image size "
    "(--image-size), or other images than it was recorded on."
)


@dataclass(frozen=True)
class Recorded:
    """An accuracy that is known of a network.

    Attributes:
        accuracy: in [0, 1].
        data: what it was measured on.
        origin: who says so.
        same: whether that is the data set at hand.
    """

    accuracy: float
    data: str
    origin: str
    same: bool


@dataclass(frozen=True)
class CleanCheck:
    """A network's clean accuracy.

    Attributes:
        model: the network.
        data: the data set's name.
        mode: in which it was measured.
        images: number of images.
        correct: of them.
        low: end of the Wilson interval.
        high: other end of it.
        classes: number of classes.
        recorded: what is known; None where nothing is.
    """

    model: StoredModel
    data: str
    mode: str
    images: int
    correct: int
    low: float
    high: float
    classes: int
    recorded: Recorded | None

    @property
    def accuracy(self) -> float:
        """The measured one."""
        return self.correct / self.images

    @property
    def verdict(self) -> Verdict:
        """What the comparison comes to."""
        known, from_outside = self.recorded, self.model.card["recipe"]["train"]["epochs"] == 0
        if known is not None and known.same:
            near = self.low - TOLERANCE <= known.accuracy <= self.high + TOLERANCE
            return "as recorded" if near else "far"
        if from_outside and self.high < 1 / self.classes + TOLERANCE:
            return "guessing"
        return "not recorded" if known is None else "other data"

    @property
    def warns(self) -> bool:
        """Whether something is likely to be wrong."""
        return self.verdict in ("far", "guessing")

    @property
    def sentence(self) -> str:
        """What a person is told of it; empty where there is nothing to tell."""
        name = label_of(self.model.id)
        text = (
            f"{name} in mode {self.mode}: clean accuracy {self.accuracy:.2%} "
            f"({self.low:.2%} to {self.high:.2%}, {self.images:,} images of {self.data})"
        )
        known = self.recorded
        says = f"{known.origin} records {known.accuracy:.2%} on {known.data}" if known else ""
        if self.verdict == "far":
            return f"Warning: {text}, but {says}. {_CAUSES}"
        if self.verdict == "guessing":
            more = f" {says[:1].upper()}{says[1:]}." if says else ""
            return (
                f"Warning: {text} is no better than guessing among {self.classes:,} classes.{more} {_CAUSES}"
            )
        if self.verdict == "other data":
            return f"{text}; {says}, which are other images, so the two are not compared."
        if self.verdict == "as recorded" and self.model.card["recipe"]["train"]["epochs"] == 0:
            return f"{text}, as {says}."
        return ""

    def document(self) -> dict[str, Any]:
        """Return it for `--json`."""
        known = self.recorded
        return {
            "model": self.model.id,
            "data": self.data,
            "mode": self.mode,
            "images": self.images,
            "correct": self.correct,
            "low": self.low,
            "high": self.high,
            "verdict": self.verdict,
            "recorded": None
            if known is None
            else {"accuracy": known.accuracy, "data": known.data, "origin": known.origin},
        }


def clean_cells(passes: Sequence[NoisyPass]) -> list[tuple[Cell, DataSet]]:
    """Return a clean cell of each network and data set: in its home mode, else in the first mode planned."""
    found: dict[tuple[str, str], tuple[Cell, DataSet]] = {}
    for one in passes:
        if not one.noise.is_clean(one.sigma):
            continue
        for cell in one.cells:
            key = (cell.model.id, one.data.place)
            if key not in found or (_at_home(cell) and not _at_home(found[key][0])):
                found[key] = (cell, one.data)
    return list(found.values())


def check_clean(store: Results, passes: Sequence[NoisyPass]) -> list[CleanCheck]:
    """Return what the measured clean cells of a plan say beside what is recorded of their networks."""
    from robustbench_ln.intervals import wilson_interval

    there = store.cell_ids()
    checks = []
    for cell, data in clean_cells(passes):
        if cell.id not in there:
            continue
        counts = store.counts(cell.id).record()
        low, high = wilson_interval(counts["correct"], counts["images"])
        checks.append(
            CleanCheck(
                cell.model,
                data.info.name,
                cell.layout.mode,
                counts["images"],
                counts["correct"],
                float(low),
                float(high),
                len(data.info.classes),
                _recorded(cell.model.card, data) if _as_meant(cell) else None,
            )
        )
    return checks


def without_clean(passes: Sequence[NoisyPass]) -> list[str]:
    """Return a sentence for each network with a recorded accuracy of which no clean cell is planned."""
    planned = {cell.model.id for cell, _ in clean_cells(passes)}
    models = {model.id: (model, one.data) for one in passes for model in one.models.values()}
    sentences = []
    for name, (model, data) in models.items():
        known = _recorded(model.card, data)
        if name not in planned and known is not None and model.card["recipe"]["train"]["epochs"] == 0:
            sentences.append(
                f"{known.origin[:1].upper()}{known.origin[1:]} records {known.accuracy:.2%} on {known.data}: "
                "add 0 to --sigma to have its clean accuracy compared."
            )
    return list(dict.fromkeys(sentences))


def check_gate(passes: Sequence[NoisyPass]) -> None:
    """Make sure that clean cells of every network are planned, which a threshold needs.

    Raises:
        LnbenchError: they are not.
    """
    planned = {cell.model.id for cell, _ in clean_cells(passes)}
    for one in passes:
        for name in one.models:
            if name not in planned:
                raise LnbenchError(
                    f"--min-clean needs the clean accuracy of '{name}', and no clean cell of it is planned.",
                    "Add 0 to --sigma; or measure --sigma 0 first, with the threshold, then the rest.",
                )


def below(checks: Sequence[CleanCheck], passes: Sequence[NoisyPass], percent: float) -> list[str]:
    """Return a sentence for each network that is not as accurate as asked for, or could not be measured."""
    measured = {(check.model.id, check.data) for check in checks}
    told = [
        f"{check.model.id} has a clean accuracy of {check.accuracy:.2%} in mode {check.mode}, "
        f"below the {percent:g} % of --min-clean."
        for check in checks
        if 100 * check.correct < percent * check.images
    ]
    return told + [
        f"{cell.model.id} has no clean accuracy: it could not be measured."
        for cell, data in clean_cells(passes)
        if (cell.model.id, data.info.name) not in measured
    ]


def _at_home(cell: Cell) -> bool:
    return bool(cell.layout.mode == cell.model.card["home_mode"])


def _as_meant(cell: Cell) -> bool:
    """Return whether a cell is of the home mode, in batches and an order like those of a training."""
    coupling = cell.identity["coupling"]
    batch = cell.model.card["recipe"]["train"]["batch_size"]
    usual = coupling is None or (coupling["order"] == "shuffled" and coupling["batch_size"] == batch)
    return _at_home(cell) and usual


def _recorded(card: Mapping[str, Any], data: DataSet) -> Recorded | None:
    """Return what a network's card records: what its source says, or the accuracy after its training."""
    said = card["how"].get("recorded")
    if isinstance(said, Mapping):
        same = is_imagenet(data.info.classes) and str(said["data"]).startswith("ImageNet")
        return Recorded(float(said["accuracy"]), str(said["data"]), str(said["origin"]), same)
    if card.get("test_accuracy") is None:
        return None
    own = card["recipe"]["data"] or {}
    same = own.get("checksum") == data.identity("train", None)["checksum"]
    return Recorded(float(card["test_accuracy"]), str(own.get("name")), "its card", same)
