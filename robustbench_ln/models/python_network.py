"""Networks that a function of the user's returns: `python:MODULE:FUNCTION`, with its version `@VERSION`.

The function runs only where the user names its module or file, in the command or in LNBENCH_PLUGINS: a name
in results or in benchmarks.yaml alone runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.plugins import other_version
from robustbench_ln.user_code import code_called, load_code, messages_apart, origin_of, reason, version_of

if TYPE_CHECKING:
    from torch import nn

Factory = Callable[[], Any]


def find_factory(code: str, function: str) -> Factory:
    """Return the function of a module or file of the user's, running the module.

    Raises:
        LnbenchError: there is no such module or function, or the module raises.
    """
    module = load_code(code)
    if not hasattr(module, function):
        names = [name for name, value in vars(module).items() if callable(value) and name[0] != "_"]
        raise UnknownNameError(f"function of '{code}'", function, names)
    factory = getattr(module, function)
    if not callable(factory):
        raise LnbenchError(
            f"'{function}' of '{code}' is of type {type(factory).__name__}, and no function.",
            "Name a function without arguments that returns the network.",
        )
    return factory  # type: ignore[no-any-return]


def factory_version(factory: Factory) -> str:
    """Return what tells this version of a function: its attribute `version`, or a hash of its file."""
    given = getattr(factory, "version", None)
    return version_of(factory, None if given is None else str(given))


def check_python_network(name: str) -> Factory:
    """Return the function of a network's full name, `python:MODULE:FUNCTION@VERSION`.

    Raises:
        LnbenchError: the user did not name its code, or it is of another version.
    """
    found = re.fullmatch(r"python:([\w.-]+):(\w+)@([\w-]+)", name)
    if found is None:
        raise LnbenchError(f"'{name}' is no name of a network of the user's.")
    module, function, version = found.groups()
    code = code_called(module)
    if code is None:
        raise LnbenchError(
            f"The network '{name}' is made by the user's own code, which runs only where it is named.",
            f"Name its file with --model python:FILE.py:{function}, or in LNBENCH_PLUGINS=FILE.py",
        )
    factory = find_factory(code, function)
    there = factory_version(factory)
    if there != version:
        raise other_version("network", name, f"python:{module}:{function}@{there}", origin_of(factory))
    return factory


def call_factory(factory: Factory) -> nn.Module:
    """Return the network that a function makes, on the CPU.

    Raises:
        LnbenchError: the function raises, or returns no network.
    """
    from torch import nn

    what = f"The function '{getattr(factory, '__name__', factory)}' of {origin_of(factory)}"
    file = getattr(getattr(factory, "__code__", None), "co_filename", None)
    try:
        with messages_apart():
            network = factory()
    except LnbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise LnbenchError(
            f"{what} failed: {reason(error, file)}.",
            "It is called without arguments; call it in Python to see more.",
        ) from error
    if not isinstance(network, nn.Module):
        raise LnbenchError(
            f"{what} returned {type(network).__name__} in place of torch.nn.Module.",
            "Return the network itself, not its state or a tuple.",
        )
    return network.cpu().eval()
