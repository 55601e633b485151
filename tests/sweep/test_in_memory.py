"""`evaluate` against the paper's modes written as loops over images and groups in plain numpy."""

import random

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import confusion_matrix
from torch import nn

from robustbench_ln import (
    LnbenchError,
    LocalNorm2d,
    SwitchNorm2d,
    add_noise,
    evaluate,
    load_results,
)
from robustbench_ln.data.dataset import Arrays, limited
from robustbench_ln.evaluation import images as images_module
from robustbench_ln.evaluation.images import evaluation_order
from robustbench_ln.evaluation.reader import evaluate_clean
from robustbench_ln.models.registry import build_network
from robustbench_ln.modes import modes_for
from robustbench_ln.noise import NOISES
from robustbench_ln.noise.draws import draw_groups
from robustbench_ln.norms.registry import NORMS, build_norm
from robustbench_ln.norms.sets import SetNorm

SHAPE, CLASSES = (2, 4, 3), 5
MEAN, STD = (0.4, 0.6), (0.25, 0.5)
FITTING = [(norm, mode) for norm in NORMS for mode in modes_for(norm)]


def network_of(norm, groups=1, seed=0):
    """1x1 convolutions, ReLUs and two norms of random parameters and statistics, then a dense layer."""
    torch.manual_seed(seed)
    options = {"groups": groups} if NORMS[norm].has_groups else None
    options = {"channel_groups": 2} if norm == "groupnorm" else options
    network = nn.Sequential(
        nn.Conv2d(2, 6, 1),
        nn.ReLU(),
        build_norm(norm, 6, options),
        nn.Conv2d(6, 4, 1),
        nn.ReLU(),
        build_norm(norm, 4, options),
        nn.Flatten(),
        nn.Linear(4 * 4 * 3, CLASSES),
    )
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "running_var" in name:
                tensor.uniform_(0.5, 2)
            elif "num_batches" not in name and (
                tensor.dim() == 1 or "running" in name or norm == "localnorm"
            ):
                tensor.add_(0.3 * torch.randn_like(tensor))
    return network


def images_and_labels(count, seed=0):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return images, generator.integers(0, CLASSES, count)


def recorded(network):
    """Return a list to which the network adds the (rows, logits) of each call."""
    calls = []
    network.register_forward_hook(
        lambda module, inputs, output: calls.append((inputs[0].numpy().copy(), output.numpy().copy()))
    )
    return calls


# --- the independent computation -------------------------------------------------------------------------


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


BATCHES = [(1, 8, 4), (3, 8, 4), (7, 4, 4), (8, 8, 4), (9, 6, 2), (13, 12, 4), (16, 5, 5), (11, 4, 1)]


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
    calls = recorded(network)

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

    expected = logits_of_the_mode(network, mode, images, positions, batch_size, groups, seed=3)
    rows, logits = (np.concatenate(parts) for parts in zip(*calls, strict=True))
    copies = len(expected[0])
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


# --- counting -------------------------------------------------------------------------------------------


def answering_by_pixel(norm, groups):
    """A network whose logits name the class that is written in the first pixel, whatever its norm does."""
    network = network_of(norm, groups)
    network.register_forward_hook(
        lambda module, inputs, output: (
            output * 0 + torch.nn.functional.one_hot((inputs[0][:, 0, 0, 0] * 255).round().long(), CLASSES)
        )
    )
    return network


@pytest.mark.parametrize("order", ["shuffled", "class-sorted"])
@pytest.mark.parametrize(("count", "batch_size", "groups"), [*BATCHES, (37, 20, 5), (5, 40, 4), (1, 1, 1)])
def test_every_image_is_counted_once_under_its_own_label(count, batch_size, groups, order):
    for norm in ("localnorm", "batchnorm", "switchnorm", "none"):
        images, labels = images_and_labels(count, seed=1)
        images[:, 0, 0, 0] = labels
        network = answering_by_pixel(norm, groups)
        table = evaluate(network, images, labels, sigma="0", batch_size=batch_size, order=order)
        assert set(table["mode"]) == set(modes_for(norm))
        for confusion in table["confusion"]:
            assert np.array_equal(confusion, np.diag(np.bincount(labels, minlength=CLASSES)))
        assert (table["accuracy"] == 1).all()


@pytest.mark.parametrize(("norm", "mode"), FITTING)
@pytest.mark.parametrize("per_chunk", [1, 3, 7, 16])
def test_counts_do_not_depend_on_the_size_of_chunks(norm, mode, per_chunk, monkeypatch):
    network, (images, labels) = network_of(norm, 4), images_and_labels(29)

    def measured():
        return evaluate(network, images, labels, sigma="0,0.5", modes=[mode], batch_size=8)

    calls = recorded(network)
    whole, rows = measured(), [rows.tobytes() for rows, _ in calls]
    calls.clear()
    monkeypatch.setattr(images_module, "_CHUNK_BYTES", per_chunk * 4 * 2 * 4 * 3)
    again = measured()

    assert [rows.tobytes() for rows, _ in calls] == rows, "batches were cut elsewhere"
    assert np.array_equal(np.stack(again["confusion"]), np.stack(whole["confusion"]))
    assert again.drop(columns="confusion").equals(whole.drop(columns="confusion"))


@pytest.mark.parametrize(("norm", "mode"), [pair for pair in FITTING if pair[1] not in ("batch", "voting")])
def test_uncoupled_modes_do_not_depend_on_batch_size_or_order(norm, mode):
    network, (images, labels) = network_of(norm, 4), images_and_labels(23)
    tables = [
        evaluate(network, images, labels, sigma="0.5", modes=[mode], batch_size=size, **options)
        for size, options in (
            (8, {}),
            (4, {"order_seed": 5}),
            (100, {"order": "class-sorted"}),
            (1, {}),
            (7, {}),
        )
    ]
    assert {table["confusion"].iloc[0].tobytes() for table in tables} == {
        tables[0]["confusion"].iloc[0].tobytes()
    }
    assert not tables[0]["coupled"].any()


@pytest.mark.parametrize(
    ("norm", "mode"), [("batchnorm", "batch"), ("localnorm", "batch"), ("localnorm", "voting")]
)
def test_coupled_modes_depend_on_the_order_and_say_so(norm, mode):
    network, (images, labels) = network_of(norm, 4), images_and_labels(200)
    tables = [
        evaluate(network, images, labels, sigma="2", modes=[mode], batch_size=8, **options)
        for options in ({}, {"order_seed": 1}, {"order": "class-sorted"})
    ]
    assert len({table["confusion"].iloc[0].tobytes() for table in tables}) == 3
    first, second, by_class = (table.iloc[0] for table in tables)
    assert first["coupled"]
    assert (first["batch_size"], first["set_size"]) == (8, 8 if norm == "batchnorm" else 2)
    assert (first["order"], first["order_seed"], second["order_seed"]) == ("shuffled", 0, 1)
    assert by_class["order"] == "class-sorted"


def test_local_norm_with_as_many_groups_as_rows_records_the_order_its_counts_depend_on():
    # With one row a group no image enters another's statistics, but the position decides the group.
    network, (images, labels) = network_of("localnorm", 4), images_and_labels(100)
    tables = [
        evaluate(network, images, labels, sigma="0", modes=["batch"], batch_size=4, order_seed=seed)
        for seed in (0, 1)
    ]
    confusions = {table["confusion"].iloc[0].tobytes() for table in tables}
    assert len(confusions) == 1 or [table["order_seed"].iloc[0] for table in tables] == [0, 1]


def test_the_seed_draws_the_groups_of_mode_single_alike_at_every_sigma():
    network, (images, labels) = network_of("localnorm", 4), images_and_labels(60)
    calls = recorded(network)
    for seed in (0, 1):
        evaluate(network, images, labels, noise="mbn", sigma="0", modes=["single"], batch_size=60, seed=seed)
    assert np.array_equal(calls[0][0], calls[1][0]), "sigma 0: the same images"
    assert not np.allclose(calls[0][1], calls[1][1]), "through other groups"
    calls.clear()
    # agn-background at sigma 0 and above leaves images without black pixels alike: only groups could differ.
    images = np.maximum(images, 1)
    evaluate(network, images, labels, noise="agn-background", sigma="0,1", modes=["single"], batch_size=60)
    assert np.array_equal(calls[0][1], calls[1][1])


@pytest.mark.parametrize("limit", [1, 2, 7, 30, 1000])
def test_a_limit_takes_a_fixed_random_choice_of_the_images(limit):
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(30)
    chosen = limited(30, limit)
    assert len(set(chosen.tolist())) == len(chosen) == min(limit, 30)
    assert chosen.tolist() == sorted(chosen.tolist())
    calls = recorded(network)
    table = evaluate(network, images, labels, sigma="0", modes=["single"], batch_size=4, limit=limit)
    seen = {rows.tobytes() for call in calls for rows in call[0]}
    assert seen == {(images[index].astype(np.float32) / np.float32(255)).tobytes() for index in chosen}
    assert table["images"].tolist() == [min(limit, 30)]
    assert np.array_equal(table["confusion"].iloc[0].sum(1), np.bincount(labels[chosen], minlength=CLASSES))


def test_a_larger_limit_keeps_the_images_of_a_smaller_one():
    chosen = [set(limited(100, limit).tolist()) for limit in (5, 20, 99, 100)]
    assert chosen[0] < chosen[1] < chosen[2] < chosen[3] == set(range(100))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_without_an_image_is_an_error(limit):
    images, labels = images_and_labels(10)
    with pytest.raises(LnbenchError):
        evaluate(network_of("batchnorm"), images, labels, sigma="0", limit=limit)


# --- against a plain loop -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "norm", ["batchnorm", "switchnorm", "layernorm", "groupnorm", "instancenorm", "none"]
)
def test_clean_counts_without_batch_statistics_are_those_of_a_plain_loop(norm):
    torch.manual_seed(4)
    network = build_network("mnist-net", image_shape=(1, 16, 16), num_classes=10, norm=norm).train()
    generator = np.random.default_rng(4)
    images = generator.integers(0, 256, (31, 1, 16, 16), dtype=np.uint8)
    labels = generator.integers(0, 10, 31)
    with torch.no_grad():
        network(torch.from_numpy(images / 255).float())  # moves the running statistics off their start

    network.eval()
    with torch.no_grad():
        predicted = [int(network(torch.from_numpy(image[None] / 255).float()).argmax()) for image in images]
    expected = confusion_matrix(labels, predicted, labels=range(10))

    home = modes_for(norm)[0]
    table = evaluate(network, images, labels, sigma="0", modes=[home], batch_size=8)
    assert np.array_equal(table["confusion"].iloc[0], expected)
    assert table["accuracy"].iloc[0] == np.mean(np.array(predicted) == labels)
    preprocessing = {"mean": (0.0,), "std": (1.0,)}
    clean = evaluate_clean(network, Arrays(images, labels), preprocessing, 8)
    assert clean == table["accuracy"].iloc[0]


def test_clean_accuracy_of_local_norm_is_that_of_its_batch_mode():
    network, (images, labels) = network_of("localnorm", 4), images_and_labels(30)
    table = evaluate(network, images, labels, sigma="0", modes=["batch"], batch_size=8, mean=MEAN, std=STD)
    clean = evaluate_clean(network, Arrays(images, labels), {"mean": MEAN, "std": STD}, 8)
    assert clean == table["accuracy"].iloc[0]


# --- nothing is changed ---------------------------------------------------------------------------------


def network_of_mixed_modes(norm):
    """A network with dropout and a BatchNorm1d, some of whose modules are in training mode."""
    network = network_of(norm, 4)
    network.insert(7, nn.Sequential(nn.BatchNorm1d(48), nn.Dropout(0.5), nn.ReLU()))
    network.train()
    network[0].eval()
    network[2].eval()
    network[7][0].eval()
    with torch.no_grad():
        network[7][0].running_mean.normal_()
    return network


def state_of(network):
    return {
        "bits": {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()},
        "training": {name: module.training for name, module in network.named_modules()},
        "gradients": {
            name: (tensor.requires_grad, tensor.grad is None) for name, tensor in network.named_parameters()
        },
        "layout": [module.groups_of_sets for module in network.modules() if isinstance(module, SetNorm)],
        "random": (
            torch.get_rng_state().numpy().tobytes(),
            str(np.random.get_state()),  # noqa: NPY002
            np.random.get_state()[1].tobytes(),  # noqa: NPY002
            random.getstate(),
        ),
        "threads": torch.get_num_threads(),
    }


@pytest.mark.parametrize(("norm", "mode"), FITTING)
def test_evaluation_changes_no_bit_of_the_network_or_of_any_generator(norm, mode):
    network, (images, labels) = network_of_mixed_modes(norm), images_and_labels(21)
    kept_images, kept_labels, before = images.copy(), labels.copy(), state_of(network)
    assert before["layout"] == [None] * len(before["layout"])

    table = evaluate(network, images, labels, sigma="0,1", modes=[mode], batch_size=8)

    assert state_of(network) == before
    assert np.array_equal(images, kept_images)
    assert np.array_equal(labels, kept_labels)
    again = evaluate(network, images, labels, sigma="0,1", modes=[mode], batch_size=8)
    assert np.array_equal(np.stack(again["confusion"]), np.stack(table["confusion"]))


@pytest.mark.parametrize("error", [RuntimeError, LnbenchError, KeyboardInterrupt, "nan"])
@pytest.mark.parametrize(("norm", "mode"), FITTING)
def test_an_evaluation_that_raises_changes_nothing_either(norm, mode, error):
    network, (images, labels) = network_of_mixed_modes(norm), images_and_labels(21)
    before, calls = state_of(network), []

    def fail(module, inputs, output):
        calls.append(len(output))
        if len(calls) == 2 and error != "nan":
            raise error("in the second batch")
        return output * float("nan") if len(calls) == 2 else output

    network[6].register_forward_hook(fail)
    with pytest.raises(LnbenchError if error == "nan" else error):
        evaluate(network, images, labels, sigma="0,1", modes=[mode], batch_size=8)
    assert len(calls) >= 2
    assert state_of(network) == before


def test_the_result_does_not_depend_on_the_training_mode_that_the_network_came_in():
    network, (images, labels) = network_of_mixed_modes("batchnorm"), images_and_labels(40)
    tables = [
        evaluate(network.train(mode), images, labels, sigma="0.5", batch_size=8) for mode in (True, False)
    ]
    assert np.array_equal(*(np.stack(table["confusion"]) for table in tables))


# --- inputs and outputs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap_labels", [torch.from_numpy, list, lambda labels: labels.astype(np.uint8)])
@pytest.mark.parametrize(
    "wrap_images",
    [
        torch.from_numpy,
        lambda x: torch.from_numpy(x).contiguous(memory_format=torch.channels_last),
        np.asfortranarray,
    ],
)
def test_tensors_lists_and_arrays_give_the_same_counts(wrap_images, wrap_labels):
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(13)
    plain, wrapped = (
        evaluate(network, *inputs, sigma="0,0.5", batch_size=4)
        for inputs in ((images, labels), (wrap_images(images), wrap_labels(labels)))
    )
    assert np.array_equal(np.stack(plain["confusion"]), np.stack(wrapped["confusion"]))


@pytest.mark.parametrize("wrap", [list, np.array, torch.tensor])
def test_mean_and_deviation_may_be_any_sequence(wrap):
    network, (images, labels) = network_of("batchnorm"), images_and_labels(13)
    expected = evaluate(network, images, labels, sigma="0", mean=MEAN, std=STD)
    table = evaluate(network, images, labels, sigma="0", mean=wrap(MEAN), std=wrap(STD))
    assert np.array_equal(np.stack(table["confusion"]), np.stack(expected["confusion"]))


def test_a_mean_of_another_number_of_channels_is_an_error():
    images, labels = images_and_labels(4)
    with pytest.raises(LnbenchError):
        evaluate(network_of("batchnorm"), images[:, :1], labels, sigma="0", mean=(0.1, 0.2), std=(1.0, 1.0))


def test_there_is_one_row_for_each_mode_and_sigma_with_the_columns_of_stored_results():
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(9)
    table = evaluate(network, images, labels, noise="mbn", sigma="0:1:0.25", batch_size=4, seed=6, clip=True)
    assert sorted(zip(table["mode"], table["sigma"], strict=True)) == sorted(
        (mode, sigma) for mode in modes_for("localnorm") for sigma in (0, 0.25, 0.5, 0.75, 1)
    )
    assert set(table.columns) == {*load_results("no-such-folder").columns, "confusion"}
    assert table["cell"].is_unique
    for name, value in {
        "noise": "mbn",
        "clip": True,
        "noise_seed": 6,
        "groups": 2,
        "norm": "localnorm",
    }.items():
        assert (table[name] == value).all(), name
    for row in table.itertuples():
        assert row.confusion.shape == (CLASSES, CLASSES)
        assert row.confusion.sum() == row.images == 9
        assert np.trace(row.confusion) == row.correct == round(row.accuracy * 9)


def test_modes_may_be_chosen():
    network, (images, labels) = network_of("localnorm", 2), images_and_labels(5)
    table = evaluate(network, images, labels, sigma="0", modes=("voting", "single"), batch_size=4)
    assert sorted(table["mode"]) == ["single", "voting"]


def test_every_noise_can_be_measured():
    network, (images, labels) = network_of("batchnorm"), images_and_labels(5)
    for noise in NOISES:
        assert evaluate(network, images, labels, noise=noise, sigma="0,1")["images"].eq(5).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("norm", "mode"), [("batchnorm", "frozen"), ("localnorm", "voting"), ("none", "eval")]
)
def test_logits_that_are_not_finite_are_an_error(norm, mode, value):
    network, (images, labels) = network_of(norm, 2), images_and_labels(6)
    with torch.no_grad():
        network[-1].bias[1] = value
    with pytest.raises(LnbenchError, match="finite"):
        evaluate(network, images, labels, sigma="0", modes=[mode], batch_size=4)


@pytest.mark.parametrize("label", [CLASSES, 11, 10**12])
def test_labels_beyond_the_network_s_classes_are_an_error_that_names_both(label):
    images, labels = images_and_labels(6)
    labels[2] = label
    with pytest.raises(LnbenchError, match=rf"\b{label}\b.*\b{CLASSES}\b"):
        evaluate(network_of("batchnorm"), images, labels, sigma="0")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, *SHAPE)), [0, 1]),
        (np.zeros((2, *SHAPE), np.float32), [0, 1]),
        (np.zeros((2, *SHAPE), np.int64), [0, 1]),
        (torch.zeros(2, *SHAPE), [0, 1]),
        (np.zeros(SHAPE, np.uint8), [0, 1]),
        (np.zeros((0, *SHAPE), np.uint8), np.zeros(0, np.int64)),
        (np.zeros((2, *SHAPE), np.uint8), [0]),
        (np.zeros((2, *SHAPE), np.uint8), [0, 1, 2]),
        (np.zeros((2, *SHAPE), np.uint8), [[0], [1]]),
        (np.zeros((2, *SHAPE), np.uint8), [0.0, 1.0]),
        (np.zeros((2, *SHAPE), np.uint8), ["a", "b"]),
        (np.zeros((2, *SHAPE), np.uint8), [0, -1]),
    ],
)
def test_images_or_labels_of_another_type_or_shape_are_an_error(images, labels):
    with pytest.raises(LnbenchError):
        evaluate(network_of("batchnorm"), images, labels, sigma="0")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"noise": "angn"}, "'agn'"),
        ({"sigma": "4:0"}, "downwards"),
        ({"noise": "mbn", "sigma": "0:2"}, "mbn"),
        ({"modes": ["frozen"]}, "'frozen'.*'localnorm'"),
        ({"modes": ["batch", "votign"]}, "'voting'"),
        ({"batch_size": 7}, r"\b7\b.*\b4\b"),
        ({"batch_size": 0}, r"\b0\b"),
        ({"vote": "majorty"}, "'majority'"),
        ({"order": "class_sorted"}, "'class-sorted'"),
        ({"order": "sorted"}, "order"),
        ({"order_seed": -1}, "-1"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_meant_is_an_error_that_names_it(options, part):
    images, labels = images_and_labels(6)
    with pytest.raises(LnbenchError, match=part):
        evaluate(network_of("localnorm", 4), images, labels, **{"sigma": "0", "batch_size": 8, **options})


def test_a_network_that_mixes_norms_is_an_error():
    images, labels = images_and_labels(6)
    network = nn.Sequential(LocalNorm2d(2, 1), LocalNorm2d(2, 4), nn.Flatten(), nn.Linear(24, CLASSES))
    with pytest.raises(LnbenchError, match="mixes"):
        evaluate(network, images, labels, sigma="0", batch_size=8)
