"""Networks by name."""

import pytest
import torch

from robustbench_ln import LnbenchError
from robustbench_ln.models.registry import NETWORKS, build_network, check_network
from robustbench_ln.norms.registry import NORMS


@pytest.mark.parametrize("name", ["mnistnet", "mnist_net"])
def test_an_unknown_network_is_an_error_with_the_nearest_name(name):
    with pytest.raises(LnbenchError, match="'mnist-net'"):
        build_network(name, image_shape=(1, 28, 28), num_classes=10, norm="none")
    with pytest.raises(LnbenchError, match="'mnist-net'"):
        check_network(name)


def test_every_network_in_the_list_builds_with_every_norm():
    for name in NETWORKS:
        for norm in NORMS:
            network = build_network(
                name,
                image_shape=(3, 32, 32),
                num_classes=3,
                norm=norm,
                norm_options={"groups": 2} if NORMS[norm].has_groups else None,
            )
            assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
