"""How far a command is: one bar for a person at a terminal, elsewhere a line for each finished step."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from .console import messages, say

if TYPE_CHECKING:
    from rich.progress import Progress

    from robustbench_ln.training.recipe import Recipe
    from robustbench_ln.training.state import Epoch


class Tell(Protocol):
    """Tells that a step is finished."""

    def __call__(self, line: str, brief: str = "", *, important: bool = False) -> None:
        """Advance by one step.

        Args:
            line: what is said of the step where there is no bar.
            brief: what the bar shows of it, in the width that is left; the line where it is empty.
            important: the line is said in any case, unless the command prints one document.
        """


@contextmanager
def progress(total: int, unit: str, *, quiet: bool, json: bool) -> Iterator[Tell]:
    """Show progress while a command works.

    Args:
        total: number of steps.
        unit: what they are called.
        quiet: say important lines alone.
        json: say nothing; the command prints one document.
    """
    with _bar(unit, shown=not (quiet or json) and is_live()) as bar:
        task = bar.add_task("", total=total)

        def tell(line: str, brief: str = "", *, important: bool = False) -> None:
            bar.update(task, advance=1, description=brief or line)
            if (bar.disable or important) and not json:
                say(line, quiet=quiet and not important)

        yield tell


def epoch_told(recipe: Recipe, epoch: Epoch) -> tuple[str, str]:
    """Return what is told of a finished epoch, as a line and in brief."""
    number = f"epoch {epoch.epoch}/{recipe.train.epochs}"
    line = f"{recipe.label}: {number}, test accuracy {epoch.test_accuracy:.2%}"
    return (
        f"{line}, loss {epoch.loss:.4f}, {epoch.seconds:.1f} s",
        f"{epoch.test_accuracy:.2%} {recipe.label}, {number}",
    )


def is_live() -> bool:
    """Return whether lines on stderr can be drawn anew, which FORCE_COLOR does not make a pipe do."""
    return sys.stderr.isatty() and not messages.is_dumb_terminal


def _bar(unit: str, *, shown: bool) -> Progress:
    # Takes a fifth of the time of `lnbench --help`, which draws none.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TextColumn(f"{unit},"),
        TimeRemainingColumn(),
        TextColumn("left "),
        TextColumn("{task.description}", markup=False, table_column=rest),
        console=messages,
        disable=not shown,
        expand=True,
    )
