"""Whether the code of the user's that a stored network needs is there; importing this imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robustbench_ln.models.python_network import check_python_network
from robustbench_ln.norms.registry import check_version


def check_loadable(card: Mapping[str, Any]) -> None:
    """Make sure, without building it, that a network can be built from its card.

    Raises:
        LnbenchError: it needs code of the user's that is not there, or not in that version.
    """
    check_version(card["recipe"]["norm"])
    if card["recipe"]["network"].startswith("python:"):
        check_python_network(card["recipe"]["network"])
