"""Measure how image classifiers lose accuracy as noise grows, and what normalization has to do with it.

Importing the package prints nothing, seeds nothing and imports no torch: each public name is loaded when
it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from robustbench_ln.errors import LnbenchError
    from robustbench_ln.noise import add_noise
    from robustbench_ln.noise.own import register_noise
    from robustbench_ln.norms.batchnorm import BatchNorm2d
    from robustbench_ln.norms.convert import convert_norm
    from robustbench_ln.norms.ghostbatchnorm import GhostBatchNorm2d
    from robustbench_ln.norms.localnorm import LocalNorm2d
    from robustbench_ln.norms.own import register_norm
    from robustbench_ln.norms.switchnorm import SwitchNorm2d
    from robustbench_ln.store.frame import load_results
    from robustbench_ln.sweep.in_memory import evaluate

__all__ = [
    "BatchNorm2d",
    "GhostBatchNorm2d",
    "LnbenchError",
    "LocalNorm2d",
    "SwitchNorm2d",
    "add_noise",
    "convert_norm",
    "evaluate",
    "load_results",
    "register_noise",
    "register_norm",
]
_HOMES = {
    "BatchNorm2d": "norms.batchnorm",
    "GhostBatchNorm2d": "norms.ghostbatchnorm",
    "LnbenchError": "errors",
    "LocalNorm2d": "norms.localnorm",
    "SwitchNorm2d": "norms.switchnorm",
    "add_noise": "noise",
    "convert_norm": "norms.convert",
    "evaluate": "sweep.in_memory",
    "load_results": "store.frame",
    "register_noise": "noise.own",
    "register_norm": "norms.own",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
