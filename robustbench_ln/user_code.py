"""Code of the user's: modules and files that are named on purpose, and the version of what they define.

Code runs only where the user names it: by an installed package's entry point of a name that is asked for, by
the environment variable LNBENCH_PLUGINS, or as a source `python:MODULE:FUNCTION`. Nothing in results, weights
or benchmarks.yaml can name other code. Importing this file does not import torch.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from robustbench_ln.errors import LnbenchError
from robustbench_ln.home import without_home

#: Names modules and files `*.py` of the user's, separated by commas; worker processes inherit it.
VARIABLE = "LNBENCH_PLUGINS"
_loaded: dict[str, ModuleType | LnbenchError] = {}


def named_code() -> tuple[str, ...]:
    """Return the modules and files that the environment variable names."""
    return tuple(part.strip() for part in os.environ.get(VARIABLE, "").split(",") if part.strip())


def environment() -> dict[str, str]:
    """Return the environment variable for processes elsewhere, files by their whole path; empty if unset."""
    return {VARIABLE: ",".join(map(_place, named_code()))} if named_code() else {}


def allow(code: str) -> None:
    """Let worker processes, too, run a module or file that the user named in this command."""
    place = _place(code)
    if place not in named_code():
        os.environ[VARIABLE] = ",".join([*named_code(), place])


def code_called(name: str) -> str | None:
    """Return the module or file that the user named, by a module's own name; None where none is called so.

    Raises:
        LnbenchError: two are.
    """
    found = list(dict.fromkeys(map(_place, (one for one in named_code() if module_name(one) == name))))
    if len(found) > 1:
        raise LnbenchError(
            f"{VARIABLE} names two modules that are called '{name}': {without_home(' and '.join(found))}.",
            "Rename one of the files.",
        )
    return found[0] if found else None


def module_name(code: str) -> str:
    """Return what a module or file is called in names, which know no folder.

    >>> module_name("~/work/mine.py"), module_name("package.nets")
    ('mine', 'package.nets')
    """
    return Path(code).stem if _is_file(code) else code


def load_code(code: str) -> ModuleType:
    """Import a module, or run a file `*.py`, once; modules beside it are found, too.

    Raises:
        LnbenchError: it is not there, or it raises.
    """
    place = _place(code)
    if place not in _loaded:
        try:
            with messages_apart():
                _loaded[place] = _load(code, place)
        except LnbenchError as error:
            _loaded[place] = error
    found = _loaded[place]
    if isinstance(found, LnbenchError):
        raise found
    return found


def version_of(defined: Callable[..., Any], given: str | None) -> str:
    """Return what tells this version of a function or class from others: a given word, or its file's hash.

    The hash is of the whole file, which may hold functions that this one calls.

    Raises:
        LnbenchError: no word of letters, digits, - and _, or no file to be read.
    """
    if given is not None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,20}", given):
            raise LnbenchError(f"'{given}' is no version.", "Use at most 20 letters, digits, - and _.")
        return given
    plain = inspect.unwrap(defined)
    try:
        path = Path(inspect.getsourcefile(plain) or "")
        text = path.read_text(encoding="utf-8") if path.is_file() else inspect.getsource(plain)
    except (OSError, TypeError) as error:
        raise LnbenchError(
            f"The source of '{getattr(defined, '__name__', defined)}' cannot be read, "
            "so nothing tells its versions apart.",
            'Put it into a file, or give it a version="1".',
        ) from error
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def origin_of(defined: Callable[..., Any]) -> str:
    """Return where a function or class is defined, for messages."""
    try:
        place = inspect.getsourcefile(inspect.unwrap(defined))
    except TypeError:
        place = None
    return f"'{without_home(place)}'" if place else f"module '{defined.__module__}'"


def reason(error: BaseException, file: str | None = None) -> str:
    """Return an error's kind and first line, and where in the user's file it was raised."""
    said = str(error).strip().splitlines()
    text = type(error).__name__ + (f": {said[0].rstrip('.')}" if said else "")
    if isinstance(error, SyntaxError):
        return text
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{text} (line {lines[-1]} of {Path(file).name})" if file and lines else text


def messages_apart() -> AbstractContextManager[Any]:
    """Send what the user's code prints to stderr within the context: stdout is for a command's data."""
    return redirect_stdout(sys.stderr)


@contextmanager
def found_beside(folder: Path) -> Iterator[None]:
    """Find modules of a folder first within the context, and last from then on, as a script would."""
    own = str(folder)
    sys.path.insert(0, own)
    try:
        yield
    finally:
        sys.path.remove(own)
        if own not in sys.path:
            sys.path.append(own)


def _is_file(code: str) -> bool:
    return code.endswith(".py")


def _place(code: str) -> str:
    return str(Path(code).expanduser().resolve()) if _is_file(code) else code


def _load(code: str, place: str) -> ModuleType:
    if not _is_file(code):
        try:
            with found_beside(Path.cwd()):
                return importlib.import_module(code)
        except ModuleNotFoundError as error:
            if error.name is None or not (code == error.name or code.startswith(f"{error.name}.")):
                raise _broken(code, error, None) from error
            raise LnbenchError(
                f"There is no module '{code}', neither installed nor in this folder.",
                "Name a module, or a file by its path: FILE.py.",
            ) from error
        except LnbenchError:
            raise
        except (Exception, SystemExit) as error:
            found = importlib.util.find_spec(code) if "." not in code else None
            raise _broken(code, error, found.origin if found else None) from error
    if not Path(place).is_file():
        raise LnbenchError(
            f"The file of code '{without_home(place)}' does not exist.", "Name a module or a file *.py."
        )
    name = f"lnbench_user_code_{Path(place).stem}"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise LnbenchError(f"'{without_home(place)}' is no file of Python.", "Name a file *.py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with found_beside(Path(place).parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, LnbenchError):
            raise
        raise _broken(without_home(place), error, place) from error
    return module


def _broken(code: str, error: BaseException, file: str | None) -> LnbenchError:
    return LnbenchError(
        f"'{code}' cannot be loaded: {reason(error, file)}.",
        f"Mend it, or take it out of {VARIABLE}. To see all: python -c 'import runpy; runpy.run_path(FILE)'",
    )
