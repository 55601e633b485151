"""Options that several commands share, so that each is spelled and explained once."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from robustbench_ln.data.data_dir import default_data_dir
from robustbench_ln.data.names import DATA_NAMES
from robustbench_ln.devices import check_device, check_dtype

from . import complete

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
    typer.Option(
        "--data",
        metavar="SPEC",
        autocompletion=complete.data,
        help=f"Use another data set: {', '.join(DATA_NAMES)}.",
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        min=1,
        max=4096,
        metavar="N",
        help="Resize the images of a folder, or of stanford-cars, to NxN pixels.",
    ),
]
SkipUnreadable = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable",
        help="Skip unreadable images of a folder, and say how many and which.",
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME",
        help="The network that a weights file is for, such as torchvision:resnet18.",
    ),
]
_EACH = "one number, or a comma list of one per channel"
Mean = Annotated[
    str | None,
    typer.Option(
        "--mean",
        metavar="NUMBERS",
        help=f"Mean that a source's network subtracts from images in [0, 1]: {_EACH}.",
        show_default="the weights' card, else 0",
    ),
]
Std = Annotated[
    str | None,
    typer.Option(
        "--std",
        metavar="NUMBERS",
        help=f"Standard deviation that a source's network divides them by: {_EACH}.",
        show_default="the weights' card, else 1",
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Use a fixed random choice of N images.")
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=check_device,
        autocompletion=complete.choices("auto", "cpu", "cuda"),
        help="Where to compute: cpu, cuda, or auto for a GPU if there is one.",
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=check_dtype,
        autocompletion=complete.choices("fp32", "bf16", "auto"),
        help="Precision of convolutions and matrix products: fp32, bf16, or auto for bf16 where the device "
        "supports it.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Number of processes.", show_default="one per GPU, else cores / threads"
    ),
]
WorkerThreads = Annotated[
    int, typer.Option("--threads", min=1, metavar="N", help="Torch threads per process.")
]
Preset = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        autocompletion=complete.presets,
        help="The recipe: paper for the full one, or a shorter one that the benchmark declares.",
    ),
]
Order = Annotated[
    str,
    typer.Option(
        metavar="ORDER",
        autocompletion=complete.choices("shuffled", "class-sorted", "dirichlet:"),
        help="Order of the test images: shuffled, class-sorted or dirichlet:ALPHA; matters in coupled modes.",
    ),
]
NoiseSeeds = Annotated[
    str,
    typer.Option(
        metavar="SEEDS", help="Seeds for the noise and for mode single's groups, such as 0:4 or 0,3,7."
    ),
]
OrderSeeds = Annotated[str, typer.Option(metavar="SEEDS", help="Seeds for the order, such as 0:4.")]
TrainSeeds = Annotated[
    str | None,
    typer.Option(
        metavar="SEEDS", help="Only networks with these training seeds, such as 0:2.", show_default="all"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress or messages.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Also say what is chosen, left out or already there, and why."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Say what would be done; train and measure nothing.")
]


DEFAULT_RESULTS = Path("results")


def places(results: Path, data_dir: Path | None = None) -> str:
    """Return the options, a space before each, with which the next command finds the same places.

    Args:
        results: that this command was given; no option where the next takes them anyway.
        data_dir: the same of data; None for a command that takes none.
    """
    said = ""
    if results != Path(os.environ.get("LNBENCH_RESULTS") or DEFAULT_RESULTS):
        said += f" --results {shlex.quote(str(results))}"
    if data_dir is not None and data_dir != default_data_dir():
        said += f" --data-dir {shlex.quote(str(data_dir))}"
    return said
