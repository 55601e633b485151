"""Gamma and beta of each group during training: the paper's Fig 6."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from robustbench_ln.errors import LnbenchError
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.report.drawing import INK, as_picture, figure_style
from robustbench_ln.report.exhibit import Exhibit, Table, csv_name, csv_uri
from robustbench_ln.report.labels import norm_label
from robustbench_ln.report.paper.item import Drawn, Item, Room
from robustbench_ln.report.paper.panels import make_panels, name_handles
from robustbench_ln.store.logs import read_log
from robustbench_ln.wording import counted, listed

_PANELS = {
    "gamma_mean": "mean of gamma",
    "gamma_var": "variance of gamma",
    "beta_mean": "mean of beta",
    "beta_var": "variance of beta",
}
_PLAIN = {"color": INK, "linestyle": (0, (5, 1.6)), "linewidth": 1.8}
_LEGEND_COLUMNS = 5


def draw_scales(item: Item, room: Room) -> Drawn:
    """Draw an item whose form is "scales": four panels, a line for each group and one for BatchNorm."""
    drawn = Drawn()
    for entry in item.evidence:
        networks = _first_seeds(entry, drawn.remarks)
        if networks:
            drawn.exhibits.append(_figure(item, entry, networks))
        elif entry.models:
            drawn.remarks.append(f"The networks of {entry.benchmark} kept no record of gamma and beta.")
    return drawn


def _first_seeds(entry: Evidence, remarks: list[str]) -> dict[str, pd.DataFrame]:
    """Return the scales of the network with the lowest seed of each norm, by the norm's label."""
    found: dict[str, pd.DataFrame] = {}
    for model in sorted(entry.models, key=lambda model: (model.card["recipe"]["seed"], model.id)):
        recipe = model.card["recipe"]
        label = norm_label(recipe["norm"], recipe["norm_options"])
        try:
            scales = read_log(entry.results, model.id, "scales")
        except LnbenchError as error:
            remarks.append(str(error))
            continue
        if scales is not None and len(scales) and label not in found:
            found[label] = scales.assign(
                norm=label, seed=recipe["seed"], model=model.id, groups=scales["group"].nunique()
            )
    return dict(sorted(found.items()))


def _figure(item: Item, entry: Evidence, networks: dict[str, pd.DataFrame]) -> Exhibit:
    table = pd.concat(networks.values(), ignore_index=True)
    looks: dict[tuple[str, int], dict[str, Any]] = {}
    for label, scales in networks.items():
        groups = sorted(scales["group"].unique())
        colours = sns.color_palette("viridis", len(groups))
        for group, colour in zip(groups, colours, strict=True):
            plain = len(groups) == 1
            looks[label, group] = _PLAIN if plain else {"color": colour, "linewidth": 1.3}
    few = table["epoch"].nunique() <= 12
    handles = [
        Line2D(
            [], [], label=label if networks[label]["group"].nunique() == 1 else f"group {group + 1}", **look
        )
        for (label, group), look in looks.items()
    ]
    foot = 0.12 + 0.2 * -(-len(handles) // _LEGEND_COLUMNS)
    with figure_style():
        grid = make_panels(4, 2, height=1.8, above=0.35, below=0.5, right=0.15, gap=0.6, foot=foot)
        for axes, (column, title) in zip(grid.axes, _PANELS.items(), strict=True):
            for (label, group), look in looks.items():
                own = networks[label][networks[label]["group"] == group]
                axes.plot(own["epoch"], own[column], marker="o" if few else "", markersize=3, **look)
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        name_handles(grid.figure, handles, _LEGEND_COLUMNS)
        picture = as_picture(grid.figure)
    seeds = listed([f"{label} of seed {scales['seed'].iloc[0]}" for label, scales in networks.items()])
    return Exhibit(
        picture,
        f"Mean and variance over all channels of gamma and beta by epoch. {_in_words(networks)}",
        f"{item.experiment.paper}. Mean and variance over all channels of gamma and beta after each epoch on "
        f"{entry.benchmark}: {seeds}. A line a group; dashed: norms with one gamma and beta.",
        csv_uri(table),
        csv_name(item.name, entry.benchmark, "scales"),
        [_last_epoch(label, scales) for label, scales in networks.items()],
    )


def _last_epoch(label: str, scales: pd.DataFrame) -> Table:
    last = scales[scales["epoch"] == scales["epoch"].max()]
    rows = [
        [str(row["group"] + 1), *(f"{row[column]:.6g}" for column in _PANELS)]
        for row in last.to_dict("records")
    ]
    epoch = int(last["epoch"].iloc[0])
    return Table(f"Gamma and beta of {label} after epoch {epoch}", ["group", *_PANELS.values()], rows)


def _in_words(networks: dict[str, pd.DataFrame]) -> str:
    sentences = []
    for label, scales in networks.items():
        last = scales[scales["epoch"] == scales["epoch"].max()]
        means = [
            f"{name} from {last[f'{name}_mean'].min():.4g} to {last[f'{name}_mean'].max():.4g}"
            for name in ("gamma", "beta")
        ]
        groups = counted(len(last), "group")
        sentences.append(f"At the end the {groups} of {label} have means of {listed(means)}.")
    return " ".join(sentences)
