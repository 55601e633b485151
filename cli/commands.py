"""The commands of `lnbench`; the module of one is imported when it is asked for.

So neither help nor a mistyped name waits for libraries that only some commands use.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True)
class Entry:
    """A command.

    Attributes:
        module: of this package, where a function or Typer of the command's name, with "_" for "-", stands;
            a "_" is added where the name is one of Python's own.
        help: what the list of commands says of it, the first line of its docstring.
        panel: the part of the list of commands that it stands in.
        example: below its own help.
    """

    module: str
    help: str
    panel: str
    example: str = ""


COMMANDS = {
    "train": Entry(
        "train",
        "Train the networks of a benchmark, one for each norm and seed.",
        "Run",
        "lnbench train --benchmark mnist --norm localnorm:groups=5 --train-seeds 0:2",
    ),
    "corrupt-eval": Entry(
        "corrupt_eval",
        "Measure every trained network in every test-time mode that fits it, as noise grows.",
        "Run",
        "lnbench corrupt-eval --noise agn --noise mbn --sigma 0:1:0.1 --noise-seeds 0:2",
    ),
    "stress": Entry(
        "stress",
        "Measure how accuracy depends on the rest of the batch: other image orders, smaller and larger sets.",
        "Run",
        "lnbench stress --noise agn --sigma 0,1 --limit 2000",
    ),
    "convert": Entry(
        "convert",
        "Replace every BatchNorm2d of a trained network with another norm, keeping gamma and beta.",
        "Run",
        "lnbench convert torchvision:resnet18 --norm localnorm --groups 8",
    ),
    "run": Entry(
        "run",
        "Train and measure what is missing for the paper's items, and write results/paper.html.",
        "Run",
        "lnbench run fig7 --preset quick",
    ),
    "report": Entry(
        "report",
        "Write the report: curves, modes, confusion matrices, noisy samples, coverage and provenance.",
        "Inspect",
        "lnbench report --results results/replication.npz --out page.html",
    ),
    "compare": Entry(
        "compare",
        "Compare two networks, or two modes, on the same noisy images: differences with intervals and tests.",
        "Inspect",
        "lnbench compare 'mnist-batchnorm*:batch' 'mnist-localnorm*' --noise agn --fail-drop 0.5",
    ),
    "mce": Entry(
        "mce",
        "Print mCE and relative mCE of every network in every mode, against a baseline in the store.",
        "Inspect",
        "lnbench mce --baseline 'cifar10-resnet32-batchnorm*'",
    ),
    "list": Entry(
        "list",
        "List the items of the paper, and benchmarks, models, norms, noises, modes and data sets.",
        "Inspect",
        "lnbench list norms",
    ),
    "show": Entry(
        "show",
        "Show everything the results hold on one network or cell.",
        "Inspect",
        "lnbench show 'mnist-localnorm-s0*' --results results/replication.npz",
    ),
    "results": Entry(
        "results",
        "List, export, pack and merge results, check them for damage, or clean up.",
        "Results",
    ),
    "doctor": Entry(
        "doctor",
        "Say what this machine has and whether lnbench can run here, to paste into an issue.",
        "Set up",
        "lnbench doctor",
    ),
    "config": Entry(
        "config",
        "Show, check or create a benchmarks file.",
        "Set up",
    ),
}


#: What other tools, or people in a hurry, call commands of another name.
ELSEWHERE = {
    "eval": "corrupt-eval",
    "evaluate": "corrupt-eval",
    "sweep": "corrupt-eval",
    "export": "results export",
    "ls": "results ls",
    "merge": "results merge",
    "verify": "results verify",
    "gc": "results gc",
    "pack": "results pack",
    "init": "config init",
    "validate": "config validate",
}


class Commands(TyperGroup):
    """The group of all commands: it lists them without importing them, and runs them in full."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the name, the command and its arguments."""
        if args and args[0] in ELSEWHERE:
            ctx.fail(f"No such command '{args[0]}'. Did you mean 'lnbench {ELSEWHERE[args[0]]}'?")
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and load(str(name)), rest


def add_commands(app: typer.Typer) -> None:
    """Let an application list all commands."""
    for name, entry in COMMANDS.items():
        app.command(name, help=entry.help, rich_help_panel=entry.panel)(_listed)


def _listed() -> None:
    """Stand for a command in the list of commands."""


def load(name: str) -> Any:
    """Return a command, importing its module."""
    entry = COMMANDS[name]
    module = import_module(f".{entry.module}", __package__)
    own = getattr(module, "list_" if name == "list" else entry.module)
    if isinstance(own, typer.Typer):
        return typer.main.get_command(own)
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(name, epilog=f"Example: {entry.example}")(own)
    return typer.main.get_command(app)
