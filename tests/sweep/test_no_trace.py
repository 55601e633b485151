"""`evaluate` leaves the network and every generator as they were."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_ln import (
    LnbenchError,
    evaluate,
)
from robustbench_ln.norms.sets import SetNorm
from tests.sweep.small_networks import (
    FITTING,
    images_and_labels,
    network_of,
)


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
