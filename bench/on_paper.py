"""What a million cells, and a data set of ImageNet's size, would take by what was measured on small ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CELLS, IMAGES = 10**6, 10_000
IMAGENET = (50_000, 3 * 224 * 224)
SMALL_VALUES = 3 * 32 * 32


def on_paper(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the lines of a section.

    Args:
        rows: what `side_by_side.tell` printed, by the row's letter; of `h` the line about packed cells.
    """
    sweep, noise, packed, planning = (rows[letter] for letter in "bfhj")
    per_image = {
        name: sweep["seconds"][f"{name}, loop"] / (sweep["images"] * sweep["sigmas"])
        for name in ("mnist-net", "resnet32")
    }
    days = {name: CELLS * IMAGES * taken / 86_400 for name, taken in per_image.items()}
    images, values = IMAGENET
    per_value = noise["seconds"]["agn"] / (len("12345") * noise["images"] * SMALL_VALUES)
    noise_minutes = images * values * per_value / 60
    planning_seconds = planning["value"] * CELLS / planning["cells"]
    return [
        "## On paper: a million cells, and ImageNet",
        "",
        "Computed from the rows above, not measured.",
        "",
        "| what | would take |",
        "| --- | --- |",
        *(
            f"| {CELLS:,} BATCH cells of {IMAGES:,} images, {name} | {taken:,.0f} days of one core |"
            for name, taken in days.items()
        ),
        f"| planning them | {planning_seconds:.0f} s, {planning['peak_gib']:g} GiB |",
        f"| packing them | {packed['bytes_per_cell'] * CELLS / 2**20:,.0f} MiB |",
        f"| reading them packed | {packed['value'] * CELLS / packed['cells']:.0f} s |",
        f"| ImageNet's {images:,} test images at 224 pixels, decoded | {images * values / 2**30:.1f} GiB |",
        f"| Gaussian noise on them at one sigma | {noise_minutes:.1f} minutes of one core |",
        "",
    ]
