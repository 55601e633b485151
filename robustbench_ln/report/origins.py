"""Where the numbers come from: networks, invocations, data, and what is mixed among the cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robustbench_ln.report.exhibit import Table
from robustbench_ln.report.formats import number, percent, visible
from robustbench_ln.report.inputs import Inputs
from robustbench_ln.report.labels import norm_label
from robustbench_ln.report.rows import rows_of
from robustbench_ln.wording import counted, listed


@dataclass(frozen=True)
class RunRow:
    """One invocation.

    Attributes:
        run_id: its name.
        command: as typed.
        started: time in UTC.
        cells: how many cells on the page it measured.
        versions: of packages.
        hardware: what it ran on.
        commit: of the source tree; empty for an installed package.
        dirty: whether the source tree had uncommitted changes.
    """

    run_id: str
    command: str
    started: str
    cells: str
    versions: str
    hardware: str
    commit: str
    dirty: bool


def model_table(inputs: Inputs) -> Table:
    """Return what is known of each network in the store."""
    columns = [
        "model", "label", "norm and options", "network", "trained on", "parameters", "epochs", "batch",
        "seed", "test accuracy", "threads", "torch", "training seconds",
    ]  # fmt: skip
    labels: dict[str, list[str]] = {}
    for data in inputs.data:
        for model, label in dict(rows_of(data.cells, "model", "model_label")).items():
            labels.setdefault(model, [])
            labels[model] = list(dict.fromkeys([*labels[model], label]))
    rows = []
    for model in inputs.models:
        card = model.card
        norm, options = _dig(card, "recipe", "norm"), _dig(card, "recipe", "norm_options") or {}
        shown = ", ".join(f"{name}={value}" for name, value in sorted(options.items()))
        accuracy, seconds = _dig(card, "test_accuracy"), _dig(card, "how", "seconds")
        rows.append(
            [
                model.id,
                ", ".join(labels.get(model.id, [])) or norm_label(str(norm), options),
                f"{norm} ({shown})" if shown else str(norm),
                _text(_dig(card, "recipe", "network")),
                _text(_dig(card, "recipe", "data", "name")),
                number(_dig(card, "parameters")),
                _text(_dig(card, "recipe", "train", "epochs")),
                _text(_dig(card, "recipe", "train", "batch_size")),
                _text(_dig(card, "recipe", "seed")),
                "" if accuracy is None else percent(accuracy),
                _text(_dig(card, "how", "threads")),
                _text(_dig(card, "how", "torch")),
                "" if seconds is None else f"{seconds:.1f}",
            ]
        )
    which = "on this page" if inputs.selection else "in the store"
    return Table(f"Networks {which}; test accuracy is that of the training's last epoch", columns, rows)


def run_rows(inputs: Inputs) -> list[RunRow]:
    """Return all invocations, oldest first."""
    measured = Counter(how.get("run_id") for how in inputs.hows.values())
    rows = []
    for run_id, record in inputs.runs.items():
        versions, hardware = _dig(record, "versions"), _dig(record, "hardware")
        rows.append(
            RunRow(
                run_id,
                visible(_text(_dig(record, "command"))),
                _text(_dig(record, "started")),
                number(measured[run_id]),
                _pairs(versions, "{name} {value}"),
                _pairs(hardware, "{name}: {value}"),
                _text(_dig(record, "code", "commit")),
                _dig(record, "code", "dirty") is True,
            )
        )
    return rows


def data_table(inputs: Inputs) -> Table:
    """Return the checksums of the images that were used."""
    rows = [
        [
            data.label,
            "test",
            data.checksum,
            number(data.images),
            "all" if data.limit is None else number(data.limit),
            "on this machine" if data.data is not None else "not on this machine",
            data.data.info.note if data.data is not None else "",
        ]
        for data in inputs.data
    ]
    trained = {
        (_text(_dig(recipe, "name")), _text(_dig(recipe, "checksum")), _dig(recipe, "limit"))
        for recipe in (_dig(model.card, "recipe", "data") for model in inputs.models)
        if recipe is not None
    }
    rows += [
        [name, "train", checksum, "", "all" if limit is None else number(limit), "", ""]
        for name, checksum, limit in sorted(trained, key=str)
    ]
    columns = ["data", "split", "checksum", "images", "limit", "found", "note"]
    return Table("Images, by a checksum over their pixels and labels", columns, rows)


def mixture_remarks(inputs: Inputs) -> list[str]:
    """Return a sentence for each circumstance in which the cells were not all measured alike."""
    remarks = []
    for key, name in (
        ("torch", "versions of torch"),
        ("threads", "numbers of threads"),
        ("device", "devices"),
        ("host", "machines"),
    ):
        found = sorted({str(how[key]) for how in inputs.hows.values() if key in how})
        if len(found) > 1:
            remarks.append(
                f"Cells were measured with different {name}: {listed(found)}. "
                "The same cell may come out an image or two different."
            )
    dirty = sum(row.dirty for row in run_rows(inputs))
    if dirty:
        remarks.append(f"{counted(dirty, 'invocation')} ran with uncommitted changes in the source tree.")
    return remarks


def _dig(record: Any, *keys: str) -> Any:
    """Return a value deep in a record, None where the record has it not; records may be foreign."""
    for key in keys:
        if not isinstance(record, Mapping):
            return None
        record = record.get(key)
    return record


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _pairs(values: Any, form: str) -> str:
    if not isinstance(values, Mapping):
        return ""
    return ", ".join(
        form.format(name=name, value=value) for name, value in values.items() if value is not None
    )
