"""Exchanging the norms of a network keeps what they learned and leaves the network that was given alone."""

import copy

import pytest
import torch
from torch import nn

from robustbench_ln import (
    BatchNorm2d,
    GhostBatchNorm2d,
    LnbenchError,
    LocalNorm2d,
    SwitchNorm2d,
    convert_norm,
)
from robustbench_ln.norms.convert import ConvertibleLayer, convertible_layers, drop_norm, norm_of
from robustbench_ln.norms.registry import NORMS, build_norm
from robustbench_ln.norms.sets import laid_out


def trained_network(layer=nn.BatchNorm2d, seed=0, eps=1e-3, dtype=torch.float32):
    """A network with nested BatchNorm2d layers of random parameters and running statistics."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        layer(8, eps=eps),
        nn.ReLU(),
        nn.ModuleDict({"inner": nn.Sequential(nn.Conv2d(8, 16, 3), layer(16, eps=eps), nn.ReLU())})["inner"],
        nn.Flatten(),
        nn.LazyLinear(6),
        nn.BatchNorm1d(6),
        nn.Linear(6, 3),
    )
    network(torch.randn(2, 2, 6, 6))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 2)
                module.bias.normal_()
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                module.num_batches_tracked.fill_(17)
    return network.to(dtype).eval()


def bits(network):
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


def norms_in(network, kind):
    return [module for module in network.modules() if type(module) is kind]


@pytest.mark.parametrize("norm", [name for name in NORMS if name != "none"])
def test_every_norm_takes_the_place_of_every_batchnorm2d_and_of_nothing_else(norm):
    options = {"groups": 4} if NORMS[norm].has_groups else {}
    original = trained_network()
    before, kinds = bits(original), [type(module) for module in original.modules()]

    converted = convert_norm(original, norm, **options)

    wanted = type(build_norm(norm, 8, options))
    assert [type(module) for module in converted.modules()] == [
        wanted if kind is nn.BatchNorm2d else kind for kind in kinds
    ]
    for old, new in zip(
        norms_in(original, nn.BatchNorm2d),
        [module for module in converted.modules() if type(module) is wanted],
        strict=True,
    ):
        for name in ("weight", "bias"):
            rows = getattr(new, name).reshape(-1, len(getattr(old, name)))
            assert len(rows) == (4 if norm == "localnorm" else 1)
            assert all(torch.equal(row, getattr(old, name)) for row in rows)
        assert new.eps == old.eps
    assert norm_of(converted) == (norm, options.get("groups", 1))
    assert bits(original) == before
    assert [type(module) for module in original.modules()] == kinds


@pytest.mark.parametrize("norm", [name for name in NORMS if name != "none"])
def test_the_copy_shares_no_memory_with_the_original(norm):
    original = trained_network()
    before = bits(original)
    converted = convert_norm(original, norm, **({"groups": 2} if NORMS[norm].has_groups else {}))
    with torch.no_grad():
        for tensor in [*converted.parameters(), *converted.buffers()]:
            tensor.add_(1)
    assert bits(original) == before


@pytest.mark.parametrize(("norm", "kind"), [("batchnorm", BatchNorm2d), ("switchnorm", SwitchNorm2d)])
def test_running_statistics_go_along(norm, kind):
    original = trained_network()
    converted = convert_norm(original, norm)
    for old, new in zip(norms_in(original, nn.BatchNorm2d), norms_in(converted, kind), strict=True):
        assert torch.equal(new.running_mean, old.running_mean)
        assert torch.equal(new.running_var, old.running_var)


def test_converted_to_batchnorm_a_network_gives_the_same_bits():
    original, x = trained_network(), torch.randn(5, 2, 6, 6)
    assert torch.equal(convert_norm(original, "batchnorm")(x), original(x))


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_localnorm_with_one_group_equals_the_batchnorm_network_on_batch_statistics(rows):
    original, x = trained_network(seed=rows), torch.randn(rows, 2, 6, 6)
    converted = convert_norm(original, "localnorm", groups=1)
    for module in norms_in(original, nn.BatchNorm2d):
        module.train()  # PyTorch's own branch for the statistics of the batch
    torch.testing.assert_close(converted(x), original(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("norm", ["localnorm", "ghostbatchnorm"])
def test_k_groups_equal_the_batchnorm_network_on_every_kth_row(norm):
    original, x = trained_network(seed=5), torch.randn(12, 2, 6, 6)
    y = convert_norm(original, norm, groups=3)(x)
    for module in norms_in(original, nn.BatchNorm2d):
        module.train()
    for group in range(3):
        torch.testing.assert_close(y[group::3], original(x[group::3]), atol=1e-5, rtol=1e-5)


def test_one_group_equals_dynamic_batchnorm_in_every_layout():
    original, x = trained_network(seed=6), torch.randn(6, 2, 6, 6)
    local, batch = convert_norm(original, "localnorm", groups=1), convert_norm(original, "batchnorm")
    for sets in (1, 2, 6):
        group_of_sets = torch.zeros(sets, dtype=torch.int64)
        with laid_out(local, group_of_sets), laid_out(batch, group_of_sets):
            torch.testing.assert_close(local(x), batch(x), atol=1e-6, rtol=1e-6)


def test_a_given_eps_wins():
    converted = convert_norm(trained_network(), "localnorm", groups=2, eps=0.5)
    assert {module.eps for module in norms_in(converted, LocalNorm2d)} == {0.5}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", ["localnorm", "switchnorm", "layernorm"])
def test_training_mode_and_dtype_are_kept(norm, dtype, training):
    original = trained_network(dtype=dtype).train(training)
    original[1].train(not training)
    converted = convert_norm(original, norm, **({"groups": 2} if NORMS[norm].has_groups else {}))
    assert [module.training for module in converted.modules()] == [
        module.training for module in original.modules()
    ]
    assert {tensor.dtype for tensor in converted.parameters()} == {dtype}


def test_a_converted_network_converts_again_and_back():
    original, x = trained_network(BatchNorm2d), torch.randn(4, 2, 6, 6)
    again = convert_norm(convert_norm(original, "batchnorm"), "batchnorm")
    assert torch.equal(again(x), original(x))


def test_momentum_frozen_parameters_and_counted_batches_go_along():
    layer = nn.BatchNorm2d(3, momentum=0.01)
    layer(torch.randn(4, 3, 2, 2))
    layer.weight.requires_grad_(False)
    converted = convert_norm(layer, "batchnorm")
    assert converted.momentum == 0.01
    assert int(converted.num_batches_tracked) == 1
    assert [parameter.requires_grad for parameter in converted.parameters()] == [False, True]


def test_a_lone_layer_converts():
    layer = nn.BatchNorm2d(3)
    converted = convert_norm(layer, "localnorm", groups=2)
    assert isinstance(converted, LocalNorm2d)
    assert (converted.num_features, converted.groups) == (3, 2)


def test_a_layer_used_in_two_places_stays_one_layer():
    shared = nn.BatchNorm2d(2)
    converted = convert_norm(nn.Sequential(shared, nn.ReLU(), shared), "localnorm", groups=2)
    assert isinstance(converted[0], LocalNorm2d)
    assert converted[2] is converted[0]


def test_a_layer_without_running_statistics_is_not_given_made_up_ones():
    # In evaluation such a layer normalizes by the batch; mean 0 and variance 1 would be another network.
    original = nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False)).eval()
    x = 5 + torch.randn(4, 2, 3, 3)
    try:
        converted = convert_norm(original, "batchnorm")
    except LnbenchError:
        return
    torch.testing.assert_close(converted(x), original(x))


@pytest.mark.parametrize(
    ("network", "norm", "options", "part"),
    [
        (nn.Sequential(nn.Conv2d(1, 1, 1)), "localnorm", {"groups": 2}, "no BatchNorm2d"),
        (nn.Sequential(nn.BatchNorm1d(4)), "switchnorm", {}, "no BatchNorm2d"),
        (nn.Sequential(nn.BatchNorm2d(4, affine=False)), "switchnorm", {}, "'0'.*affine"),
        (nn.Sequential(nn.BatchNorm2d(4)), "none", {}, "none"),
        (nn.Sequential(nn.BatchNorm2d(4)), "locallnorm", {}, "'localnorm'"),
        (nn.Sequential(nn.BatchNorm2d(4)), "localnorm", {}, "groups"),
        (nn.Sequential(nn.BatchNorm2d(4)), "localnorm", {"group": 2}, "'groups'"),
        (nn.Sequential(nn.BatchNorm2d(4)), "localnorm", {"groups": 0}, "0"),
        (nn.Sequential(nn.BatchNorm2d(4)), "groupnorm", {"channel_groups": 3}, "3"),
    ],
)
def test_what_cannot_be_converted_is_an_error_and_the_network_stays(network, norm, options, part):
    kinds, before = [type(module) for module in network.modules()], copy.deepcopy(network.state_dict())
    with pytest.raises(LnbenchError, match=part):
        convert_norm(network, norm, **options)
    assert [type(module) for module in network.modules()] == kinds
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([], ("none", 1)),
        ([nn.BatchNorm1d(2)], ("none", 1)),
        ([BatchNorm2d(2), BatchNorm2d(2)], ("batchnorm", 1)),
        ([SwitchNorm2d(2)], ("switchnorm", 1)),
        ([LocalNorm2d(2, 1)], ("localnorm", 1)),
        ([LocalNorm2d(2, 4), LocalNorm2d(3, 4)], ("localnorm", 4)),
        ([GhostBatchNorm2d(2, 1)], ("ghostbatchnorm", 1)),
        ([GhostBatchNorm2d(2, 4), GhostBatchNorm2d(3, 4)], ("ghostbatchnorm", 4)),
        ([nn.GroupNorm(1, 2)], ("layernorm", 1)),
        ([nn.GroupNorm(2, 4)], ("groupnorm", 1)),
        ([nn.InstanceNorm2d(2)], ("instancenorm", 1)),
    ],
)
def test_the_norm_of_a_network_is_recognized(layers, expected):
    assert norm_of(nn.Sequential(nn.Linear(1, 1), *layers)) == expected


@pytest.mark.parametrize(
    "layers",
    [
        [BatchNorm2d(2), SwitchNorm2d(2)],
        [LocalNorm2d(2, 2), BatchNorm2d(2)],
        [nn.GroupNorm(1, 2), BatchNorm2d(2)],
        [LocalNorm2d(2, 4), LocalNorm2d(2, 2)],
        [LocalNorm2d(2, 4), LocalNorm2d(2, 1)],
        [LocalNorm2d(2, 1), LocalNorm2d(2, 4)],
        [LocalNorm2d(2, 4), GhostBatchNorm2d(2, 4)],
        [GhostBatchNorm2d(2, 4), GhostBatchNorm2d(2, 2)],
    ],
    ids=["bn-sn", "ln-bn", "layer-bn", "4-2", "4-1", "1-4", "ln-ghost", "ghost 4-2"],
)
def test_a_network_that_mixes_norms_or_numbers_of_groups_is_an_error(layers):
    with pytest.raises(LnbenchError, match="mixes"):
        norm_of(nn.Sequential(*layers))


def test_pytorch_s_own_batchnorm_is_an_error_that_says_how_to_convert():
    with pytest.raises(LnbenchError, match="convert_norm"):
        norm_of(nn.Sequential(nn.BatchNorm2d(2)))


def test_what_would_be_converted_is_listed_once_a_layer():
    shared = nn.BatchNorm2d(2, eps=1e-3, momentum=None)
    network = nn.Sequential(shared, nn.BatchNorm1d(4), shared, nn.BatchNorm2d(5))
    assert convertible_layers(network) == [
        ConvertibleLayer("0", 2, 1e-3, None),
        ConvertibleLayer("3", 5, 1e-5, 0.1),
    ]


class Scaled(nn.BatchNorm2d):
    def forward(self, input):
        return 2 * super().forward(input)


@pytest.mark.parametrize(
    ("layer", "part"),
    [
        (nn.SyncBatchNorm(4), "'1' is a SyncBatchNorm.*Build the network with BatchNorm2d"),
        (nn.BatchNorm3d(4), "'1' is a BatchNorm3d"),
        (nn.InstanceNorm2d(4, track_running_stats=True), "'1' is a InstanceNorm2d"),
        (SwitchNorm2d(4), "'1' is a SwitchNorm2d"),
        (Scaled(4), "'1' is a Scaled.*something else"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_with_other_running_statistics_or_another_forward_are_named(layer, part):
    network = nn.Sequential(nn.BatchNorm2d(4), layer)
    for call in (convertible_layers, lambda model: convert_norm(model, "localnorm", groups=2)):
        with pytest.raises(LnbenchError, match=part):
            call(network)


class WithActivation(nn.BatchNorm2d):
    """What timm calls BatchNormAct2d, rebuilt here: a norm, a dropout and an activation in one."""

    def __init__(self, channels):
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), nn.SiLU()

    def forward(self, input):
        return self.act(self.drop(super().forward(input)))


@pytest.mark.parametrize("training", [True, False])
def test_an_activation_within_a_norm_stays(training):
    torch.manual_seed(0)
    original = nn.Sequential(nn.Conv2d(2, 3, 1), WithActivation(3)).train(training)
    original[1].running_mean.normal_()
    x = torch.randn(4, 2, 5, 5)
    converted, again = convert_norm(original, "batchnorm"), copy.deepcopy(original)
    torch.testing.assert_close(converted(x), again(x))
    assert all(module.training == training for module in converted.modules())
    local = convert_norm(original, "localnorm", groups=1)
    torch.testing.assert_close(local(x), copy.deepcopy(original).train()(x), atol=1e-6, rtol=1e-6)


def test_without_norm_the_rest_of_a_network_stays():
    network = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.ReLU())
    bare, x = drop_norm(network), torch.randn(2, 2, 4, 4)
    assert torch.equal(bare(x), network[2](network[0](x)))
