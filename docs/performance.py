"""What bench/measured.jsonl, written by `make bench`, comes to in the documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]
CELLS, IMAGES = 10**6, 10_000
IMAGENET = (50_000, 3 * 224 * 224)
#: Values that row f brings noise to: its images at five levels.
_LEVELS, _VALUES = 5, 3 * 32 * 32
#: What stands in a section's text, not among its figures.
_TOLD = ("row", "measure", "machine", "note", "why")


def measured(path: Path) -> list[dict[str, Any]]:
    """Return the lines of `make bench`, by row."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows(lines: Sequence[Line]) -> list[list[str]]:
    """Return the rows of the table: letter, measure, target, figure, and whether that meets the target."""
    return [
        [
            line["row"],
            line["measure"],
            line["target"],
            "" if line["value"] is None else f"{line['value']:g}",
            "" if line["target"] == "none" else "met" if line["met"] else "not met",
        ]
        for line in lines
    ]


def machines(lines: Sequence[Line]) -> str:
    """Return where and when the lines were measured, and of how many runs their figures are medians."""
    measured_on = sorted({f"Measured on {line['date']}: {line['machine']}." for line in lines})
    return " ".join([*measured_on, *_repeats(lines)])


def _repeats(lines: Sequence[Line]) -> list[str]:
    """Return a sentence for each number of repeats; lines of before it was recorded do not tell."""
    told: dict[int, list[str]] = {}
    for line in lines:
        if "repeats" in line and line["row"] not in told.setdefault(line["repeats"], []):
            told[line["repeats"]].append(line["row"])
    return [f"Medians of {number} runs: row {', '.join(rows)}." for number, rows in sorted(told.items())]


def sections(lines: Sequence[Line]) -> list[str]:
    """Return the text of a section for each line: why, and every figure."""
    text = []
    for line in lines:
        text += [f"## {line['row']}: {line['measure']}", ""]
        text += [f"{line[key]}\n" for key in ("note", "why") if line.get(key)]
        figures = {key: value for key, value in line.items() if key not in _TOLD}
        text += ["```json", json.dumps(figures), "```", ""]
    return text


def scaling(lines: Sequence[Line]) -> list[list[str]]:
    """Return how fast two processes are beside one, for each way to have two."""
    (line,) = (line for line in lines if line["row"] == "k")
    sweeps = [
        [f"a sweep: {way}", f"{line['seconds'][way]:.1f} s", f"{speedup:.2f}"]
        for way, speedup in line["speedups"].items()
    ]
    one, *others = line["seconds_an_epoch"].items()
    epochs = [
        [f"an epoch of training: {way}", f"{taken:.2f} s", f"{one[1] / taken:.2f}"]
        for way, taken in (one, *others)
    ]
    return [*sweeps, *epochs]


def on_paper(lines: Sequence[Line]) -> list[list[str]]:
    """Return what a million cells, and images of ImageNet's number and size, would take by the lines."""
    found = {line["row"]: line for line in lines if line["row"] != "h" or "bytes_per_cell" in line}
    sweep, noise, packed, planning = (found[letter] for letter in "bfhj")
    per_image = {
        name: sweep["seconds"][f"{name}, loop"] / (sweep["images"] * sweep["sigmas"])
        for name in ("mnist-net", "resnet32")
    }
    images, values = IMAGENET
    per_value = noise["seconds"]["agn"] / (_LEVELS * noise["images"] * _VALUES)
    planned = planning["value"] * CELLS / planning["cells"]
    return [
        *(
            [
                f"{CELLS:,} BATCH cells of {IMAGES:,} images, {name}",
                f"{CELLS * IMAGES * taken / 86_400:,.0f} days of one core",
            ]
            for name, taken in per_image.items()
        ),
        ["planning them", f"{planned:.0f} s, {planning['peak_gib']:g} GiB"],
        ["packing them", f"{packed['bytes_per_cell'] * CELLS / 2**20:,.0f} MiB"],
        ["reading them packed", f"{packed['value'] * CELLS / packed['cells']:.0f} s"],
        [f"{images:,} images of 224 pixels, decoded", f"{images * values / 2**30:.1f} GiB"],
        ["Gaussian noise on these at one sigma", f"{images * values * per_value:.0f} s of one core"],
    ]
