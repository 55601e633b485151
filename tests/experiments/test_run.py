"""Experiments from the plan to the cells, on the embedded digits: what is missing is done, once, in order."""

import itertools
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from robustbench_ln import LnbenchError, load_results
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.experiments.asked import Asked
from robustbench_ln.experiments.estimate import estimate_seconds
from robustbench_ln.experiments.evidence import gather_evidence
from robustbench_ln.experiments.needs import count_cells, needs_of, spread
from robustbench_ln.experiments.run import Resources, look_through, run_todo, without_starts
from robustbench_ln.experiments.state import progress_of
from robustbench_ln.experiments.verdicts import judge
from robustbench_ln.experiments.work import plan_work
from robustbench_ln.store.merge import merge
from robustbench_ln.store.open import open_store
from robustbench_ln.store.pack import pack as pack_results
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import StoredModel

FILE = textwrap.dedent(
    """\
    benchmarks:
      toy:
        title: Toy
        data: digits
        network: mnist-net
        norms:
          batchnorm: {momentum: 0.1}
          localnorm: {groups: 5}
        train: {epochs: 2, batch_size: 50, learning_rate: 0.002}
        seeds: [0, 1]
        train_images: 200
        test_images: 60
        presets:
          quick: {shortens: one epoch and one seed, train: {epochs: 1}, seeds: [0], points: 2}
      absent:
        title: Not here
        data: folder:/nowhere/at/all
        network: mnist-net
        norms:
          batchnorm: {}
        train: {epochs: 1, batch_size: 50, learning_rate: 0.002}
        presets:
          quick: {shortens: nothing, points: 2}
    experiments:
      first:
        paper: Fig 1
        title: Two readings
        figure: curves
        benchmarks: [toy]
        minimum_clean: 0
        sweeps:
          - {noise: agn, reading: text, sigma: "0,1,2", modes: [frozen, batch]}
          - {noise: agn-uniform, reading: code, sigma: "0,1,2", modes: [frozen, batch]}
        claims:
          - {id: any, rule: bound, text: at most all, of: {norm: localnorm, noise: agn}, most: 100}
      second:
        paper: Fig 2
        title: The same networks again, and others that are not here
        figure: curves
        benchmarks: [toy, absent]
        norms: [localnorm]
        sweeps:
          - {noise: agn, sigma: "0,1"}
    """
)


@pytest.fixture
def declared(tmp_path):
    path = tmp_path / "benchmarks.yaml"
    path.write_text(FILE)
    return load_declared(path)


def planned(declared, tmp_path, *names, **asked):
    return plan_work(declared, Asked(names, "quick", **asked), tmp_path / "data")


def test_networks_that_items_share_are_trained_once_and_cells_measured_once(declared, tmp_path):
    work = planned(declared, tmp_path, "first", "second")
    assert [one.recipe.label for one in work.networks] == ["toy-batchnorm-s0", "toy-localnorm-s0"]
    assert list(work.obstacles) == ["absent"]
    assert "/nowhere/at/all" in str(work.obstacles["absent"].error)
    store = Store(tmp_path / "results")
    todo = look_through(work.networks, store)
    # BatchNorm: 2 noises x 2 sigmas x (frozen, batch, batch over N/K); LocalNorm: batch of the first item,
    # and all four modes of the second, whose batch cells at sigma 0 are the first's.
    assert [one.cells for one in todo] == [12, 4 + 8 - 1]
    assert estimate_seconds(todo, Resources()) > 0
    done = run_todo(todo, store, run_id="r", resources=Resources())
    assert (done.trained, done.measured, done.failed, done.complete) == (2, 23, {}, True)
    again = look_through(planned(declared, tmp_path, "first", "second").networks, store)
    assert not any(one.training or one.passes for one in again)
    table = load_results(tmp_path / "results")
    assert set(table["images"]) == {60}
    (entry,) = gather_evidence(declared, declared.experiment("first"), store, table)
    assert (entry.preset, len(entry.models), len(entry.cells)) == ("quick", 2, 16)
    assert set(entry.cells["reading"]) == {"text", "code"}
    assert entry.cells["small_sets"].sum() == 4
    assert set(entry.cells[entry.cells["small_sets"]]["set_size"]) == {10}
    (verdict,) = judge(declared.experiment("first"), [entry])
    assert (verdict.outcome, len(verdict.checks)) == ("holds", 2), "one check a noise of the kind"
    (state,) = progress_of(declared, store)["first"]
    assert (state.networks, state.networks_asked, state.cells, state.cells_asked) == (2, 2, 16, 16)
    (full,) = progress_of(declared, store, "paper")["first"]
    assert (full.networks, full.networks_asked, full.cells) == (0, 4, 0)


def test_cells_of_a_noise_that_is_clipped_by_definition_are_found_again(tmp_path):
    path = tmp_path / "benchmarks.yaml"
    path.write_text(FILE.replace('{noise: agn, sigma: "0,1"}', '{noise: gaussian, sigma: "0,0.1"}'))
    declared, store = load_declared(path), Store(tmp_path / "results")
    todo = look_through(planned(declared, tmp_path, "second").networks, store)
    done = run_todo(todo, store, run_id="r", resources=Resources())
    entry, _ = gather_evidence(declared, declared.experiment("second"), store, load_results(store.root))
    assert len(entry.cells) == done.measured == 2 * 4
    assert entry.cells["clip"].all()


def test_what_waits_for_missing_data_is_counted_as_what_is_planned_with_them(declared, tmp_path):
    store = Store(tmp_path / "results")
    for names in (("first",), ("first", "second")):
        for asked in ({}, {"readings": ("text",)}, {"seeds": (3, 4, 5)}):
            there = look_through(planned(declared, tmp_path, *names, **asked).networks, store)
            gone = planned(declared, tmp_path, *names, data={"digits": "folder:/nowhere"}, **asked)
            waiting = gone.obstacles["toy"]
            assert gone.networks == []
            assert (waiting.networks, waiting.cells) == (len(there), sum(one.cells for one in there))


def test_a_training_whose_start_is_missing_waits_and_one_that_is_done_needs_none(tmp_path):
    path = tmp_path / "benchmarks.yaml"
    start = "    start: torchvision:resnet18:nosuch\n"
    path.write_text(FILE.replace("    seeds: [0, 1]\n", f"    seeds: [0, 1]\n{start}", 1))
    work = planned(load_declared(path), tmp_path, "first").networks
    todo = look_through(work, Store(tmp_path / "results"))
    kept, obstacles = without_starts(todo)
    assert kept == []
    assert (obstacles["toy"].networks, obstacles["toy"].cells) == (2, sum(one.cells for one in todo))
    assert "nosuch" in obstacles["toy"].error.message
    assert without_starts([replace(one, model=model_of(one), passes=[]) for one in todo])[1] == {}


def model_of(one):
    return StoredModel(one.work.recipe.label, Path(), {})


def test_a_spent_budget_stops_after_the_step_at_hand_and_the_next_run_goes_on(
    declared, tmp_path, monkeypatch
):
    # A clock that moves by a second each time it is read, and a budget of two.
    seconds = itertools.count()
    monkeypatch.setattr(
        "robustbench_ln.experiments.run.time", SimpleNamespace(monotonic=lambda: next(seconds))
    )
    store = Store(tmp_path / "results")
    slices = 0
    while slices < 30:
        todo = look_through(planned(declared, tmp_path, "first", readings=("text",)).networks, store)
        done = run_todo(todo, store, run_id=f"r{slices}", resources=Resources(minutes=2 / 60))
        slices += 1
        if done.complete:
            break
        # What a slice trains, it measures: the weights may not be there in the next one.
        left = look_through(planned(declared, tmp_path, "first", readings=("text",)).networks, store)
        assert all(one.model is None or not one.passes for one in left)
    assert done.complete
    assert slices == 2
    assert len(store.models()) == 2
    assert len(store.cell_ids()) == 8


def test_workers_train_and_measure_beside_each_other_to_the_same_bytes(declared, tmp_path):
    work = planned(declared, tmp_path, "first", readings=("text",)).networks
    epochs, records = [], []
    for workers in (1, 2):
        store = Store(tmp_path / f"by-{workers}")
        done = run_todo(
            look_through(work, store),
            store,
            run_id="r",
            resources=Resources(workers),
            on_epoch=lambda recipe, epoch: epochs.append((recipe.label, epoch.epoch)),
        )
        assert (done.trained, done.measured, done.failed, done.complete) == (2, 8, {}, True)
        records.append({cell: store.record(cell) for cell in store.cell_ids()})
    assert records[0] == records[1]
    assert sorted(epochs) == 2 * [("toy-batchnorm-s0", 1)] + 2 * [("toy-localnorm-s0", 1)]


def test_a_budget_that_ends_within_a_pass_counts_all_of_its_cells(declared, tmp_path):
    store = Store(tmp_path / "results")
    work = planned(declared, tmp_path, "first", readings=("text",)).networks
    run_todo(look_through(work, store), store, run_id="r", resources=Resources(minutes=60))
    passes = [one.passes(store.find_recipe(one.recipe.id)) for one in work]
    (tmp_path / "cells").mkdir()
    (store.root / "cells").rename(tmp_path / "cells" / "kept")
    todo = look_through(work, store)
    done = run_todo(todo, store, run_id="s", resources=Resources(minutes=0))
    assert (done.measured, done.complete) == (0, False)
    # The first step may end after the budget: what it published is counted.
    clock = iter([0.0, 0.0, *[1e9] * 100])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("robustbench_ln.experiments.run.time", SimpleNamespace(monotonic=lambda: next(clock)))
        done = run_todo(todo, store, run_id="t", resources=Resources(minutes=1))
    assert done.measured == len(store.cell_ids()) == len(passes[0][0].cells) > 1
    assert not done.complete


def test_networks_that_fail_alike_are_told_apart(tmp_path):
    path = tmp_path / "benchmarks.yaml"
    norms = "{localnorm:groups=2: {}, localnorm:groups=5: {}}"
    lines = FILE.splitlines()
    start = lines.index("      batchnorm: {momentum: 0.1}")
    lines[start - 1 : start + 2] = [f"    norms: {norms}"]
    text = "\n".join(lines).replace("learning_rate: 0.002", "learning_rate: 1.0e+30")
    path.write_text(text.replace("modes: [frozen, batch]", "modes: [batch]"))
    declared = load_declared(path)
    store = Store(tmp_path / "results")
    todo = look_through(planned(declared, tmp_path, "first").networks, store)
    done = run_todo(todo, store, run_id="r", resources=Resources())
    assert sorted(done.failed) == sorted(one.work.recipe.name for one in todo)
    assert len(done.failed) == 2


def test_networks_that_came_packed_are_trained_once_for_their_weights(declared, tmp_path):
    store = Store(tmp_path / "results")
    work = planned(declared, tmp_path, "first", readings=("text",)).networks
    run_todo(look_through(work, store), store, run_id="r", resources=Resources())
    packed = pack_results(store, tmp_path / "p.npz", []).path
    other = Store(tmp_path / "other")
    merge(other, [open_store(packed)])
    more = planned(declared, tmp_path, "first").networks
    todo = look_through(more, other)
    assert all(one.training for one in todo)
    done = run_todo(todo, other, run_id="s", resources=Resources())
    assert (done.trained, done.failed) == (2, {})
    assert len(other.models()) == 2, "the same weights belong to the same network"
    assert not any(one.training or one.passes for one in look_through(more, other))


TWIN = """\
  twin:
    like: toy
    title: The same recipe for another figure
    norms: {localnorm:groups=5: {}, localnorm:groups=2: {}}
experiments:
  third:
    paper: Fig 3
    title: Numbers of groups
    figure: groups
    benchmarks: [twin]
    minimum_clean: 0
    sweeps:
      - {noise: agn, sigma: "0,2", modes: [batch]}
"""


@pytest.mark.parametrize("order", [[("first", "third")], [("first",), ("third",)], [("third",), ("first",)]])
def test_a_recipe_that_two_benchmarks_share_is_trained_once_and_answers_for_both(order, tmp_path):
    path = tmp_path / "benchmarks.yaml"
    path.write_text(FILE.replace("experiments:\n", TWIN))
    declared = load_declared(path)
    store = Store(tmp_path / "results")
    trained = 0
    for names in order:
        todo = look_through(planned(declared, tmp_path, *names, readings=("text",)).networks, store)
        done = run_todo(todo, store, run_id="r", resources=Resources())
        assert (done.failed, done.complete) == ({}, True)
        trained += done.trained
    assert trained == len(store.models()) == 3
    table = load_results(tmp_path / "results")
    for name, networks in (("first", 2), ("third", 2)):
        (entry,) = gather_evidence(declared, declared.experiment(name), store, table)
        norms = {
            (model.card["recipe"]["norm"], *model.card["recipe"]["norm_options"].values())
            for model in entry.models
        }
        assert len(norms) == len(entry.models) == networks
        assert set(entry.cells["model"]) == {model.id for model in entry.models}


def test_of_two_networks_of_a_recipe_that_counts_which_was_measured_for_the_item(declared, tmp_path):
    store = Store(tmp_path / "results")
    todo = look_through(planned(declared, tmp_path, "first").networks, store)
    run_todo(todo, store, run_id="r", resources=Resources())
    table = load_results(tmp_path / "results")
    (old,) = [model for model in store.models() if model.card["recipe"]["norm"] == "localnorm"]
    # Another machine's network of the same recipe: fewer cells, but more of those that the second item is of.
    folder = store.root / "models" / f"{old.id.rpartition('.')[0]}.0123456789ab"
    shutil.copytree(old.folder, folder)
    own = table[(table["model"] == old.id) & (table["sigma"] == 0) & (table["noise"] == "agn")]
    uncoupled = [
        own.assign(model=folder.name, mode=mode, coupled=False, cell=mode)
        for mode in ("single", "single-voting")
    ]
    both = pd.concat([table, *uncoupled], ignore_index=True)
    assert (both["model"] == old.id).sum() > 2
    counted = {}
    for name in ("first", "second"):
        entry = gather_evidence(declared, declared.experiment(name), store, both)[0]
        (counted[name],) = [model.id for model in entry.models if model.card["recipe"]["norm"] == "localnorm"]
    assert counted == {"first": old.id, "second": folder.name}


def test_a_benchmark_without_the_preset_is_an_obstacle_not_its_full_recipe(tmp_path):
    path = tmp_path / "benchmarks.yaml"
    only = "    presets:\n      quick: {shortens: nothing, points: 2}\n"
    assert only in FILE
    path.write_text(FILE.replace("data: folder:/nowhere/at/all", "data: digits").replace(only, ""))
    work = planned(load_declared(path), tmp_path, "second")
    assert {one.recipe.benchmark for one in work.networks} == {"toy"}
    assert "no preset 'quick'" in str(work.obstacles["absent"].error)
    assert "paper" in work.obstacles["absent"].error.hint


def test_seed_0_of_every_norm_comes_first(declared, tmp_path):
    asked = Asked(("first",), "paper")
    labels = [one.recipe.label for one in plan_work(declared, asked, tmp_path / "data").networks]
    assert labels == ["toy-batchnorm-s0", "toy-localnorm-s0", "toy-batchnorm-s1", "toy-localnorm-s1"]


def test_what_is_asked_for_can_be_narrowed(declared, tmp_path):
    work = plan_work(declared, Asked(("first",), "paper", seeds=(1,)), tmp_path / "data")
    assert [one.recipe.seed for one in work.networks] == [1, 1]
    work = planned(declared, tmp_path, "first", readings=("code",))
    assert {need.noise.name for one in work.networks for need in one.needs} == {"agn-uniform"}
    assert planned(declared, tmp_path, "second", benchmarks=("toy",)).obstacles == {}


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (Asked(("frist",), "quick"), "'first'"),
        (Asked(("first",), "quik"), "'quick'"),
        (Asked(("first",), "quick", benchmarks=("absent",)), "absent"),
        (Asked(("first",), "quick", benchmarks=("tois",)), "toy"),
        (Asked(("first",), "quick", data={"cifar10": "digits"}), "trained on: digits"),
    ],
)
def test_unknown_names_are_errors_with_the_nearest(asked, part, declared, tmp_path):
    with pytest.raises(LnbenchError, match=part):
        plan_work(declared, asked, tmp_path / "data")


def test_counted_cells_are_those_that_are_planned(declared, tmp_path):
    for name, preset in (("first", "paper"), ("first", "quick"), ("second", "paper")):
        work = plan_work(declared, Asked((name,), preset, benchmarks=("toy",)), tmp_path / "data")
        cells = sum(len(one.cells) for network in work.networks for one in network.passes(None))
        needs = needs_of(declared, declared.experiment(name), "toy", preset)
        assert count_cells(needs) == cells


@pytest.mark.parametrize("points", [1, 2, 3, 7, 50])
def test_a_thinned_grid_keeps_its_ends_and_its_order(points):
    grid = tuple(str(sigma) for sigma in range(50))
    thin = spread(grid, points)
    assert len(thin) == points
    assert thin[0] == "0"
    assert points == 1 or thin[-1] == "49"
    assert list(thin) == sorted(thin, key=int)
