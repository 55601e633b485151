"""A file of small benchmarks with one experiment a figure form, and a store written by hand for it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.evidence import gather_evidence
from robustbench_ln.experiments.verdicts import judge
from robustbench_ln.norms.registry import find_norm, parse_norm, resolve_options
from robustbench_ln.report.paper.forms import draw_item
from robustbench_ln.report.paper.item import Item, Room
from robustbench_ln.store.frame import read_rows
from robustbench_ln.store.logs import HISTORY

DECLARED = """
grids: {few: "0,1,2"}
benchmarks:
  net:
    title: A network
    data: mnist
    network: mnist-net
    norms:
      batchnorm: {eps: 1.0e-3}
      switchnorm: {}
      localnorm: {groups: 5}
    train: {epochs: 3, batch_size: 50, learning_rate: 1.0e-3}
    seeds: [0, 1, 2]
    presets:
      quick: {shortens: one of three epochs, train: {epochs: 1}}
  other:
    like: net
    title: Another network
    train: {epochs: 4}
  limited:
    like: net
    train_images: 5000
  groups:
    like: net
    norms: {"localnorm:groups=1": {}, "localnorm:groups=5": {}, "localnorm:groups=10": {}}
  noisy-10:
    like: net
    norms: {batchnorm: {eps: 1.0e-3}}
    train: {noisy: {noise: agn, sigma: 1, share: 0.1}}
  noisy-100:
    like: net
    norms: {batchnorm: {eps: 1.0e-3}}
    train: {noisy: {noise: agn, sigma: 1, share: 1.0}}
experiments:
  curves:
    paper: Fig 7
    title: Curves
    figure: curves
    benchmarks: [net]
    note: A note <to> readers.
    sweeps:
      - {noise: agn, reading: text, sigma: few}
      - {noise: agn-uniform, reading: code, sigma: few, modes: [frozen, batch]}
    claims:
      - id: a
        rule: value
        text: batchnorm has 44.67 % <here>
        of: {norm: batchnorm, noise: agn}
        sigma: 1
        paper: 44.67
      - {id: b, rule: value, text: b, of: {norm: batchnorm, noise: agn, mode: batch}, sigma: 1, paper: 12}
  modes:
    paper: Fig 9
    title: One norm in its modes
    figure: curves
    benchmarks: [net, other]
    norms: [localnorm]
    sweeps: [{noise: agn, sigma: few}]
  limited:
    paper: Fig 0
    title: Less images
    figure: curves
    benchmarks: [limited]
    sweeps: [{noise: agn, sigma: few}]
  table1:
    paper: Table 1
    title: Accuracies
    figure: accuracies
    benchmarks: [net]
    sweeps: [{noise: agn, sigma: "0"}]
    claims:
      - {id: a, rule: value, text: a, of: {norm: batchnorm, benchmark: net}, paper: 85}
  table2:
    paper: Table 2
    title: Costs
    figure: costs
    benchmarks: [net]
    claims:
      - {id: a, rule: parameters, text: a, benchmark: net, norm: batchnorm, paper: 1000}
      - id: b
        rule: training-time
        text: b
        benchmark: net
        of: localnorm
        to: batchnorm
        of_seconds: 23
        to_seconds: 20
        least: 1.1
        most: 1.24
  histograms:
    paper: Fig 1
    title: Histograms
    figure: histograms
    benchmarks: [net]
    sweeps:
      - {noise: agn, reading: text, sigma: few}
      - {noise: mbn-pixel, reading: code, sigma: "0,0.5"}
  lit:
    paper: Fig 2
    title: Badly lit
    figure: images
    benchmarks: [net]
    norms: [batchnorm, localnorm]
    sweeps: [{noise: darken, sigma: "0,0.5", modes: [frozen, batch]}]
  scales:
    paper: Fig 6
    title: Scales
    figure: scales
    benchmarks: [net]
    norms: [batchnorm, localnorm]
  confusions:
    paper: Fig 15
    title: Confusions
    figure: confusions
    benchmarks: [net]
    sweeps: [{noise: agn, reading: text, sigma: few, modes: [frozen, batch]}]
  groups:
    paper: Fig 11
    title: Groups
    figure: groups
    benchmarks: [groups]
    sweeps: [{noise: agn, reading: text, sigma: few, modes: [batch]}]
    claims: [{id: a, rule: best, text: a, noise: agn, sigma: "1", groups: [5]}]
  copies:
    paper: Fig 10
    title: Copies
    figure: augmentation
    benchmarks: [net, noisy-10, noisy-100]
    norms: [batchnorm, localnorm]
    sweeps: [{noise: agn, reading: text, sigma: few, modes: [frozen, batch]}]
"""


class Lab:
    """Adds networks and their cells to a store by hand."""

    def __init__(self, folder, maker, text=DECLARED):
        self.maker, self.store, self.data_dir = maker, maker.store, maker.data_dir
        path = folder / "bench.yaml"
        path.write_text(text, encoding="utf-8")
        self.declared = load_declared(path)
        self.out = folder / "paper.html"

    def network(self, norm="batchnorm", seed=0, benchmark="net", preset="paper", scales=None, seconds=None):
        """Write a network's card as the benchmark declares it, and return its id."""
        name, given = parse_norm(norm)
        settings = self.declared.benchmark(benchmark).at(preset)
        options = next(
            resolve_options(own, {**known, **given})
            for own, known in settings.norm_options()
            if own == name and given.items() <= {**known, **given}.items()
        )
        text = "".join(f"-{value}" for value in given.values())
        model = f"{benchmark}-{name}{text}-{preset}-s{seed}.{'a' * 12}.{'b' * 12}"
        self.maker.model(
            model,
            benchmark=benchmark,
            network="mnist-net",
            norm=name,
            norm_options=options,
            seed=seed,
            train=settings.train.card(),
            data={"name": "mnist", "limit": None},
            image_shape=[1, 28, 28],
            classes=10,
        )
        folder = self.store.root / "models" / model
        if scales is not None:
            scales.to_csv(folder / "scales.csv", index=False)
        if seconds is not None:
            columns = (
                dict.fromkeys(HISTORY, 0.0)
                | {"load": 1.0}
                | {"epoch": range(1, len(seconds) + 1), "seconds": seconds}
            )
            history = pd.DataFrame(columns)
            history.to_csv(folder / "history.csv", index=False)
        return model

    def cells(self, model, corrects, sigmas=("0", "1", "2"), mode=None, batch_size=50, **settings):
        """Publish a cell for each sigma of a network, and return their names."""
        card = json.loads((self.store.root / "models" / model / "model.json").read_text(encoding="utf-8"))
        recipe = card["recipe"]
        mode = mode or find_norm(recipe["norm"]).home_mode
        return self.maker.curve(
            corrects,
            sigmas,
            model=model,
            norm=recipe["norm"],
            options=recipe["norm_options"],
            seed=recipe["seed"],
            benchmark=recipe["benchmark"],
            mode=mode,
            coupled=mode in ("batch", "voting"),
            batch_size=batch_size,
            **settings,
        )

    def item(self, name, preset=None):
        """Return an item with its evidence."""
        experiment = self.declared.experiment(name)
        table, _ = read_rows(self.store)
        evidence = gather_evidence(self.declared, experiment, self.store, table, preset)
        return Item(name, experiment, tuple(evidence), tuple(judge(experiment, evidence)))

    def draw(self, name):
        """Draw an item."""
        return draw_item(self.item(name), Room(self.declared, self.store, Path(self.data_dir)))


@pytest.fixture
def lab(tmp_path, maker):
    """A store of its own, and a file that says what belongs in it."""
    return Lab(tmp_path, maker)
