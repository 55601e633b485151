"""Copy results into a results folder; what is there already is kept."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.files import leads_out
from robustbench_ln.store.results import LOGS, Results, checked_cell
from robustbench_ln.store.store import Store, write_card
from robustbench_ln.store.stored import Counts, StoredModel


@dataclass
class Merged:
    """What a merge did.

    Attributes:
        copied: cells copied.
        present: cells that were there already, with the same counts.
        different: names of cells that were there already with other counts, which are kept.
        models: networks copied.
        problems: a sentence for whatever was left out, since it cannot be read or has no fit name.
    """

    copied: int = 0
    present: int = 0
    different: list[str] = field(default_factory=list)
    models: int = 0
    problems: list[str] = field(default_factory=list)


def merge(into: Store, sources: Sequence[Results]) -> Merged:
    """Copy cells, networks, invocations and failures that a folder does not have yet.

    Cells of packed results have no predictions, and their networks no weights; weights that a later source
    has are added to a network that came without.

    Args:
        into: the folder, which need not exist.
        sources: folders and packed results, the earlier ones first served.

    Raises:
        LnbenchError: a source without any results, or a folder that cannot be written.
    """
    for source in sources:
        if not any(source.names().values()):
            raise LnbenchError(
                f"There are no results in '{source.root}'.", "Name results folders or packed files."
            )
    into.check_writable()
    merged = Merged()
    for source in sources:
        _copy_models(source, into, merged)
        # Invocations first, as in a sweep: no cell names one that is not there.
        _copy_runs(source, into, merged)
        _copy_cells(source, into, merged)
        _copy_failures(source, into, merged)
    return merged


def _copy_runs(source: Results, into: Store, merged: Merged) -> None:
    known = into.run_records()
    for run_id, record in source.run_records().items():
        if run_id in known:
            continue
        try:
            into.publish_run(run_id, record)
        except LnbenchError as error:
            merged.problems.append(f"Left out an invocation of '{source.root}'. {error}")


def _copy_cells(source: Results, into: Store, merged: Merged) -> None:
    for cell_id in sorted(source.cell_ids()):
        try:
            record, counts = checked_cell(source, cell_id)
            if into.publish_cell(cell_id, record["identity"], counts, source.how(cell_id)):
                merged.copied += 1
            elif _agree(into, cell_id, counts):
                merged.present += 1
                there = into.counts(cell_id)
                if there.predictions is None and counts.predictions is not None:
                    # Its record names no calibration that it did not come with.
                    into.add_predictions(cell_id, replace(counts, calibration=there.calibration))
            else:
                merged.different.append(cell_id)
        except LnbenchError as error:
            merged.problems.append(f"Left out cell '{cell_id}' of '{source.root}'. {error}")


def _agree(into: Store, cell_id: str, counts: Counts) -> bool:
    """Return whether a cell that is there has the same counts, as far as both have them.

    Where one of them did not count calibration, that makes it no other cell.
    """
    there = into.counts(cell_id)
    known = [one.calibration.numbers() for one in (there, counts) if one.calibration is not None]
    recorded = {**into.record(cell_id)["counts"]}
    recorded.pop("calibration", None)
    return (
        recorded == Counts(counts.confusion, None).record()
        and np.array_equal(there.confusion, counts.confusion)
        and known[1:] in ([], known[:1])
    )


def _copy_models(source: Results, into: Store, merged: Merged) -> None:
    there = set(into.model_ids())
    for model_id in source.model_ids():
        try:
            model = source.model(model_id)
            if model_id not in there:
                into.publish_model(model_id, partial(_write_model, source, model))
                merged.models += 1
            elif model.has_weights:
                into.add_weights(into.model(model_id), _own_weights(source, model).read_bytes)
        except LnbenchError as error:
            merged.problems.append(f"Left out model '{model_id}' of '{source.root}'. {error}")


def _write_model(source: Results, model: StoredModel, folder: Path) -> None:
    write_card(folder, model.card)
    for name in LOGS:
        log = source.log(model.id, name)
        if log is not None:
            (folder / f"{name}.csv").write_bytes(log.encode("utf-8"))
    if model.has_weights:
        shutil.copyfile(_own_weights(source, model), folder / "weights.safetensors")


def _own_weights(source: Results, model: StoredModel) -> Path:
    """Return a network's weights, unless their copy would be one of a file that is not of the results."""
    if leads_out(model.weights, source.root):
        raise LnbenchError(
            f"'{model.weights}' is a link that leads out of the results.", "Put the file itself in its place."
        )
    return model.weights


def _copy_failures(source: Results, into: Store, merged: Merged) -> None:
    known = into.all_failures()
    for name, record in source.all_failures().items():
        if name in known:
            continue
        cell_id, _, run_id = name.rpartition(".")
        try:
            into.publish_failure(cell_id, run_id, record)
        except LnbenchError as error:
            merged.problems.append(f"Left out a failure of '{source.root}'. {error}")
