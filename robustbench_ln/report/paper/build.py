"""Build the page of the paper's items, or find that nothing is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.publish import check_writable, publish_file
from robustbench_ln.report.digest import digest_of, page_digest
from robustbench_ln.store.results import Results


@dataclass(frozen=True)
class Built:
    """Where the page is.

    Attributes:
        path: the page.
        rebuilt: False where it was up to date and was left as it is.
    """

    path: Path
    rebuilt: bool


def write_paper_page(
    declared: Declared,
    store: Results,
    experiments: Sequence[str],
    out: Path,
    data_dir: Path,
    preset: str | None = None,
    data: Mapping[str, DataSet] | None = None,
) -> Built:
    """Write the page of some of the paper's items, unless it shows all that the store holds already.

    The same file, store, data and versions give the same bytes. Nothing is downloaded, decoded or measured.

    Args:
        declared: the file of benchmarks and experiments.
        store: the results; it may be empty.
        experiments: names of the items; the page has them in the order of the file.
        out: the page, such as `paper.html` in the store.
        data_dir: where decoded data sets lie, for images and histograms.
        preset: show networks of this preset alone; None takes the fullest one of each benchmark that has a
            network.
        data: data sets by the benchmark they are for; others are looked for by name.

    Raises:
        UnknownNameError: no such experiment or preset.
        LnbenchError: the page cannot be written.
    """
    asked = {name: declared.experiment(name) for name in experiments}
    chosen = {name: asked[name] for name in declared.experiments if name in asked}
    page = out.resolve() if out.is_symlink() else out
    if page.exists() and not page.is_file():
        raise LnbenchError(f"'{page}' is no file.", "Name a file for the page.")
    inputs = page_digest(
        store,
        data_dir,
        {
            "declared": declared.path.read_text(encoding="utf-8"),
            "experiments": list(chosen),
            "preset": preset,
            "named": {name: one.identity("test", None) for name, one in (data or {}).items()},
        },
    )
    if digest_of(page) == inputs:
        return Built(page, rebuilt=False)
    check_writable(page.parent, "Choose another place for the page.")

    # pandas, matplotlib and seaborn take seconds to import.
    from robustbench_ln.experiments.evidence import gather_evidence
    from robustbench_ln.experiments.verdicts import judge
    from robustbench_ln.report.paper.item import Item, Room
    from robustbench_ln.report.paper.page import render_paper
    from robustbench_ln.store.frame import read_rows

    table, problems = read_rows(store)
    items = []
    for name, experiment in chosen.items():
        evidence = gather_evidence(declared, experiment, store, table, preset)
        items.append(Item(name, experiment, tuple(evidence), tuple(judge(experiment, evidence))))
    room = Room(declared, store, data_dir, data or {})
    problems += store.readable_models()[1]
    problems = [problem.replace(f"{store.root}/", "") for problem in problems]
    # Names of classes come from names of files, which need not be text.
    publish_file(page, render_paper(items, room, problems, inputs).encode("utf-8", "replace"))
    return Built(page, rebuilt=True)
