"""`lnbench config`: show, check or create a benchmarks file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from robustbench_ln.benchmarks.find import find_config
from robustbench_ln.benchmarks.starter import write_starter

from . import complete, options
from .console import print_json, print_line, say
from .tables import print_table, table

config = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Show, check or create a benchmarks file.",
    epilog="Example: lnbench config init",
)


@config.command(epilog="Example: lnbench config show mnist --preset short")
def show(
    benchmark: Annotated[
        str | None,
        typer.Argument(
            help="A benchmark; without one, the file in use and the environment variables.",
            autocompletion=complete.benchmarks,
        ),
    ] = None,
    preset: options.Preset = "paper",
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Show a benchmark's settings in effect, each with the line that it comes from."""
    path = find_config(config)
    if benchmark is None:
        _show_file(path, json)
        return
    from robustbench_ln.benchmarks.resolved import resolve

    settings = resolve(path, benchmark, preset)
    if json:
        print_json(
            {
                "file": str(path),
                "benchmark": benchmark,
                "preset": preset,
                "settings": [
                    {"key": list(one.key), "value": one.value, "origin": one.origin} for one in settings
                ],
            }
        )
        return
    print_line(f"{benchmark} at preset {preset}, from {path}")
    rows = [(".".join(one.key), _text(one.value), Path(one.origin).name) for one in settings]
    print_table(table(("setting", "value", "origin"), rows, fold=("value",)), folds=True)


def _show_file(path: Path, json: bool) -> None:
    from robustbench_ln.benchmarks.read import load_declared

    declared = load_declared(path)
    variables = {name: os.environ.get(name) for name in ("LNBENCH_CONFIG", "LNBENCH_RESULTS", "LNBENCH_DATA")}
    if json:
        print_json(
            {
                "file": str(path),
                "benchmarks": list(declared.benchmarks),
                "experiments": list(declared.experiments),
                "variables": variables,
            }
        )
        return
    rows = [
        ("file", str(path)),
        ("benchmarks", ", ".join(declared.benchmarks)),
        ("experiments", ", ".join(declared.experiments)),
        *((name, value or "(not set)") for name, value in variables.items()),
    ]
    print_table(table(("", ""), rows, header=False), folds=True)


@config.command(epilog="Example: lnbench config validate benchmarks.yaml")
def validate(
    file: Annotated[Path | None, typer.Argument(help="The file.", show_default="the one in use")] = None,
    json: options.Json = False,
) -> None:
    """Check a benchmarks file and say what it declares; mistakes are named with their lines."""
    from robustbench_ln.benchmarks.read import load_declared

    path = find_config(file)
    declared = load_declared(path)
    if json:
        print_json(
            {
                "file": str(path),
                "benchmarks": list(declared.benchmarks),
                "experiments": list(declared.experiments),
            }
        )
        return
    say(
        f"{path}: no mistakes found. Benchmarks: {len(declared.benchmarks):,}, "
        f"experiments: {len(declared.experiments):,}, grids: {len(declared.grids):,}."
    )


@config.command(epilog="Example: lnbench config init benchmarks.yaml")
def init(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")] = Path(
        "benchmarks.yaml"
    ),
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a small commented benchmarks file, to start with your own images and network."""
    write_starter(file)
    if json:
        print_json({"path": str(file)})
    else:
        say(f"Wrote {file}. Next: name your images in it, then lnbench config validate {file}", quiet=quiet)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
