"""The command `lnbench`."""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from robustbench_ln.errors import LnbenchError

from .commands import Commands, add_commands
from .console import print_error, say

_EPILOG = (
    "Examples: lnbench train; then lnbench corrupt-eval --noise agn --sigma 0:4; then lnbench report. "
    "Exit codes: 0 done, 1 a bug in lnbench, 2 something for you to fix (input, disk space, memory), "
    "3 a part failed, "
    "4 a requested threshold was not met, 130 or 143 interrupted."
)
app = typer.Typer(
    name="lnbench",
    cls=Commands,
    no_args_is_help=True,
    epilog=_EPILOG,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_commands(app)


#: States of the machine that a user can mend; any other OSError is a defect and shows its traceback.
_MACHINE_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


class Stopped(BaseException):
    """Ctrl-C or a request to end; not an Exception, so that nothing on the way takes it for an error."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def _print_version(wanted: bool) -> None:
    if wanted:
        from robustbench_ln import __version__

        typer.echo(f"lnbench {__version__}")
        raise typer.Exit


@app.callback()
def lnbench(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Measure how image classifiers lose accuracy as noise grows, and what normalization adds."""


#: What Typer raises for a mistake in a command line, and for none but the command's name.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
_NO_ARGUMENTS = tuple(kind for kind in _USAGE_ERROR.__subclasses__() if kind.__name__ == "NoArgsIsHelpError")


def main() -> None:
    """Run the command line; turn what went wrong into a sentence and an exit code."""
    # Closed streams are None, which nothing can be printed to.
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115, PTH123
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _stop)
    try:
        code = app(prog_name="lnbench", standalone_mode=False)
    except _USAGE_ERROR as error:
        _fail_usage(error)
    except LnbenchError as error:
        _fail(error.message, error.hint)
    except OSError as error:
        if error.errno not in _MACHINE_ERRORS:
            raise
        where = f" '{error.filename}'" if error.filename else ""
        _fail(
            f"{error.strerror}{where}.",
            "Finished work is kept: free space or choose another folder, then run the same command again.",
        )
    except MemoryError as error:
        _fail(
            f"Not enough memory: {str(error) or 'an allocation failed'}.",
            "Finished work is kept: use smaller or fewer images, or a smaller batch.",
        )
    except Stopped as stopped:
        say("Stopped. Finished work is kept: run the same command again to continue.")
        sys.exit(128 + stopped.signum)
    sys.exit(code if isinstance(code, int) else 0)


def _fail_usage(error: Any) -> NoReturn:
    """Say what is wrong with a command line in a sentence, as of any other mistake."""
    if isinstance(error, _NO_ARGUMENTS):
        # The help has been printed already.
        sys.exit(2)
    path = error.ctx.command_path if error.ctx else "lnbench"
    _fail(error.format_message(), f"Try: {path} --help")


def _fail(message: str, hint: str) -> NoReturn:
    print_error(message, hint, as_json="--json" in sys.argv)
    sys.exit(2)


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    # A second signal ends the process at once.
    signal.signal(signum, signal.SIG_DFL)
    raise Stopped(signum)
