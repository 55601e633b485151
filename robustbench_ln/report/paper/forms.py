"""The figure forms by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from robustbench_ln.benchmarks.experiment import Figure
from robustbench_ln.errors import LnbenchError
from robustbench_ln.report.paper.accuracies import draw_accuracies
from robustbench_ln.report.paper.augmentation import draw_augmentation
from robustbench_ln.report.paper.confusions import draw_confusion_grid
from robustbench_ln.report.paper.costs import draw_costs
from robustbench_ln.report.paper.curves import draw_curves
from robustbench_ln.report.paper.groups import draw_groups
from robustbench_ln.report.paper.histograms import draw_histograms
from robustbench_ln.report.paper.images import draw_images
from robustbench_ln.report.paper.item import Drawn, Item, Room
from robustbench_ln.report.paper.scales import draw_scales

FORMS: Mapping[Figure, Callable[[Item, Room], Drawn]] = {
    "accuracies": draw_accuracies,
    "costs": draw_costs,
    "histograms": draw_histograms,
    "images": draw_images,
    "curves": draw_curves,
    "scales": draw_scales,
    "confusions": draw_confusion_grid,
    "groups": draw_groups,
    "augmentation": draw_augmentation,
}


def draw_item(item: Item, room: Room) -> Drawn:
    """Draw an item in its form; what cannot be read costs its figure, not the page."""
    try:
        return FORMS[item.experiment.figure](item, room)
    except LnbenchError as error:
        return Drawn(remarks=[f"Not drawn: {error}".replace(f"{room.store.root}/", "")])
