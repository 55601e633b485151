"""Orders of evaluation: every image once, and how alike neighbours are."""

import numpy as np
import pytest

from robustbench_ln import LnbenchError
from robustbench_ln.evaluation.order import check_order, evaluation_order, takes_seed


def labels_of(count, classes=10, seed=3):
    return np.random.default_rng(seed).integers(0, classes, count)


@pytest.mark.parametrize("count", [1, 2, 17, 100])
@pytest.mark.parametrize("seed", [0, 1, 12345])
@pytest.mark.parametrize(
    "name", ["shuffled", "class-sorted", "dirichlet:1e-9", "dirichlet:0.1", "dirichlet:1e6"]
)
def test_an_order_holds_every_image_once_and_is_the_same_each_time(name, count, seed):
    labels, indices = labels_of(200), np.arange(0, 2 * count, 2)
    order = evaluation_order(labels, indices, name, seed)
    assert sorted(order) == indices.tolist()
    assert np.array_equal(order, evaluation_order(labels, indices, name, seed))


def test_another_seed_gives_another_order_and_the_first_is_pinned():
    labels, indices = np.zeros(10, dtype=np.int64), np.arange(10)
    orders = [evaluation_order(labels, indices, "shuffled", seed).tolist() for seed in range(5)]
    assert len(set(map(tuple, orders))) == 5
    assert orders[0] == [8, 0, 3, 7, 6, 4, 1, 5, 2, 9]  # stored numbers of coupled modes rest on it


def test_a_class_sorted_order_is_by_label_then_by_index():
    labels = labels_of(50)
    indices = np.arange(0, 50, 3)
    order = evaluation_order(labels, indices, "class-sorted", seed=9)
    assert order.tolist() == sorted(indices.tolist(), key=lambda index: (labels[index], index))


def test_ordering_leaves_the_indices_alone():
    indices = np.arange(50)
    for order in ("shuffled", "class-sorted", "dirichlet:0.3"):
        evaluation_order(labels_of(50), indices, order, seed=1)
    assert np.array_equal(indices, np.arange(50))


def alike(order, labels):
    """Return the share of neighbours of one class."""
    ordered = labels[order]
    return (ordered[1:] == ordered[:-1]).mean()


def test_a_dirichlet_order_lies_between_one_class_a_slot_and_independent_images():
    labels, indices = labels_of(4000), np.arange(4000)

    def mean(name):
        return np.mean([alike(evaluation_order(labels, indices, name, seed), labels) for seed in range(8)])

    by_name = [mean(name) for name in ("dirichlet:1e6", "dirichlet:10", "dirichlet:1", "dirichlet:0.1")]
    assert by_name == sorted(by_name), "the smaller the concentration, the more alike are neighbours"
    assert by_name[0] == pytest.approx(mean("shuffled"), abs=0.01)
    assert by_name[0] == pytest.approx(0.1, abs=0.02)
    assert mean("dirichlet:0.01") > 0.4
    assert mean("class-sorted") == pytest.approx(3990 / 3999)


def test_shares_of_a_class_over_slots_are_those_of_the_distribution():
    labels = np.repeat([0, 1], 500)
    drawn = []
    for seed in range(400):
        order = evaluation_order(labels, np.arange(1000), "dirichlet:2", seed)
        # The generator's own draws, restated: a permutation of a class, then its shares.
        generator = np.random.Generator(np.random.Philox(seed))
        generator.permutation(np.arange(500))
        share = generator.dirichlet([2.0, 2.0])[0]
        generator.permutation(np.arange(500, 1000))
        other = generator.dirichlet([2.0, 2.0])[0]
        slot = order[: round(share * 500) + round(other * 500)]
        assert (labels[slot] == 0).sum() == round(share * 500)
        drawn.append(share)
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.04)
    assert np.var(drawn) == pytest.approx(2 * 2 / (4**2 * 5), rel=0.2)


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ("sorted", "order"),
        ("", "order"),
        ("dirichlet", "above 0"),
        ("dirichlet:", "above 0"),
        ("dirichlet:0", "above 0"),
        ("dirichlet:-1", "above 0"),
        ("dirichlet:nan", "above 0"),
        ("dirichlet:inf", "above 0"),
        ("dirichlet:ALPHA", "above 0"),
    ],
)
def test_a_wrong_order_is_told(order, problem):
    with pytest.raises(LnbenchError, match=problem):
        check_order(order)


def test_orders_are_written_one_way_and_class_sorted_draws_nothing():
    assert check_order("dirichlet:1e-1") == "dirichlet:0.1"
    assert [takes_seed(order) for order in ("shuffled", "class-sorted", "dirichlet:1")] == [True, False, True]
