"""Write what the documents say of the code, of the committed replication and benchmarks; `make docs` runs it.

Each block between `<!-- generated: NAME -->` and `<!-- end -->` is replaced, so no number and no table in
the documents is typed by hand. With `--check` nothing is written, and the exit code tells whether anything
would change.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import modes_figure
import noise_pictures
import performance
from command_line import commands
from python_api import api
from replication import Replication, markdown_table

from robustbench_ln.benchmarks.printed import paper_values
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.data.names import DATA_SETS
from robustbench_ln.modes import MEANINGS
from robustbench_ln.noise import NOISES
from robustbench_ln.noise.severity import SEVERITIES, SIGMAS
from robustbench_ln.norms.registry import NORMS

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md",
    "docs/how-to/data.md",
    "docs/how-to/scale.md",
    "docs/reference/cli.md",
    "docs/reference/python.md",
    "docs/reference/noises.md",
    "docs/reference/modes.md",
    "docs/reference/networks.md",
    "docs/reference/performance.md",
    "docs/explanation/replication.md",
)


def noises() -> str:
    """Every noise with its formula, what sigma means, its source and a picture."""
    return "\n\n".join(
        f"### {one.name}\n\n`{one.formula}`\n\nSigma is the {one.sigma}. Source: {one.source}.\n\n"
        f"![{one.name}: sigma {', '.join(noise_pictures.shown_sigmas(one.name))}]"
        f"(../images/noises/{one.name}.png)\n\n"
        f"Sigma {', '.join(noise_pictures.shown_sigmas(one.name))}."
        for one in NOISES.values()
    )


def severities() -> str:
    """The sigmas of severities 1 to 5; of shot noise also c, as it was published."""
    rows = [
        [constants, f"`{noise}`", *(_published(noise, sigma) for sigma in sigmas)]
        for constants, noises in SIGMAS.items()
        for noise, sigmas in noises.items()
    ]
    return markdown_table(["constants", "noise", *(f"severity {one}" for one in SEVERITIES)], rows)


def _published(noise: str, sigma: str) -> str:
    return f"{sigma} (c = {1 / float(sigma):.6g})" if noise == "shot" else sigma


def modes() -> str:
    """Which modes fit which norm; the first is its home mode."""
    rows = [
        [
            f"`{one.name}`",
            ", ".join(f"`{mode}`" for mode in one.modes),
            ", ".join(f"`{mode}`" for mode in one.named_modes),
            _options(one.options),
            one.source,
        ]
        for one in NORMS.values()
    ]
    return markdown_table(["norm", "modes, its home mode first", "where named", "options", "source"], rows)


def meanings() -> str:
    """What each mode does, and whether it uses other test images."""
    rows = [[f"`{name}`", meaning, uses] for name, (meaning, uses) in MEANINGS.items()]
    return markdown_table(["mode", "meaning", "uses other test images"], rows)


def data_sets() -> str:
    """The data sets with their images and where they come from."""
    rows = [[f"`{name}`", images, origin] for name, (images, origin) in DATA_SETS.items()]
    return markdown_table(["spec", "images", "where it comes from"], rows)


def parameters() -> str:
    """Number of parameters of each network and norm, beside what the paper prints."""
    declared = load_declared(ROOT / "benchmarks.yaml")
    table_2 = {
        (declared.benchmark(value["benchmark"]).network, value["norm"]): value["paper"]
        for value in paper_values(declared.experiment("table2"))
        if value["unit"] == "parameters"
    }
    rows = []
    for network, shape, norms in (
        ("mnist-net", (1, 28, 28), ("none", "batchnorm", "switchnorm", "localnorm K=10")),
        ("resnet32", (3, 32, 32), ("none", "batchnorm", "switchnorm", "localnorm K=8", _FIXED)),
        ("vgg16", (3, 32, 32), ("none", "batchnorm", "switchnorm", "localnorm K=8", "localnorm K=16")),
    ):
        for norm in norms:
            trainable, statistics = _counted(network, shape, norm)
            total, printed = trainable + statistics, table_2.get((network, norm.split()[0]))
            row = [f"`{network}`", norm, f"{trainable:,}", f"{statistics:,}", f"{total:,}"]
            if printed is None:
                row += ["", ""]
            else:
                row += [f"{printed:,}", f"{printed - total:+,}" if printed != total else "0"]
            rows.append(row)
    head = [
        "network",
        "norm",
        "trainable",
        "running statistics",
        "total",
        "Table 2 prints",
        "Table 2 has more",
    ]
    return markdown_table(head, rows)


#: What reproduces the paper's number for ResNet32; no norm of this project.
_FIXED = "localnorm with 128 gammas and 128 betas in every layer"


def _counted(network: str, shape: tuple[int, int, int], norm: str) -> tuple[int, int]:
    import torch

    from robustbench_ln.models.parameters import count_built, count_parameters
    from robustbench_ln.models.resnet32 import ResNet32
    from robustbench_ln.norms.localnorm import LocalNorm2d

    if norm == _FIXED:
        with torch.device("meta"):  # shapes without values
            count = count_parameters(ResNet32(shape, 10, lambda channels: LocalNorm2d(128, groups=1)))
    else:
        name, _, groups = norm.partition(" K=")
        options = {"groups": int(groups)} if groups else {}
        count = count_built(network, image_shape=shape, num_classes=10, norm=name, norm_options=options)
    return count.trainable, count.statistics


def _options(options: object) -> str:
    assert isinstance(options, dict)
    return ", ".join(f"{name}={'required' if value is None else value}" for name, value in options.items())


@cache
def _replication() -> Replication:
    return Replication(ROOT)


@cache
def _measured() -> list[dict[str, Any]]:
    return performance.measured(ROOT / "bench" / "measured.jsonl")


def _performance() -> str:
    table = markdown_table(["", "measure", "target", "measured", ""], performance.rows(_measured()))
    return f"{table}\n\n{performance.machines(_measured())}"


BLOCKS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "api": api,
    "noises": noises,
    "severities": severities,
    "modes": modes,
    "meanings": meanings,
    "data": data_sets,
    "parameters": parameters,
    "performance": _performance,
    "scaling": lambda: markdown_table(
        ["on two cores", "takes", "times as fast as one process"], performance.scaling(_measured())
    ),
    "paper": lambda: markdown_table(["what", "would take"], performance.on_paper(_measured())),
    "measurements": lambda: "\n".join(performance.sections(_measured())),
    "mnist": lambda: _replication().mnist(),
    "answer": lambda: _replication().answer(),
    "stress": lambda: _replication().stress(),
    "items": lambda: _replication().items(),
    "claims": lambda: _replication().claims(),
    "amended": lambda: _replication().amended(),
}


def filled(text: str) -> str:
    """Return a document with every generated block written anew."""

    def write(match: re.Match[str]) -> str:
        return f"<!-- generated: {match[1]} -->\n{BLOCKS[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", write, text, flags=re.DOTALL)


def main() -> int:
    """Write the documents and their pictures, or check them."""
    check = "--check" in sys.argv
    stale = [*noise_pictures.write(check=check), *modes_figure.write(check=check)]
    for name in DOCUMENTS:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            stale.append(name)
            if not check:
                path.write_text(after, encoding="utf-8")
    print(f"{'Stale' if check else 'Written'}: {', '.join(stale) or 'nothing'}")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
