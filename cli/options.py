"""Options that several commands share, so that each is spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from robustbench_ln.benchmarks.experiment import Reading
from robustbench_ln.benchmarks.read import Declared
from robustbench_ln.data.decoded import default_data_dir
from robustbench_ln.data.open import DATA_NAMES, check_spec
from robustbench_ln.errors import LnbenchError, UnknownNameError

Results = Annotated[
    Path, typer.Option("--results", metavar="DIR", envvar="LNBENCH_RESULTS", help="The results store.")
]
ReadResults = Annotated[
    Path,
    typer.Option(
        "--results", metavar="PATH", envvar="LNBENCH_RESULTS", help="The results store, or a packed file."
    ),
]
DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="LNBENCH_DATA",
        default_factory=default_data_dir,
        show_default="per-user cache",
        help="Where downloads and decoded images are kept.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="LNBENCH_CONFIG",
        show_default="./benchmarks.yaml, else the built-in one",
        help="The benchmarks file.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="SPEC", help=f"Another data set: {', '.join(DATA_NAMES)}."),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        min=1,
        metavar="N",
        help="Bring the images of a folder, or of stanford-cars, to NxN pixels.",
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--network", metavar="NAME", help="The network of a file's weights, such as torchvision:resnet18."
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Use N images, a fixed random choice.")
]
Device = Annotated[
    str,
    typer.Option(metavar="NAME", help="Where to compute: cpu, cuda, or auto for a GPU where there is one."),
]
Preset = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How much of the recipe: paper for all of it, or a shorter one that the benchmark declares.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no messages.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Say what would be done; train and measure nothing.")
]


def readings(given: list[str] | None) -> tuple[Reading, ...]:
    """Return the readings of the noise that are asked for, both without one.

    Raises:
        UnknownNameError: there is no such reading.
    """
    for name in given or ():
        if name not in get_args(Reading):
            raise UnknownNameError("reading", name, get_args(Reading))
    return tuple(dict.fromkeys(given)) if given else get_args(Reading)  # type: ignore[arg-type]


def data_sources(given: list[str] | None) -> dict[str, str]:
    """Return other sources of data sets, by the name of the set, from NAME=SPEC.

    Raises:
        LnbenchError: not of that form, or an unknown name.
    """
    sources = {}
    for text in given or ():
        name, _, spec = text.partition("=")
        if not spec:
            raise LnbenchError(f"'{text}' names no source.", "Write NAME=SPEC: cifar10=folder:~/cifar10-jpg.")
        check_spec(name)
        check_spec(spec)
        sources[name] = spec
    return sources


def experiment_names(given: list[str], declared: Declared) -> tuple[str, ...]:
    """Return the experiments asked for, each once; "all" stands for every one that is not named before it."""
    names = [name for text in given for name in (declared.experiments if text == "all" else (text,))]
    return tuple(dict.fromkeys(names))


DEFAULT_RESULTS = Path("results")
