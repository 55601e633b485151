"""`evaluate` against the paper's modes written as loops over images and groups in plain numpy."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import confusion_matrix
from torch import nn

from robustbench_ln import (
    SwitchNorm2d,
    add_noise,
    evaluate,
)
from robustbench_ln.evaluation.order import evaluation_order
from robustbench_ln.noise.draws import draw_groups
from robustbench_ln.norms.registry import NORMS
from robustbench_ln.norms.sets import SetNorm
from tests.sweep.small_networks import (
    BATCHES,
    CLASSES,
    FITTING,
    MEAN,
    STD,
    images_and_labels,
    network_of,
    recorded,
)


def softmax(logits):
    powers = np.exp(np.asarray(logits, dtype=np.float64) - np.max(logits))
    return powers / powers.sum()


def norm_by_hand(layer, x, sets, group_of_sets):
    """Normalize rows; `sets` lists the rows of each set, None for running statistics."""
    parameters = {name: tensor.numpy().astype(np.float64) for name, tensor in layer.state_dict().items()}
    gamma, beta = (np.atleast_2d(parameters[name]) for name in ("weight", "bias"))
    out = np.full(x.shape, np.nan)
    frozen = sets is None
    for rows, group in zip(
        [range(len(x))] if frozen else sets, [0] if frozen else group_of_sets, strict=True
    ):
        for channel in range(x.shape[1]):
            values = np.concatenate([x[row, channel].ravel() for row in rows])
            mean_bn, var_bn = values.mean(), values.var()
            if frozen:
                mean_bn, var_bn = (parameters[name][channel] for name in ("running_mean", "running_var"))
            for row in rows:
                mean, var = mean_bn, var_bn
                if isinstance(layer, SwitchNorm2d):
                    one = x[row, channel]
                    mean = softmax(parameters["mean_weight"]) @ [one.mean(), x[row].mean(), mean_bn]
                    var = softmax(parameters["var_weight"]) @ [one.var(), x[row].var(), var_bn]
                hat = (x[row, channel] - mean) / np.sqrt(var + layer.eps)
                # BatchNorm, SwitchNorm and GhostBatchNorm have one gamma for all groups.
                own = group if len(gamma) > 1 else 0
                out[row, channel] = gamma[own, channel] * hat + beta[own, channel]
    assert not np.isnan(out).any()
    return out


def logits_by_hand(network, rows, sets, group_of_sets):
    x = np.stack(rows)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            weight = layer.weight.detach().numpy()[:, :, 0, 0].astype(np.float64)
            x = np.einsum("oc,nchw->nohw", weight, x) + layer.bias.detach().numpy()[:, None, None]
        elif isinstance(layer, nn.ReLU):
            x = np.where(x > 0, x, 0)
        elif isinstance(layer, SetNorm):
            x = norm_by_hand(layer, x, sets, group_of_sets)
        elif isinstance(layer, nn.Flatten):
            x = x.reshape(len(x), -1)
        else:
            x = x @ layer.weight.detach().numpy().T.astype(np.float64) + layer.bias.detach().numpy()
    return x


def logits_of_the_mode(network, mode, images, order, batch_size, groups, seed):
    """Return, for each position of the order, the logits of its image: one row, or one a group."""
    count = len(order)
    if mode in ("frozen", "single"):
        found = []
        for index in order:
            sets = None if mode == "frozen" else [[0]]
            group = [int(draw_groups(seed, [index], groups)[0])]
            found.append(logits_by_hand(network, [images[index]], sets, group))
        return found
    if mode == "single-voting":
        return [
            np.concatenate(
                [logits_by_hand(network, [images[index]], [[0]], [group]) for group in range(groups)]
            )
            for index in order
        ]
    size = batch_size if mode == "batch" else batch_size // groups
    found = []
    for start in range(0, count, size):
        # The tail is filled from the start of the order; fillers lend statistics and are not counted.
        members = [images[order[position % count]] for position in range(start, start + size)]
        if mode == "batch":
            sets = [[place for place in range(size) if place % groups == group] for group in range(groups)]
            logits = logits_by_hand(network, members, sets, range(groups))[:, None]
        else:
            logits = np.stack(
                [logits_by_hand(network, members, [range(size)], [group]) for group in range(groups)], axis=1
            )
        found.extend(logits)
    return found[:count]


def winner(rows, vote):
    """Return the class that an image's rows elect."""
    shares = [sum(softmax(row)[label] for row in rows) for label in range(CLASSES)]
    if len(rows) == 1:
        return int(np.argmax(rows[0]))
    votes = [sum(int(np.argmax(row)) == label for row in rows) for label in range(CLASSES)]
    leading = (
        range(CLASSES) if vote == "mean" else [one for one in range(CLASSES) if votes[one] == max(votes)]
    )
    return max(leading, key=lambda label: (shares[label], -label))


def distance(found, expected):
    """Return the largest difference of an image's logits, its rows paired in whatever order they came."""
    pairs = np.abs(found[:, None] - expected[None]).max(2)
    return pairs[linear_sum_assignment(pairs)].max()


@pytest.mark.parametrize("order", ["shuffled", "class-sorted"])
@pytest.mark.parametrize(("count", "batch_size", "groups"), BATCHES)
@pytest.mark.parametrize(("norm", "mode"), [pair for pair in FITTING if pair[1] != "eval"])
def test_logits_and_counts_are_those_of_the_loops(norm, mode, count, batch_size, groups, order):
    groups = groups if NORMS[norm].has_groups else 1
    network = network_of(norm, groups, seed=count)
    pixels, labels = images_and_labels(count, seed=count)
    noisy = add_noise(pixels.astype(np.float32) / np.float32(255), "agn-additive", sigma=0.5, seed=3)
    images = (noisy.astype(np.float64) - np.reshape(MEAN, (2, 1, 1))) / np.reshape(STD, (2, 1, 1))
    if order == "class-sorted":
        positions = sorted(range(count), key=lambda index: (labels[index], index))
    else:
        positions = evaluation_order(labels, np.arange(count), "shuffled", 7).tolist()
    expected = logits_of_the_mode(network, mode, images, positions, batch_size, groups, seed=3)
    copies = len(expected[0])
    calls = recorded(network, copies)

    table = evaluate(
        network,
        pixels,
        labels,
        noise="agn-additive",
        sigma="0.5",
        modes=[mode],
        batch_size=batch_size,
        mean=MEAN,
        std=STD,
        seed=3,
        order=order,
        order_seed=7,
    )

    rows, logits = (np.concatenate(parts) for parts in zip(*calls, strict=True))
    for number in range(len(rows) // copies):  # fillers included
        wanted = images[positions[number % count]]
        for row in rows[number * copies : (number + 1) * copies]:
            np.testing.assert_allclose(row, wanted, atol=1e-5)
    for position in range(count):
        assert distance(logits[position * copies : (position + 1) * copies], expected[position]) < 1e-5
    predicted = [winner(rows, "majority") for rows in expected]
    true = [labels[index] for index in positions]
    wanted = confusion_matrix(true, predicted, labels=range(CLASSES))
    assert np.array_equal(table["confusion"].iloc[0], wanted)
    assert table["images"].tolist() == [count]
    assert table["correct"].tolist() == [np.trace(wanted)]


@pytest.mark.parametrize("vote", ["majority", "mean"])
@pytest.mark.parametrize("mode", ["single-voting", "voting"])
def test_the_rows_of_an_image_elect_its_class_by_the_rule(mode, vote):
    network, count = network_of("localnorm", 4, seed=2), 40
    pixels, labels = images_and_labels(count, seed=2)
    images = pixels.astype(np.float64) / 255
    order = evaluation_order(labels, np.arange(count), "shuffled", 0)
    expected = logits_of_the_mode(network, mode, images, order, 8, 4, seed=0)
    table = evaluate(network, pixels, labels, sigma="0", modes=[mode], batch_size=8, vote=vote)
    predicted = [winner(rows, vote) for rows in expected]
    assert np.array_equal(
        table["confusion"].iloc[0], confusion_matrix(labels[order], predicted, labels=range(CLASSES))
    )
    assert table["vote"].tolist() == [vote]
    other = [winner(rows, {"majority": "mean", "mean": "majority"}[vote]) for rows in expected]
    assert predicted != other, "the case does not tell the rules apart"


def test_a_blend_lies_between_running_statistics_and_those_of_the_batch():
    network, (images, labels) = network_of("batchnorm"), images_and_labels(32, seed=4)
    modes = ["frozen", "batch", "blend:alpha=1", "blend:alpha=0.5", "blend:prior=8", "blend:prior=1e9"]
    table = evaluate(network, images, labels, sigma="0.5", modes=modes, batch_size=8)
    by_mode = dict(
        zip(zip(table["mode"], table["blend"].fillna(""), strict=True), table["confusion"], strict=True)
    )
    assert len(by_mode) == len(modes)
    assert [np.trace(counts) for counts in table["confusion"]] == table["correct"].tolist()
    for source in ("alpha=1", "prior=1e+09"):
        assert np.array_equal(by_mode["blend", source], by_mode["frozen", ""])
    assert np.array_equal(by_mode["blend", "alpha=0.5"], by_mode["blend", "prior=8"]), "8 / (8 + 8)"
    alone = evaluate(network, images, labels, sigma="0.5", modes=["blend:prior=8"], batch_size=1)
    assert not alone["coupled"].any(), "an image is blended with the source, not with other images"
    assert table["coupled"].tolist() == [mode in ("batch", "blend") for mode in table["mode"]]
