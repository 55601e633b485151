"""Hold every network of some results against one of them, the baseline of mCE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from robustbench_ln.corruption_error import MeanCorruptionError, mean_corruption_errors
from robustbench_ln.errors import LnbenchError
from robustbench_ln.modes import check_mode
from robustbench_ln.noise.severity import GRADED, SEVERITIES, Constants, check_constants, constants_for
from robustbench_ln.norms.registry import find_norm
from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.results import Results, choose_names


@dataclass(frozen=True)
class AgainstBaseline:
    """Mean corruption errors of all networks of some results.

    Attributes:
        baseline: id of the model.
        mode: its mode.
        severities: that the sums are over.
        rows: a network in one mode on one data set each.
        problems: a sentence for each cell that could not be read, and for each network whose card does not
            say which sigmas of generated noise are its severities.
    """

    baseline: str
    mode: str
    severities: tuple[int, ...]
    rows: list[MeanCorruptionError]
    problems: list[str]


def hold_against(
    store: Results,
    baseline: str,
    *,
    mode: str | None = None,
    severities: Sequence[int] = SEVERITIES,
    corruptions: Sequence[str] = (),
    constants: str | None = None,
) -> AgainstBaseline:
    """Return mCE and relative mCE of every network in every mode.

    Args:
        store: the results.
        baseline: a pattern, as `choose_names` takes it, that one network matches.
        mode: of the baseline; None for its norm's home mode.
        severities: that the sums are over.
        corruptions: noises, or files of ready-made images; empty for all that were measured on a data set.
        constants: whose severities the sigmas of generated noise are; None for those that the size of each
            network's images calls for.

    Raises:
        LnbenchError: no cell under a corruption, a pattern that matches none or several networks, an unknown
            mode, corruption or constants, or a card of the baseline that cannot be read.
    """
    chosen = check_constants(constants)
    if mode is not None:
        check_mode(mode)
    cells, problems = read_rows(store)
    names = list(dict.fromkeys(cells["model"]))
    if not names:
        raise LnbenchError(f"'{store.root}' holds no measured cell.", "Run this first: lnbench corrupt-eval")
    found = choose_names(names, [baseline], store.root)
    if len(found) > 1:
        raise LnbenchError(
            f"'{baseline}' matches {len(found)} networks: {', '.join(found[:6])}.",
            "A baseline is one network: write more of its name.",
        )
    known, unknown = _constants(store, cells, chosen, found[0])
    norm = str(cells["norm"][cells["model"] == found[0]].iloc[0])
    mode = mode or find_norm(norm).home_mode
    rows = mean_corruption_errors(
        cells,
        found[0],
        mode,
        known,
        severities=severities,
        corruptions=corruptions,
    )
    if not rows:
        raise LnbenchError(
            f"'{store.root}' holds no cell at a published severity.",
            "Measure some: lnbench corrupt-eval --noise gaussian --severity 1:5, or --corrupted DIR.",
        )
    return AgainstBaseline(found[0], mode, tuple(severities), rows, [*problems, *unknown])


def _constants(
    store: Results, cells: pd.DataFrame, chosen: Constants | None, baseline: str
) -> tuple[dict[str, Constants], list[str]]:
    """Return the constants by network, and a sentence for each whose card does not tell them.

    They are the chosen ones, or those for the images that a network takes.

    Raises:
        LnbenchError: the baseline's card does not tell them.
    """
    models = list(dict.fromkeys(cells["model"][cells["noise"].isin(GRADED)]))
    if chosen is not None:
        return dict.fromkeys(models, chosen), []
    found: dict[str, Constants] = {}
    problems = []
    for model in models:
        try:
            found[model] = _constants_of(store, model)
        except LnbenchError as error:
            if model == baseline:
                raise
            problems.append(
                f"Left out the generated noise of '{model}', whose severities need its card or --constants: "
                f"{error.message}"
            )
    return found, problems


def _constants_of(store: Results, model: str) -> Constants:
    """Return the constants for the images that a network takes.

    Raises:
        LnbenchError: its card cannot be read, or does not say what images it takes.
    """
    recipe = store.model(model).card["recipe"]
    try:
        return constants_for(recipe["image_shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise LnbenchError(
            f"The card of '{model}' in '{store.root}' does not say what images it takes.",
            "Name the constants with --constants.",
        ) from error
