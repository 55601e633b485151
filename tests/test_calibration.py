"""Calibration against its definition written as loops, against scikit-learn, and over shards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import log_loss

from robustbench_ln import evaluate
from robustbench_ln.calibration import (
    BINS,
    MOST_NATS,
    NOTHING,
    UNIT,
    Calibration,
    belongs,
    calibrate,
    expected_calibration_error,
    log_probabilities,
)
from tests.sweep.small_networks import CLASSES, images_and_labels, network_of, recorded


def counted_of(sure, predicted, true):
    rows = np.arange(len(true))
    return calibrate(sure[rows, predicted], sure[rows, true], predicted == true)


def logits_of(rows, seed, scale=3.0, classes=5):
    return np.random.default_rng(seed).normal(0, scale, (rows, classes)).astype(np.float32)


def error_by_hand(probabilities, predicted, true):
    """Guo et al. 2017, equation 3: bins ((m - 1) / M, m / M]."""
    confidence = probabilities[np.arange(len(true)), predicted]
    error = 0.0
    for m in range(1, BINS + 1):
        inside = [i for i, c in enumerate(confidence) if (m - 1) / BINS < c <= m / BINS]
        if inside:
            accuracy = np.mean([predicted[i] == true[i] for i in inside])
            error += len(inside) / len(true) * abs(accuracy - np.mean([confidence[i] for i in inside]))
    return error


@pytest.mark.parametrize("scale", [0.1, 1, 5])
@pytest.mark.parametrize("images", [1, 2, 33, 500])
def test_one_copy_is_the_definition_and_scikit_learn_s_log_loss(images, scale):
    logits = logits_of(images, seed=images, scale=scale)
    true = np.random.default_rng(7).integers(0, 5, images)
    probabilities = softmax(logits.astype(np.float64), axis=1)
    predicted = probabilities.argmax(1)
    counted = counted_of(log_probabilities(logits, 1), predicted, true)
    assert counted.bins[:, 0].sum() == images
    assert counted.bins[:, 1].sum() == (predicted == true).sum()
    assert expected_calibration_error(counted.bins) == pytest.approx(
        error_by_hand(probabilities, predicted, true), abs=1e-6
    )
    expected = log_loss(true, probabilities, labels=range(5))
    assert counted.nll / UNIT / images == pytest.approx(expected, abs=2e-6, rel=1e-6)


def test_copies_are_averaged_as_probabilities():
    logits = logits_of(12, seed=3)
    mean = softmax(logits.astype(np.float64), axis=1).reshape(4, 3, 5).mean(1)
    np.testing.assert_allclose(np.exp(log_probabilities(logits, 3)), mean, atol=1e-12)


@given(st.lists(st.integers(0, 99), max_size=6), st.integers(0, 5))
def test_shards_add_up_to_the_whole_in_any_order(cuts, seed):
    logits, true = logits_of(100, seed), np.random.default_rng(seed).integers(0, 5, 100)
    sure = log_probabilities(logits, 1)
    predicted = sure.argmax(1)
    order = np.random.default_rng(seed + 1).permutation(100)
    parts = np.split(order, sorted(cuts))
    numbers = [counted_of(sure[part], predicted[part], true[part]).numbers() for part in parts]
    whole = counted_of(sure, predicted, true)
    assert np.sum(numbers, axis=0).tolist() == whole.numbers(), "to the last unit"
    assert Calibration.from_numbers(whole.numbers()).numbers() == whole.numbers()


def test_counts_belong_to_their_images_alone():
    right = np.array([True, False, True])
    numbers = np.array(calibrate(np.log([0.9, 0.4, 0.4]), np.log([0.9, 0.3, 0.4]), right).numbers())
    assert belongs(numbers, 3, 2)
    assert not belongs(numbers, 4, 2)
    assert not belongs(numbers, 3, 3)
    assert belongs(numbers * 0, 4, 2), "what was not counted"
    for place in range(len(numbers)):
        # One image more or less, one that is right and not there, confidence or doubt below 0.
        for wrong in (-1, numbers[place] + 2**40):
            changed = numbers.copy()
            changed[place] = wrong
            assert belongs(changed, 3, 2) == (place == len(numbers) - 1 and wrong > 0)
    assert belongs([numbers, numbers], [3, 2], [2, 2]).tolist() == [True, False]


def test_edges_of_bins_belong_to_the_lower_one():
    for b in range(1, BINS + 1):
        sure = np.log(np.array([[b / BINS]]))
        counted = counted_of(sure, np.array([0]), np.array([0]))
        # b / 15 is no multiple of 2**-20: rounding may move it by one unit, into a neighbour at most.
        assert counted.bins[b - 1, 0] + counted.bins[min(b, BINS - 1), 0] >= 1
    certain = counted_of(np.array([[0.0, -np.inf]]), np.array([0]), np.array([0]))
    assert certain.bins[-1].tolist() == [1, 1, UNIT]
    unsure = counted_of(np.array([[-800.0, 0.0]]), np.array([0]), np.array([1]))
    assert unsure.bins[0].tolist() == [1, 0, 0], "a majority may vote for what is improbable"


def test_an_impossible_answer_counts_as_the_most_and_nothing_is_none():
    counted = counted_of(np.array([[0.0, -np.inf]]), np.array([0]), np.array([1]))
    assert counted.nll == MOST_NATS * UNIT
    assert Calibration.from_numbers(NOTHING.numbers()) is None
    assert np.isnan(expected_calibration_error(NOTHING.bins))
    with pytest.raises(ValueError, match="no counts of calibration"):
        Calibration.from_numbers([1, 2, 3])


@pytest.mark.parametrize(("norm", "mode", "copies"), [
    ("batchnorm", "frozen", 1), ("localnorm", "batch", 1), ("localnorm", "voting", 4),
    ("localnorm", "single-voting", 4),
])  # fmt: skip
@pytest.mark.parametrize("count", [16, 21])
def test_a_sweep_counts_each_image_once(norm, mode, copies, count):
    network, (images, labels) = network_of(norm, 4), images_and_labels(count, seed=2)
    calls = recorded(network, copies)
    table = evaluate(network, images, labels, sigma="0.5", modes=[mode], batch_size=8)
    (row,) = table.to_dict("records")
    logits = np.concatenate([logits for _, logits in calls])[: count * copies]
    mean = softmax(logits.astype(np.float64), axis=1).reshape(count, copies, CLASSES).mean(1)
    from robustbench_ln.evaluation.order import evaluation_order

    true = labels[evaluation_order(labels, np.arange(count), "shuffled", 0)]
    assert row["nll"] == pytest.approx(log_loss(true, mean, labels=range(CLASSES)), abs=1e-5)
    if copies == 1:
        assert row["ece"] == pytest.approx(error_by_hand(mean, mean.argmax(1), true), abs=1e-5)
