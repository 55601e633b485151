"""Tables on a terminal, or in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from .console import harmless


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    header: bool = True,
    fold: Sequence[str] = (),
) -> Table:
    """Return a table whose cells are shown as they are, blank where there is None.

    Args:
        headings: of the columns.
        rows: their cells.
        header: whether the headings are shown.
        fold: headings of columns that may take several lines; the last one always may.
    """
    made = Table(box=None, pad_edge=False, show_header=header)
    for heading in headings:
        made.add_column(heading, no_wrap=heading not in (*fold, headings[-1]), overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else escape(harmless(str(cell))) for cell in row))
    return made
