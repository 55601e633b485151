"""Build the report, or find that nothing is new.

Importing this file imports neither pandas nor matplotlib: a report that is up to date is recognised from
names alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.publish import check_writable, named_file, publish_file
from robustbench_ln.report.digest import digest_of, page_digest
from robustbench_ln.report.garbage import rarely_collected
from robustbench_ln.report.selection import ALL, Selection
from robustbench_ln.store.results import Results, choose_names

#: Of a page that is given no other.
TITLE = "Accuracy under growing noise"
FORMATS = ("html", "md")


@dataclass(frozen=True)
class Report:
    """Where the page is.

    Attributes:
        path: the page.
        rebuilt: False where it was up to date and was left as it is.
        problems: a sentence for each thing that could not be read, as the page has them; none where it was
            left as it is.
        figures: number of figures that were written beside it.
    """

    path: Path
    rebuilt: bool
    problems: tuple[str, ...] = ()
    figures: int = 0


@rarely_collected()
def build_report(
    store: Results,
    path: Path | None = None,
    *,
    data_dir: Path,
    title: str = TITLE,
    format: str = "html",
    selection: Selection = ALL,
    reference: str | None = None,
    figures: Path | None = None,
) -> Report:
    """Write the page and `results.csv`, unless they show all that the store holds already.

    The same store, data and versions give the same bytes.

    Args:
        store: the results.
        path: where the page goes; when left out, `report.html` in a results folder, and beside a packed
            file under its name. `results.csv`, the table of `load_results`, always goes into the folder;
            packed results have none.
        data_dir: where decoded data sets lie, for the noisy samples and the names of classes. Nothing is
            downloaded or decoded.
        title: the page's heading.
        format: "html", or "md" for Markdown, whose page is `report.md` unless `path` is given.
        selection: what the page and the figures show; `results.csv` has all cells.
        reference: a pattern over networks that others are held against; None for BatchNorm's.
        figures: also write each figure as SVG and PDF with its numbers as CSV into this folder; the page is
            then written in any case.

    Raises:
        UnknownNameError: an unknown format.
        LnbenchError: the store has no cell that can be read, nothing is selected, or the page or a figure
            cannot be written.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    page = store.report.with_suffix(f".{format}") if path is None else named_file(path, "--out FILE")
    if page.exists() and store.root.exists() and page.samefile(store.root):
        raise LnbenchError(f"'{page}' holds the results themselves.", "Name another file with --out FILE.")
    table = store.table
    _check_cells(store)
    if reference is not None:
        choose_names(store.model_ids() or sorted(_named(store)), [reference], store.root)
    about = {
        "settings": [title, format, reference],
        "selection": [*selection.models, "", *selection.noises],
    }
    inputs = page_digest(store, data_dir, about)
    if (table is None or table.is_file()) and digest_of(page) == inputs and figures is None:
        return Report(page, rebuilt=False)

    if table is not None:
        check_writable(table.parent, "Copy the results to a folder that can be written.")
    check_writable(page.parent, "Choose another file with --out FILE.")
    if figures is not None:
        check_writable(figures, "Choose another folder with --figures DIR.")

    from robustbench_ln.export.formats import as_csv
    from robustbench_ln.report.contents import contents_of
    from robustbench_ln.report.exhibit import uri_content
    from robustbench_ln.report.figures import drawn_for_papers, write_figures
    from robustbench_ln.report.inputs import gather
    from robustbench_ln.report.markdown_page import render_markdown
    from robustbench_ln.report.page import render_page

    gathered = gather(store, data_dir, selection)
    with drawn_for_papers(figures is not None):
        contents = contents_of(gathered, title, reference)
    written = write_figures(contents, figures) if figures is not None else {}
    if format == "md":
        text = render_markdown(contents, inputs, written, page.parent)
    else:
        text = render_page(contents, inputs)
    if table is not None:
        whole = as_csv(gathered.table) if selection else uri_content(contents.results_csv)
        publish_file(table, whole)
    # Names of classes come from names of files, which need not be text.
    publish_file(page, text.encode("utf-8", "replace"))
    return Report(
        page,
        rebuilt=True,
        problems=tuple(gathered.problems),
        figures=len(list(contents.exhibits)) if written else 0,
    )


def _check_cells(store: Results) -> None:
    if store.cell_ids():
        return
    first = "" if store.model_ids() else "lnbench train, then "
    raise LnbenchError(
        f"There is nothing to report: '{store.root}' holds no measured cell.",
        f"Run this first: {first}lnbench corrupt-eval",
    )


def _named(store: Results) -> set[str]:
    """Return the networks that cells name, where their cards are not there."""
    return {str(store.identity(cell)["model"]["id"]) for cell in store.cell_ids()}
