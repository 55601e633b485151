"""Networks and cells made by hand, and the verdicts on them."""

import json

import pandas as pd
import yaml

from robustbench_ln.benchmarks.benchmark import Benchmark
from robustbench_ln.benchmarks.experiment import Experiment
from robustbench_ln.experiments.evidence import Evidence
from robustbench_ln.experiments.verdicts import judge
from robustbench_ln.norms.registry import find_norm, resolve_options
from robustbench_ln.store.frame import tabulate
from robustbench_ln.store.store import Store

SETTINGS = """
title: Small
data: cifar10
network: resnet32
norms: {batchnorm: {}, switchnorm: {}, localnorm: {groups: 8}}
train: {epochs: 50, batch_size: 128, learning_rate: 0.1}
seeds: [0, 1, 2]
presets: {short: {shortens: 15 of 50 epochs, train: {epochs: 15}}}
"""
IMAGES = 10_000
OPTIONS = {"localnorm": {"groups": 8}}
TIME = (
    "{rule: training-time, benchmark: small, of: localnorm, to: batchnorm, of_seconds: 23, to_seconds: 20, "
    "least: 1.1, most: 1.2}"
)


class Measured:
    """The networks and cells of one benchmark, made by hand."""

    def __init__(self, folder, benchmark="small", preset="paper"):
        self.store, self.benchmark, self.preset = Store(folder), benchmark, preset
        self.settings = Benchmark.model_validate(yaml.safe_load(SETTINGS)).at(preset)
        self.models, self.rows, self.labels = {}, [], []

    def network(self, norm, seed=0, clean=0.9, options=None, how=None, history=None, scales=None):
        resolved = resolve_options(norm, {**OPTIONS.get(norm, {}), **(options or {})})
        groups = resolved.get("groups", "")
        name = f"{self.benchmark}-{norm}{groups}-s{seed}.{self.preset}.weights"
        if name not in self.models:
            recipe = {
                "benchmark": self.benchmark,
                "network": "resnet32",
                "norm": norm,
                "norm_options": resolved,
                "seed": seed,
                "image_shape": [3, 32, 32],
                "classes": 10,
                "data": {"name": "cifar10", "checksum": "train", "limit": None},
                "train": self.settings.train.card(),
                "preprocessing": {"mean": [0.5] * 3, "std": [0.25] * 3},
            }
            how = {"run_id": "run", "host": "here", "threads": 1, "cores": 2, "device": "cpu", **(how or {})}
            card = {"schema": 1, "recipe": recipe, "test_accuracy": clean, "how": how}

            def write(folder):
                (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
                for file, table in (("history", history), ("scales", scales)):
                    if table is not None:
                        pd.DataFrame(table).to_csv(folder / f"{file}.csv", index=False)

            self.models[name] = self.store.publish_model(name, write)
        return self.models[name]

    def curve(self, norm, accuracies, noise="agn", reading="both", mode=None, options=None, **more):
        """Add cells: by sigma, the accuracy of seed 0 or those of several seeds, None for no cell."""
        for sigma, by_seed in accuracies.items():
            several = by_seed if isinstance(by_seed, list) else [by_seed]
            for seed, accuracy in enumerate(several):
                if accuracy is not None:
                    model = self.network(norm, seed, options=options)
                    self._cell(model, sigma, accuracy, noise, reading, mode, **more)
        return self

    def _cell(self, model, sigma, accuracy, noise, reading, mode, **more):
        small_sets, images = more.pop("small_sets", False), more.get("images", IMAGES)
        recipe = model.card["recipe"]
        correct = round(accuracy * images)
        row = {
            "cell": f"c{len(self.rows):04}-{self.benchmark}",
            "model": model.id,
            "benchmark": self.benchmark,
            "norm": recipe["norm"],
            "groups": recipe["norm_options"].get("groups"),
            "train_seed": recipe["seed"],
            "data": "cifar10",
            "checksum": "abcdef0123",
            "noise": noise,
            "clip": False,
            "rescale": False,
            "space": "pixel",
            "sigma": float(sigma),
            "noise_seed": 0,
            "mode": mode or find_norm(recipe["norm"]).home_mode,
            "coupled": False,
            "images": images,
            "correct": correct,
            "classes": 10,
            "dtype": "float32",
            "predicted": [images // 10] * 10,
        } | more
        self.rows.append(row)
        kind = noise if noise == "low-contrast" else noise.partition("-")[0]
        text = f"{noise} rescaled" if row["rescale"] else noise
        self.labels.append(
            {"cell": row["cell"], "reading": reading, "kind": kind, "noise_text": text}
            | {"small_sets": small_sets}
        )

    def evidence(self, *needs):
        columns = ["cell", "reading", "kind", "noise_text", "small_sets"]
        cells = tabulate(self.rows).merge(pd.DataFrame(self.labels, columns=columns), on="cell")
        models = tuple(self.models.values())
        return Evidence(
            self.benchmark, self.preset, self.settings, self.store, models, cells, len(models), needs
        )


def experiment(*claims, benchmarks=("small",), **more):
    declared = [
        {"id": f"c{place}", "text": "t", **yaml.safe_load(claim)} for place, claim in enumerate(claims)
    ]
    body = {"paper": "Fig 0", "title": "T", "figure": "curves", "benchmarks": list(benchmarks)}
    return Experiment.model_validate({**body, "claims": declared, **more})


def verdict(claim, *measured, **more):
    names = [each.benchmark for each in measured]
    (found,) = judge(experiment(claim, benchmarks=names, **more), [each.evidence() for each in measured])
    return found


def check(claim, *measured, **more):
    (found,) = verdict(claim, *measured, **more).checks
    return found


VALUE = "{rule: value, of: {norm: localnorm, noise: agn}, sigma: '1', paper: 70, tolerance: 2}"
ORDER = "{rule: ordering, above: {norm: localnorm, noise: agn}, below: {norm: batchnorm, noise: agn}, %s}"
CLEAN = {0: [0.9, 0.9, 0.9]}
