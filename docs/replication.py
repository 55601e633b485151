"""What docs/explanation/replication.md says of the committed replication: answers, and a verdict a claim."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from differences import Difference, in_one_sentence

from robustbench_ln.benchmarks.benchmark import PAPER
from robustbench_ln.benchmarks.claims import AMENDED, Value
from robustbench_ln.benchmarks.declared import Declared
from robustbench_ln.benchmarks.printed import paper_values
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.compositions import Composition, compositions
from robustbench_ln.experiments.checks import Point
from robustbench_ln.experiments.evidence import Evidence, gather_evidence, of_one_data_set
from robustbench_ln.experiments.state import progress_of
from robustbench_ln.experiments.verdicts import Verdict, judge, summary
from robustbench_ln.metrics import t_interval
from robustbench_ln.modes import MODES
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.store.frame import load_results
from robustbench_ln.store.open import open_store
from robustbench_ln.sweep.stress import ORDERS as STRESS_ORDERS
from robustbench_ln.wording import listed

#: Controls of LocalNorm in mode batch: what is taken away from it, norm, and whether sets have N/K images.
CONTROLS = (
    ("BatchNorm, statistics of the batch of N", "batchnorm", False),
    ("BatchNorm, statistics of sets of N/K", "batchnorm", True),
    ("ghost BatchNorm: LocalNorm's sets, one gamma and beta", "ghostbatchnorm", False),
)
#: Items whose sweeps cover all noise of a benchmark: one of each is enough for the controls.
CONTROLLED = ("fig7", "fig14", "fig8a", "fig8b", "fig8c", "fig8d", "fig8e", "fig8f", "fig2")


class Replication:
    """The committed replication.

    Args:
        root: of the checkout.
    """

    def __init__(self, root: Path) -> None:
        self.declared: Declared = load_declared(root / "benchmarks.yaml")
        path = root / "results" / "replication.npz"
        self.results = open_store(path)
        self.table = load_results(path)

    @cache  # noqa: B019 - one replication lives as long as the program
    def evidence(self, name: str) -> list[Evidence]:
        """Return what was measured for an item."""
        return gather_evidence(self.declared, self.declared.experiment(name), self.results, self.table)

    @cache  # noqa: B019
    def verdicts(self, name: str) -> list[Verdict]:
        """Return the verdicts on an item's claims."""
        return judge(self.declared.experiment(name), self.evidence(name))

    def answer(self) -> str:
        """Return the two answers that the page begins with."""
        return f"{self._reading()}\n\n{self._controls()}"

    def mnist(self) -> str:
        """Return accuracies of the MNIST networks in every mode, beside what the paper prints for Fig 7."""
        (entry,) = self.evidence("fig7")
        cells = entry.cells
        cells = cells.assign(
            norm_rank=cells["norm"].map(list(NORMS).index), mode_rank=cells["mode"].map(MODES.index)
        )
        printed = {
            (value["norm"], value["mode"], value["sigma"]): f"{value['paper']:g}"
            for value in paper_values(self.declared.experiment("fig7"))
        }
        noises = ("agn", "agn-uniform-additive")
        rows = []
        for (_, _, small), own in cells.groupby(["norm_rank", "mode_rank", "small_sets"]):
            norm, mode = own["norm"].iloc[0], own["mode"].iloc[0]
            home = " (home)" if mode == NORMS[norm].home_mode and not small else ""
            row = [
                norm,
                f"`{mode}`{', sets of N/K' if small else home}",
                "yes" if own["coupled"].iloc[0] else "no",
            ]
            clean = own[(own["sigma"] == 0) & (own["noise"] == noises[0])]
            row.append(_accuracies(clean))
            for sigma in (1.0, 2.0):
                row.append("" if small else printed.get((norm, mode, sigma), ""))
                row += [
                    _accuracies(own[(own["sigma"] == sigma) & (own["noise"] == noise)]) for noise in noises
                ]
            rows.append(row)
        head = ["norm", "mode", "uses other test images", "clean"]
        for sigma in (1, 2):
            head += [f"sigma {sigma}: paper", *(f"`{noise}`" for noise in noises)]
        shortened = entry.settings.presets[entry.preset].shortens if entry.preset != PAPER else ""
        images = sorted(set(cells["images"]))
        return (
            f"{markdown_table(head, rows)}\n\nPer cent of "
            f"{', '.join(f'{count:,}' for count in images)} "
            "test images (n): mean over training seeds, in brackets half the width of its 95 % t interval "
            f"and the number of seeds. Recipe: {shortened or 'the full one'}; {len(cells):,} cells."
        )

    def items(self) -> str:
        """Return a table of all items: what was measured and what became of the claims."""
        rows = []
        states = progress_of(self.declared, self.results)
        for name, experiment in self.declared.experiments.items():
            measured = [
                f"{state.benchmark} ({state.preset}): {state.networks} of {state.networks_asked} networks, "
                f"{state.cells:,} of {state.cells_asked:,} cells"
                for state in states[name]
                if any(other.networks for other in states[name])
            ]
            outcomes = summary(self.verdicts(name)).items()
            counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes if count)
            row = [
                experiment.paper,
                f"`{name}`",
                "; ".join(measured)
                or ("images alone" if experiment.figure == "histograms" else "not run here"),
                counted or "no claim",
            ]
            rows.append(row)
        return markdown_table(["in the paper", "experiment", "measured", "claims"], rows)

    def claims(self) -> str:
        """Return a table of all claims that were measured, one row a check."""
        parts = []
        for name, experiment in self.declared.experiments.items():
            rows = [
                [
                    _claimed(verdict),
                    check.place,
                    f"{check.noise or 'clean'} ({check.reading})",
                    check.measured or check.reason,
                    {True: "holds", False: "does not hold", None: "no verdict"}[check.holds],
                    check.reason if check.measured else "",
                ]
                for verdict in self.verdicts(name)
                for check in verdict.checks
            ]
            presets = {
                f"`{entry.benchmark}` at preset {entry.preset}: "
                f"{entry.settings.presets[entry.preset].shortens}."
                for entry in self.evidence(name)
                if entry.models and entry.preset != PAPER
            }
            if rows:
                head = ["claim", "networks", "noise (reading)", "measured", "verdict", "why"]
                heading = "\n\n".join([f"### {experiment.paper}: {experiment.title}", *sorted(presets)])
                parts.append(f"{heading}\n\n{markdown_table(head, rows)}")
        return "\n\n".join(parts)

    def amended(self) -> str:
        """Return the claims that were declared, or whose rules changed, after something had been measured."""
        rows = [
            [experiment.paper, claim.text, claim.amended]
            for experiment in self.declared.experiments.values()
            for claim in experiment.claims
            if claim.amended
        ]
        return markdown_table(["item", "claim", "why it was declared or changed late"], rows)

    def stress(self) -> str:
        """Return how the networks fare in other orders and set sizes, one row a network, mode and sigma."""
        rows = []
        for one in compositions(self.table):
            orders = set(one.points["order"]) - {"shuffled"}
            if not one.coupled or not orders:
                continue
            by_order = one.points.groupby("order")
            largest = max(one.sizes)
            wide = one.points[one.points["set_size"] == largest].set_index("order")["mean"]
            low, high = one.points["lowest"].min(), one.points["highest"].max()
            rows.append(
                [
                    one.model.partition(".")[0],
                    f"`{one.mode}`",
                    f"`{one.noise}` {one.sigma:g}",
                    ", ".join(map(str, one.sizes)),
                    self._batch_and_images(one),
                    *(
                        f"{100 * by_order.get_group(order)['lowest'].min():.1f} to "
                        f"{100 * by_order.get_group(order)['highest'].max():.1f}"
                        if order in by_order.groups
                        else ""
                        for order in STRESS_ORDERS
                    ),
                    f"{100 * (wide.get('shuffled', np.nan) - wide.get('class-sorted', np.nan)):+.1f}",
                    f"{100 * low:.1f} to {100 * high:.1f}",
                    str(int(one.points["seeds"].max())),
                ]
            )
        if not rows:
            return "Not run here yet."
        head = ["network", "mode", "noise", "images in a set", "in the largest batch, of all"]
        head += [*(f"`{order}`" for order in STRESS_ORDERS)]
        head += ["points lost by sorting, largest sets", "lowest to highest", "order seeds"]
        return markdown_table(head, rows)

    def _batch_and_images(self, one: Composition) -> str:
        """Return how many images the largest batches hold, and how many there are."""
        own = self.table[(self.table["model"] == one.model) & (self.table["order"] != "shuffled")]
        own = own[own["order"].notna()]
        return f"{own['batch_size'].max()}, {own['images'].max():,}"

    def _reading(self) -> str:
        """Say under which noise the numbers printed for Fig 7 come back."""
        question = "**Under which reading of the noise do the paper's numbers come back?**"
        points: dict[str, list[tuple[Point, float, bool]]] = {}
        for verdict in self.verdicts("fig7"):
            if not isinstance(verdict.claim, Value):
                continue
            for check in verdict.checks:
                if check.holds is not None and check.points:
                    found = (check.points[0], verdict.claim.paper / 100, check.holds)
                    points.setdefault(check.noise, []).append(found)
        if not points:
            return f"{question} Not run here yet."
        distances = {
            noise: float(np.mean([100 * abs(point.value - paper) for point, paper, _ in own]))
            for noise, own in points.items()
        }
        told = []
        for noise in sorted(distances, key=lambda noise: distances[noise]):
            own = points[noise]
            inside = [
                point.low <= paper <= point.high
                for point, paper, _ in own
                if point.low is not None and point.high is not None
            ]
            told.append(
                f"under `{noise}` {sum(holds for *_, holds in own)} of the {len(own)} numbers printed for "
                f"Fig 7 are within their tolerance of our mean, {sum(inside)} of {len(inside)} within our "
                f"95 % t interval over {min(point.seeds for point, *_ in own)} seeds, and the mean distance "
                f"is {distances[noise]:.1f} points"
            )
        whole = [noise for noise, own in points.items() if all(holds for *_, holds in own)]
        nearest = min(distances, key=lambda noise: distances[noise])
        answer = (
            f"All come back under {listed([f'`{noise}`' for noise in whole])}."
            if whole
            else f"They come back whole under none of these; `{nearest}` comes nearest."
        )
        return f"{question} {answer} On MNIST, {'; '.join(told)}."

    def _controls(self) -> str:
        """Say how far LocalNorm is above each control, over all measured noise."""
        rows = []
        found: dict[str, list[Difference]] = {}
        for benchmark, preset, noise, cells in self._controlled():
            localnorm = _curve(cells, "localnorm", small_sets=False)
            for words, norm, small_sets in CONTROLS:
                difference = Difference.of(localnorm, _curve(cells, norm, small_sets=small_sets))
                if difference is None:
                    continue
                found.setdefault(words, []).append(difference)
                rows.append([f"{benchmark} ({preset})", f"`{noise}`", words, *difference.row()])
        question = "**How much better is LocalNorm than BatchNorm with test-time statistics?** "
        if not rows:
            return question + "Not run here yet."
        head = ["networks", "noise", "LocalNorm (BATCH) less", "points, mean over sigma above 0"]
        head += ["points at one sigma", "sigmas"]
        told = " ".join(in_one_sentence(words, own) for words, own in found.items())
        explained = (
            "Differences in accuracy of networks of the same training seed on the same noisy images. "
            "Intervals are 95 % t intervals over training seeds; from one seed they are over images, as if "
            "the two networks had seen different ones (Newcombe 1998, method 10, bounds averaged over sigma)."
        )
        return f"{question}{told}\n\n{explained}\n\n{markdown_table(head, rows)}"

    def _controlled(self) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
        seen = set()
        for name in CONTROLLED:
            for entry in self.evidence(name):
                for noise, cells in of_one_data_set(entry.cells).groupby("noise_text"):
                    if (entry.benchmark, noise) not in seen:
                        seen.add((entry.benchmark, noise))
                        yield entry.place, entry.preset, str(noise), cells


def _claimed(verdict: Verdict) -> str:
    """Return a claim, and where it does not stand in the item itself, where it does."""
    claim = verdict.claim
    notes = [] if claim.where == "figure" else [claim.where]
    notes += [AMENDED] if claim.amended else []
    return f"{claim.text} ({'; '.join(notes)})" if notes else claim.text


def _curve(cells: pd.DataFrame, norm: str, *, small_sets: bool) -> pd.DataFrame:
    """Return accuracies with their interval in mode batch, by training seed and sigma."""
    own = cells[(cells["norm"] == norm) & (cells["mode"] == "batch") & (cells["small_sets"] == small_sets)]
    return own.set_index(["train_seed", "sigma"])[["accuracy", "low", "high"]]


def _accuracies(cells: pd.DataFrame) -> str:
    """Return the mean accuracy over training seeds in per cent, with half of its interval."""
    values = 100 * cells["accuracy"].to_numpy()
    if not len(values):
        return ""
    interval = t_interval(values)
    if interval is None:
        return f"{values[0]:.2f} (one seed)"
    return f"{values.mean():.2f} (± {interval[1] - values.mean():.2f}, {len(values)})"


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
