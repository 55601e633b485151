"""Write what the documents say of the code and of the reference results; `make docs` runs it.

Each block between `<!-- generated: NAME -->` and `<!-- end -->` is replaced, so no number and no table in
the documents is typed by hand. With `--check` nothing is written, and the exit code tells whether anything
would change.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from robustbench_ln import load_results
from robustbench_ln.metrics import summarize_curves
from robustbench_ln.noise import NOISES
from robustbench_ln.norms.registry import NORMS

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "results" / "reference.npz"
DOCUMENTS = (
    "README.md",
    "docs/reference/noises.md",
    "docs/reference/modes.md",
    "docs/reference/networks.md",
)
#: Printed in the text of the LocalNorm paper, section 5.2 (Fig 7), in per cent.
FIG_7 = {
    "batchnorm": {1: "44.67", 2: "about 10"},
    "switchnorm": {1: "84.89", 2: "39.31"},
    "localnorm": {1: "97.78", 2: "75.01"},
}
#: Printed in the same paper, Table 2.
TABLE_2 = {
    ("vgg16", "batchnorm"): 15_001_418,
    ("vgg16", "switchnorm"): 15_001_496,
    ("vgg16", "localnorm"): 15_115_690,
    ("resnet32", "batchnorm"): 470_218,
    ("resnet32", "switchnorm"): 470_414,
    ("resnet32", "localnorm"): 473_610,
}
RANGES = {"agn": "0 to 4", "agn-uniform-additive": "0 to 4", "mbn": "0 to 0.8"}


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def noises() -> str:
    """Every noise with its formula, what sigma means, and its source."""
    rows = [[f"`{one.name}`", one.formula, one.sigma, one.source] for one in NOISES.values()]
    return table(["name", "formula", "sigma is the", "source"], rows)


def modes() -> str:
    """Which modes fit which norm; the first is its home mode."""
    rows = [
        [f"`{one.name}`", ", ".join(f"`{mode}`" for mode in one.modes), _options(one.options), one.source]
        for one in NORMS.values()
    ]
    return table(["norm", "modes, its home mode first", "options", "source"], rows)


def mnist() -> str:
    """Clean accuracy and mean accuracy over each noise's range, of the committed MNIST results."""
    cells = load_results(REFERENCE)
    cells = cells[(cells["benchmark"] == "mnist") & cells["noise"].isin(RANGES)]
    curves = summarize_curves(cells)
    rows = []
    for info in NORMS.values():
        for mode in info.modes:
            mine = curves[(curves["norm"] == info.name) & (curves["mode"] == mode)].set_index("noise")
            if mine.empty:
                continue
            clean = mine.iloc[0]
            home = " (home)" if mode == info.home_mode else ""
            rows.append(
                [
                    f"{info.name}",
                    f"`{mode}`{home}",
                    "yes" if clean["coupled"] else "no",
                    f"{clean['clean']:.2%} ({clean['clean_low']:.2%} to {clean['clean_high']:.2%})",
                    *(f"{mine.loc[noise, 'area']:.1%}" if noise in mine.index else "" for noise in RANGES),
                ]
            )
    head = ["norm", "mode", "uses other test images", "clean accuracy (95 % interval)"]
    head += [f"mean under `{noise}`, sigma {span}" for noise, span in RANGES.items()]
    return table(head, rows) + "\n\n" + _provenance(cells)


def fig7() -> str:
    """The numbers that the paper prints for Fig 7 beside those measured under both readings of its noise."""
    cells = load_results(REFERENCE)
    cells = cells[cells["benchmark"] == "mnist"]
    rows = []
    for norm, mode in (
        ("batchnorm", "frozen"),
        ("switchnorm", "frozen"),
        ("localnorm", "batch"),
        ("batchnorm", "batch"),
        ("switchnorm", "batch"),
    ):
        mine = cells[(cells["norm"] == norm) & (cells["mode"] == mode)]
        printed = FIG_7[norm] if mode == NORMS[norm].home_mode else {}
        row = [norm, f"`{mode}`"]
        for sigma in (1, 2):
            row.append(printed.get(sigma, ""))
            row += [_at(mine, noise, sigma) for noise in ("agn", "agn-uniform-additive")]
        rows.append(row)
    head = ["norm", "mode"]
    for sigma in (1, 2):
        head += [f"sigma {sigma}: paper", "`agn`", "`agn-uniform-additive`"]
    return table(head, rows)


def parameters() -> str:
    """Number of parameters of each network and norm, beside what the paper prints."""
    rows = []
    for network, shape, norms in (
        ("mnist-net", (1, 28, 28), ("none", "batchnorm", "switchnorm", "localnorm K=10")),
        ("resnet32", (3, 32, 32), ("none", "batchnorm", "switchnorm", "localnorm K=8", _FIXED)),
        ("vgg16", (3, 32, 32), ("none", "batchnorm", "switchnorm", "localnorm K=8", "localnorm K=16")),
    ):
        for norm in norms:
            trainable, statistics = _counted(network, shape, norm)
            total, printed = trainable + statistics, TABLE_2.get((network, norm.split()[0]))
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
    return table(head, rows)


#: What reproduces the paper's number for ResNet32; no norm of this project.
_FIXED = "localnorm with 128 gammas and 128 betas in every layer"


def _counted(network: str, shape: tuple[int, int, int], norm: str) -> tuple[int, int]:
    import torch

    from robustbench_ln.models.parameters import count_parameters
    from robustbench_ln.models.registry import build_network
    from robustbench_ln.models.resnet32 import ResNet32
    from robustbench_ln.norms.localnorm import LocalNorm2d

    name, _, groups = norm.partition(" K=")
    options = {"groups": int(groups)} if groups else {}
    with torch.device("meta"):  # shapes without values
        count = count_parameters(
            ResNet32(shape, 10, lambda channels: LocalNorm2d(128, groups=1))
            if norm == _FIXED
            else build_network(network, image_shape=shape, num_classes=10, norm=name, norm_options=options)
        )
    return count.trainable, count.statistics


def _at(cells: pd.DataFrame, noise: str, sigma: float) -> str:
    found = cells[(cells["noise"] == noise) & (cells["sigma"] == sigma)]
    return f"{found['accuracy'].iloc[0]:.2%}" if len(found) else ""


def _provenance(cells: pd.DataFrame) -> str:
    images = sorted(set(cells["images"]))
    seeds = sorted(set(cells["train_seed"]))
    return (
        f"n = {', '.join(f'{count:,}' for count in images)} test images; training seed"
        f"{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
        f"{'' if len(seeds) > 1 else ' only, so differences between rows include seed-to-seed luck'}; "
        f"{cells['sigma'].nunique()} different sigmas, {len(cells)} cells. "
        "The interval takes images as independent, which modes that use other test images break."
    )


def _options(options: object) -> str:
    assert isinstance(options, dict)
    return ", ".join(f"{name}={'required' if value is None else value}" for name, value in options.items())


BLOCKS: dict[str, Callable[[], str]] = {
    "noises": noises,
    "modes": modes,
    "parameters": parameters,
    "mnist": mnist,
    "fig7": fig7,
}


def filled(text: str) -> str:
    """Return a document with every generated block written anew."""

    def write(match: re.Match[str]) -> str:
        return f"<!-- generated: {match[1]} -->\n{BLOCKS[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", write, text, flags=re.DOTALL)


def main() -> int:
    """Write the documents, or check them."""
    stale = []
    for name in DOCUMENTS:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(after, encoding="utf-8")
    print(f"{'Stale' if '--check' in sys.argv else 'Written'}: {', '.join(stale) or 'nothing'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
