"""What a shell completes: the names that options and arguments take.

None of it imports torch or pandas: it runs at each press of the tab key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from robustbench_ln.errors import LnbenchError

Names = list[tuple[str, str]]


def _completion(known: Callable[[], Iterable[tuple[str, str]]]) -> Callable[[str], Names]:
    """Return a completion of names with what each is; none where they cannot be read.

    A command that is run says what is wrong; a shell that completes its line must not.
    """

    def complete(incomplete: str) -> Names:
        try:
            return [(name, what) for name, what in known() if name.startswith(incomplete)]
        except (LnbenchError, OSError):
            return []

    return complete


def choices(*names: str) -> Callable[[str], Names]:
    """Return a completion of fixed names."""
    return _completion(lambda: [(name, "") for name in names])


def _norms() -> Iterable[tuple[str, str]]:
    from robustbench_ln.norms.registry import NORMS

    return [(info.name, info.source) for info in NORMS.values()]


def _noises() -> Iterable[tuple[str, str]]:
    from robustbench_ln.noise import NOISES

    return [(family.name, family.formula) for family in NOISES.values()]


def _modes() -> Iterable[tuple[str, str]]:
    from robustbench_ln.modes import MEANINGS

    return [(name, meaning) for name, (meaning, _) in MEANINGS.items()]


def _data() -> Iterable[tuple[str, str]]:
    from robustbench_ln.data.names import DATA_SETS

    return [(name.removesuffix("PATH"), images) for name, (images, _) in DATA_SETS.items()]


def _declared() -> dict[str, Any]:
    from robustbench_ln.benchmarks.find import find_config
    from robustbench_ln.yaml_file import YamlFile

    given = os.environ.get("LNBENCH_CONFIG")
    value = YamlFile(find_config(Path(given) if given else None)).value
    return value if isinstance(value, dict) else {}


def _titled(section: str) -> Iterable[tuple[str, str]]:
    bodies = _declared().get(section, {})
    titled = bodies.items() if isinstance(bodies, dict) else ()
    return [(name, str(body.get("title", "")) if isinstance(body, dict) else "") for name, body in titled]


def _presets() -> Iterable[tuple[str, str]]:
    found = {"paper": "the full recipe"}
    bodies = _declared().get("benchmarks", {})
    for body in bodies.values() if isinstance(bodies, dict) else ():
        presets = body.get("presets") if isinstance(body, dict) else None
        for name in presets if isinstance(presets, dict) else ():
            found.setdefault(name, "a shorter one")
    return list(found.items())


def _store() -> Path:
    return Path(os.environ.get("LNBENCH_RESULTS") or "results")


def _names(kind: str) -> Iterable[tuple[str, str]]:
    folder = _store() / kind
    if not folder.is_dir():
        return []
    return [(entry.name, "") for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]


def _sources() -> Iterable[tuple[str, str]]:
    return [
        ("torchvision:", "a network of torchvision with its weights"),
        ("timm:", "a network of timm with its weights"),
        ("efficientnet-lite0", "with its ImageNet weights"),
        ("python:", "a function of yours: python:FILE.py:FUNCTION"),
    ]


norms = _completion(_norms)
noises = _completion(_noises)
modes = _completion(_modes)
data = _completion(_data)
benchmarks = _completion(lambda: _titled("benchmarks"))
experiments = _completion(lambda: _titled("experiments"))
presets = _completion(_presets)
models = _completion(lambda: _names("models"))
networks = _completion(lambda: [*_names("models"), *_sources()])
cells_and_models = _completion(lambda: [*_names("models"), *_names("cells")])
