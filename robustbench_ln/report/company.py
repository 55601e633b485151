"""How numbers change with the other images of a batch: the stress test on the page."""

from __future__ import annotations

from robustbench_ln.report.exhibit import Table
from robustbench_ln.report.formats import number, percent, sigma_text
from robustbench_ln.report.inputs import DataGroup, NoiseGroup
from robustbench_ln.report.rows import rows_of


def spread_table(data: DataGroup) -> Table | None:
    """Return the spread of each network's home mode over orders and set sizes, beside its headline number.

    Returns:
        None where no home mode was measured in several.
    """
    rows = []
    for noise in data.noises:
        if not noise.compositions:
            continue
        usual = {(row.model, row.mode, row.sigma): row for row in noise.home.itertuples()}
        for one in noise.compositions:
            row = usual.get((one.model, one.mode, one.sigma))
            if row is not None:
                spread = (one.points["lowest"].min(), one.points["highest"].max())
                shares = [percent(share) for share in (row.accuracy, *spread)]
                rows.append(
                    [row.curve_label, noise.label, row.sigma_text, *shares, number(one.points["seeds"].sum())]
                )
    if not rows:
        return None
    caption = (
        f"Home modes on {data.label} with other batches: other orders of the images, and more or fewer that "
        "share statistics"
    )
    columns = ["network", "noise", "sigma", "headline", "lowest", "highest", "compositions"]
    return Table(caption, columns, rows)


def company_table(noise: NoiseGroup) -> Table | None:
    """Return accuracy by order and set size, of each network and mode that was measured in several.

    Returns:
        None where none was.
    """
    if not noise.compositions:
        return None
    names = dict(rows_of(noise.measured, "model", "model_label"))
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
