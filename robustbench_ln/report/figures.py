"""The figures of a page as files: SVG and PDF for papers, with the numbers that each shows as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robustbench_ln.publish import publish_file
from robustbench_ln.report.contents import Contents
from robustbench_ln.report.drawing import FOR_PAPERS
from robustbench_ln.report.exhibit import uri_content


@contextmanager
def drawn_for_papers(wanted: bool) -> Iterator[None]:
    """Let figures that are drawn within the context be drawn as PDF, too."""
    before = FOR_PAPERS.set(wanted)
    try:
        yield
    finally:
        FOR_PAPERS.reset(before)


def write_figures(contents: Contents, folder: Path) -> dict[str, Path]:
    """Write the figures that a page shows; the same figures give the same bytes.

    Args:
        contents: drawn within `drawn_for_papers`.
        folder: where each becomes NAME.svg, NAME.pdf and NAME.csv; files of these names are replaced.

    Returns:
        The SVG of each, by the data URI of its picture in the page.

    Raises:
        OSError: one cannot be written.
    """
    written: dict[str, Path] = {}
    taken: set[str] = set()
    for exhibit in contents.exhibits:
        name = _different(exhibit.csv_name.removesuffix(".csv"), taken)
        taken.add(name)
        publish_file(folder / f"{name}.svg", uri_content(exhibit.picture.uri))
        publish_file(folder / f"{name}.pdf", exhibit.picture.pdf)
        publish_file(folder / f"{name}.csv", uri_content(exhibit.csv))
        # Names in the page are of its labels, and two labels may make one name.
        written[exhibit.picture.uri] = folder / f"{name}.svg"
    return written


#: Bytes of a name before its suffix; file systems take 255.
_LONGEST = 180


def _different(name: str, taken: set[str]) -> str:
    """Return a file name that is short enough and that no other figure has."""
    wanted, number = name[:_LONGEST], 1
    while wanted in taken:
        number += 1
        wanted = f"{name[:_LONGEST]}-{number}"
    return wanted
