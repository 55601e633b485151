"""The figure of docs/explanation/idea.md: which rows of a batch share statistics, by the modes' layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robustbench_ln.modes import lay_out

PATH = Path(__file__).parent / "images" / "modes.svg"
#: N images of a batch in K groups.
_IMAGES, _GROUPS = 8, 2
_SHOWN = (
    ("batchnorm", "frozen"),
    ("batchnorm", "single"),
    ("batchnorm", "batch"),
    ("localnorm", "batch"),
    ("localnorm", "single"),
    ("localnorm", "single-voting"),
    ("localnorm", "voting"),
)
_GAMMA, _BETA = chr(947), chr(946)
_COLOURS = ("#0072b2", "#d55e00")
_WIDTH, _LINE, _TOP, _LEFT, _RIGHT, _SIDE, _GAP = 760, 62, 46, 150, 610, 28, 20


def figure() -> str:
    """Return the figure as SVG."""
    height = _TOP + _LINE * len(_SHOWN) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13" fill="#222">',
        f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="#fff"/>',
        _text(20, 28, "norm, mode", bold=True),
        _text(_LEFT, 28, "images by number; a box shares one mean and variance", bold=True),
        _text(_RIGHT, 28, "other test images", bold=True),
    ]
    for place, (norm, mode) in enumerate(_SHOWN):
        parts += _line(norm, mode, _TOP + place * _LINE)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(norm: str, mode: str, top: int) -> list[str]:
    """Return one mode: its boxes, one a set, each with the group of parameters that it passes."""
    layout = lay_out(mode, norm, _GROUPS if norm == "localnorm" else 1, _IMAGES)
    images = np.arange(layout.images)
    rows = images.repeat(layout.copies)
    groups = layout.groups_of_sets(images, seed=0)
    sets = len(rows) if layout.set_size is None else len(rows) // layout.set_size
    parts = [
        _text(20, top + 16, norm),
        _text(20, top + 33, mode, bold=True),
        _text(_RIGHT, top + 24, "used" if layout.coupled else "not used"),
    ]
    if groups is None:
        parts.append(_text(_LEFT, top + 48, "mean and variance of the training", size=11))
    left = _LEFT
    for number in range(sets):
        members = rows[number::sets]
        width = len(members) * _SIDE
        colour = _COLOURS[0 if groups is None else groups[number]]
        dashed = ' stroke-dasharray="3 3"' if groups is None else ""
        parts.append(
            f'<rect x="{left}" y="{top + 6}" width="{width}" height="{_SIDE}" rx="4" fill="{colour}" '
            f'fill-opacity="0.12" stroke="{colour}" stroke-width="1.5"{dashed}/>'
        )
        parts += [
            _text(left + (place + 0.5) * _SIDE, top + 25, str(image + 1), middle=True)
            for place, image in enumerate(members)
        ]
        if groups is not None and norm == "localnorm":
            group = f"{_GAMMA}{groups[number] + 1} {_BETA}{groups[number] + 1}"
            parts.append(_text(left + width / 2, top + 48, group, middle=True, size=11))
        left += width + _GAP
    return parts


def _text(x: float, y: float, text: str, *, bold: bool = False, middle: bool = False, size: int = 0) -> str:
    options = (' font-weight="bold"' if bold else "") + (' text-anchor="middle"' if middle else "")
    options += f' font-size="{size}"' if size else ""
    return f'<text x="{x:g}" y="{y:g}"{options}>{text}</text>'


def write(*, check: bool) -> list[str]:
    """Write the figure where it changed, or name it alone."""
    wanted = figure()
    if PATH.exists() and PATH.read_text(encoding="utf-8") == wanted:
        return []
    if not check:
        PATH.write_text(wanted, encoding="utf-8")
    return [PATH.name]
