"""Tables on a terminal, or in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from .console import harmless, output

#: Columns of the widest table.
_WIDEST = 1000


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    header: bool = True,
    right: Sequence[str] = (),
    fold: Sequence[str] = (),
) -> Table:
    """Return a table whose cells are shown as they are, blank where there is None.

    Args:
        headings: of the columns.
        rows: their cells.
        title: above it.
        header: whether the headings are shown.
        right: headings of columns of numbers.
        fold: headings of columns that may take several lines; the last one always may.
    """
    made = Table(
        box=None, pad_edge=False, show_header=header, title=_shown(title) or None, title_justify="left"
    )
    for heading in headings:
        made.add_column(
            _shown(heading),
            no_wrap=heading not in (*fold, headings[-1]),
            overflow="fold",
            justify="right" if heading in right else "left",
        )
    for row in rows:
        made.add_row(*("" if cell is None else _shown(str(cell)) for cell in row))
    return made


def print_table(made: Table, *, folds: bool = False) -> None:
    """Print a table in its full width, so that no number is cut off and, in a pipe, each row is one line.

    Args:
        made: the table.
        folds: whether a terminal that is narrower folds its cells instead.
    """
    if not (folds and output.is_terminal):
        made.width = output.measure(made, options=output.options.update(width=_WIDEST)).maximum
    with output.capture() as held:
        output.print(made)
    # Without the spaces that fill a row up.
    output.file.writelines(f"{line.rstrip()}\n" for line in held.get().splitlines())


def _shown(text: str) -> str:
    return escape(harmless(text))
