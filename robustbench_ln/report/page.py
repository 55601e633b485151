"""Put the page together: its contents into the template, style and script inlined."""

from __future__ import annotations

from dataclasses import fields

from markupsafe import Markup

from robustbench_ln import __version__
from robustbench_ln.report.contents import Contents
from robustbench_ln.report.template import asset, inlined, render

#: In the order in which they stand in the page; the later ones use the first.
_SCRIPTS = ("figures.js", "sort.js", "curves.js", "confusion.js")
#: Longer tables of cells are folded away.
_SHOWN_CELLS = 50


def render_page(contents: Contents, digest: str) -> str:
    """Return the page as HTML.

    Args:
        contents: what it shows.
        digest: of its inputs, for the next call to recognise an up-to-date page.
    """
    return render(
        "page.html",
        digest=digest,
        version=__version__,
        several=len(contents.sections) > 1,
        fold_cells=len(contents.cells.rows) > _SHOWN_CELLS,
        **inlined(asset("page.css"), Markup("").join(map(asset, _SCRIPTS))),
        **{field.name: getattr(contents, field.name) for field in fields(contents)},
    )
