"""How numbers change with the other images of a batch: the stress test on the page."""

from __future__ import annotations

from robustbench_ln.report.exhibit import Table
from robustbench_ln.report.formats import sigma_text
from robustbench_ln.report.inputs import NoiseGroup


def spread_of(noise: NoiseGroup, model: str, mode: str) -> str:
    """Return the lowest and highest accuracy of a network in a mode over orders and set sizes.

    Args:
        noise: where to look; of several sigmas the smallest is taken.
        model: the network's id.
        mode: the mode with its options.

    Returns:
        Nothing where the network was measured in one composition of batches alone.
    """
    own = [one for one in noise.compositions if (one.model, one.mode) == (model, mode)]
    if not own:
        return ""
    first = min(own, key=lambda one: one.sigma)
    low, high = first.points["lowest"].min(), first.points["highest"].max()
    return f"{100 * low:.1f} to {100 * high:.1f} % at sigma {sigma_text(first.sigma)}"


def company_table(noise: NoiseGroup) -> Table | None:
    """Return accuracy by order and set size, of each network and mode that was measured in several.

    Returns:
        None where none was.
    """
    if not noise.compositions:
        return None
    names = dict(zip(noise.measured["model"], noise.measured["model_label"], strict=True))
    sizes = list(dict.fromkeys(size for one in noise.compositions for size in one.sizes))
    rows = []
    for one in noise.compositions:
        for order, *texts in one.rows:
            by_size = dict(zip(one.sizes, texts, strict=True))
            cells = [by_size.get(size, "").replace("\n", " (") for size in sorted(sizes)]
            closed = [f"{text})" if "(" in text else text for text in cells]
            rows.append([names[one.model], one.mode, sigma_text(one.sigma), order, *closed])
    caption = (
        f"Accuracy under {noise.label} by the order of the test images and by how many share statistics; "
        "lowest to highest over seeds in brackets"
    )
    columns = ["network", "mode", "sigma", "order", *(f"sets of {size}" for size in sorted(sizes))]
    return Table(caption, columns, rows, heads=4)
