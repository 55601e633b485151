"""BatchNorm trained with noisy copies, beside LocalNorm trained without: the paper's Fig 10."""

from __future__ import annotations

import pandas as pd
import seaborn as sns

from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.noise import find_noise
from robustbench_ln.report.drawing import Styles, as_picture, figure_style
from robustbench_ln.report.exhibit import Exhibit, csv_name, csv_uri
from robustbench_ln.report.lines import by_sigma, draw_chance, draw_lines, sigma_meaning
from robustbench_ln.report.paper.item import Drawn, Item, Room, noise_name, of_pair, readings_of, unmeasured
from robustbench_ln.report.paper.panels import make_panels, room_for
from robustbench_ln.report.paper.points import interval_sentence, line_points

#: Of norms other than BatchNorm.
_OTHER = "#c2410c"
_MARKERS = ("o", "s", "^", "v", "P", "X", "p", "h")
_DASHES = ("", (5, 1.6), (1.5, 1.2), (7, 1.6, 1.5, 1.6), (3, 1.4))


def draw_augmentation(item: Item, room: Room) -> Drawn:
    """Draw an item whose form is "augmentation": a line for each share of noisy copies, a panel a noise.

    The first figure shows home modes, as the paper does; the second BatchNorm on statistics of the batch.
    """
    drawn = Drawn(remarks=unmeasured(item))
    points = pd.concat([_with_share(entry) for entry in item.evidence], ignore_index=True)
    if points.empty:
        return drawn
    others = points["home"] & (points["norm"] != "batchnorm")
    home = points[points["home"]]
    batch = points[
        others
        | ((points["norm"] == "batchnorm") & (points["mode"] == "batch") & ~points["small_sets"].astype(bool))
    ]
    if len(home):
        drawn.exhibits.append(_figure(item, home, f"{item.experiment.paper}. Home modes", "home"))
    if (batch["norm"] == "batchnorm").any():
        text = "Not in the paper: the same, BatchNorm on statistics of the batch at hand"
        drawn.exhibits.append(_figure(item, batch, text, "batch"))
    return drawn


def _with_share(entry: Evidence) -> pd.DataFrame:
    noisy = entry.settings.train.noisy
    share = noisy.share if noisy else 0.0
    points = line_points(entry)
    copies = f"{100 * share:g} % noisy copies" if share else "no copies"
    return points.assign(share=share, line=[f"{label}, {copies}" for label in points["norm_label"]])


def _figure(item: Item, points: pd.DataFrame, text: str, name: str) -> Exhibit:
    styles = _styles(points)
    pairs = readings_of(points)
    by_pair = [of_pair(points, pair) for pair in pairs]
    with figure_style():
        width = 3.6 if len(pairs) > 1 else 6.2
        meanings = [sigma_meaning(find_noise(own["noise"].iloc[0]), width) for own in by_pair]
        grid = make_panels(
            len(pairs), 2, height=1.9, above=0.32, below=0.34 + max(map(room_for, meanings)), legend=styles
        )
        for position, (axes, pair, own) in enumerate(zip(grid.axes, pairs, by_pair, strict=True)):
            draw_lines(axes, own, "line", styles.only(list(own["line"])))
            draw_chance(axes, 1 / int(own["classes"].iloc[0]), named=grid.last_of_row(position))
            axes.set_title(noise_name(*pair))
            axes.set_xlabel(meanings[position])
            if not grid.first_of_row(position):
                axes.tick_params(labelleft=False)
        picture = as_picture(grid.figure)
    words = [
        f"At the largest sigma of {noise_name(*pair)}, "
        + ", ".join(
            f"{line} has {100 * part['accuracy'].iloc[-1]:.2f} %"
            for line, part in own.groupby("line", sort=False)
        )
        + "."
        for pair, own in zip(pairs, by_pair, strict=True)
    ]
    return Exhibit(
        picture,
        f"Accuracy by sigma of networks trained with noisy copies. {' '.join(words)}",
        f"{text}; a line for each share of training images with a noisy copy, a panel a noise. "
        f"{interval_sentence(points)}",
        csv_uri(points),
        csv_name(item.name, name, "augmentation"),
        [
            by_sigma(
                f"Accuracy under {noise_name(*pair)}, with 95 % interval",
                own,
                "line",
                styles.only(list(own["line"])).labels,
            )
            for pair, own in zip(pairs, by_pair, strict=True)
        ],
    )


def _styles(points: pd.DataFrame) -> Styles:
    """Return shades of one colour for BatchNorm by growing share, and another colour for other norms."""
    order = points.assign(other=points["norm"] != "batchnorm").sort_values(["other", "share"], kind="stable")
    lines = order.drop_duplicates("line")
    plain = lines[~lines["other"]]["line"].tolist()
    # The palest shade vanishes on white.
    shades = dict(zip(plain, sns.color_palette("crest", len(plain)), strict=True))
    colours = {line: shades.get(line, _OTHER) for line in lines["line"]}
    return Styles(
        colours,
        {
            line: "D" if line not in shades else _MARKERS[place % len(_MARKERS)]
            for place, line in enumerate(colours)
        },
        {
            line: "" if line not in shades else _DASHES[place % len(_DASHES)]
            for place, line in enumerate(colours)
        },
    )
