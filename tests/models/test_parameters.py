"""Numbers of parameters, by closed formula and as Table 2 of the LocalNorm paper prints them."""

from pathlib import Path

import pytest
import torch
from torch import nn

from robustbench_ln.models.parameters import ParameterCount, count_parameters
from robustbench_ln.models.registry import build_network
from robustbench_ln.models.resnet32 import ResNet32
from robustbench_ln.norms.localnorm import LocalNorm2d

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "networks.md"
GREY, COLOUR = (1, 28, 28), (3, 32, 32)
LOCAL_8, LOCAL_16 = ("localnorm", {"groups": 8}), ("localnorm", {"groups": 16})


def count_of(network, norm, options=None, shape=COLOUR):
    with torch.device("meta"):
        return count_parameters(
            build_network(network, image_shape=shape, num_classes=10, norm=norm, norm_options=options)
        )


def kernels_and_biases(channels, side):
    return sum((side**2 * inputs + 1) * outputs for inputs, outputs in channels)


# Channels in and out of the 3x3 convolutions, the 1x1 projections and the dense layers; the norms' channels.
STAGES_16, STAGES_32, STAGES_64 = [(16, 16)] * 10, [(16, 32)] + [(32, 32)] * 9, [(32, 64)] + [(64, 64)] * 9
RESNET_3X3 = [(3, 16), *STAGES_16, *STAGES_32, *STAGES_64]
RESNET = (
    kernels_and_biases(RESNET_3X3, 3)
    + kernels_and_biases([(16, 32), (32, 64)], 1)
    + kernels_and_biases([(64, 10)], 1)
)
RESNET_NORMS = [inputs for inputs, _ in RESNET_3X3[1:]] + [64]
VGG_NORMS = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
VGG_CONVOLUTIONS = kernels_and_biases(zip([3, *VGG_NORMS], VGG_NORMS, strict=False), 3)
VGG_DENSE = kernels_and_biases([(512, 512), (512, 10)], 1)
NORMS_OF = {"resnet32": RESNET_NORMS, "vgg16": VGG_NORMS}
# The BatchNorm after VGG's dense layer: gamma and beta, running mean and variance.
REST_OF = {
    "resnet32": ParameterCount(RESNET, 0),
    "vgg16": ParameterCount(VGG_CONVOLUTIONS + VGG_DENSE + 2 * 512, 2 * 512),
}


def test_the_sums_are_those_of_the_paper_s_code():
    assert (RESNET, VGG_CONVOLUTIONS, VGG_DENSE) == (465_674, 14_714_688, 267_786)
    assert (len(RESNET_NORMS), sum(RESNET_NORMS)) == (31, 1136)
    assert (len(VGG_NORMS), sum(VGG_NORMS)) == (13, 4224)


@pytest.mark.parametrize("network", ["resnet32", "vgg16"])
@pytest.mark.parametrize(
    ("norm", "options", "a_channel", "a_layer", "statistics"),
    [
        ("none", {}, 0, 0, 0),
        ("batchnorm", {}, 2, 0, 2),
        ("switchnorm", {}, 2, 6, 2),
        ("localnorm", {"groups": 1}, 2, 0, 0),
        ("localnorm", {"groups": 8}, 16, 0, 0),
        ("ghostbatchnorm", {"groups": 8}, 2, 0, 0),
        ("layernorm", {}, 2, 0, 0),
        ("groupnorm", {}, 2, 0, 0),
        ("instancenorm", {}, 2, 0, 0),
    ],
)
def test_counts_follow_from_the_layers(network, norm, options, a_channel, a_layer, statistics):
    channels, layers = sum(NORMS_OF[network]), len(NORMS_OF[network])
    rest = REST_OF[network]
    expected = ParameterCount(
        rest.trainable + a_channel * channels + a_layer * layers, rest.statistics + statistics * channels
    )
    assert count_of(network, norm, options) == expected


@pytest.mark.parametrize(
    ("network", "norm", "options", "total"),
    [
        ("resnet32", "none", {}, 465_674),
        ("resnet32", "batchnorm", {}, 470_218),
        ("vgg16", "batchnorm", {}, 15_001_418),
        ("vgg16", "switchnorm", {}, 15_001_496),
    ],
)
def test_these_totals_are_exactly_those_that_the_paper_prints(network, norm, options, total):
    assert count_of(network, norm, options).total == total
    assert f"| {total:,} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("network", "norm", "options", "total", "printed"),
    [
        ("resnet32", "switchnorm", {}, 470_404, 470_414),
        ("resnet32", *LOCAL_8, 483_850, 473_610),
        ("vgg16", *LOCAL_8, 15_052_106, 15_115_690),
        ("vgg16", *LOCAL_16, 15_119_690, 15_115_690),
    ],
)
def test_these_totals_differ_from_the_printed_ones_and_the_page_shows_both(
    network, norm, options, total, printed
):
    assert count_of(network, norm, options).total == total
    assert f"| {total:,} | {printed:,} | {printed - total:+,} |" in PAGE.read_text(encoding="utf-8")


def test_the_printed_number_of_resnet32_with_localnorm_has_128_gammas_and_betas_in_every_layer():
    assert RESNET + 31 * 2 * 128 == 473_610
    with torch.device("meta"):
        network = ResNet32(COLOUR, 10, lambda channels: LocalNorm2d(128, groups=1))
    assert count_parameters(network).total == 473_610
    assert "| 473,610 | 473,610 | 0 |" in PAGE.read_text(encoding="utf-8")


def test_no_number_of_groups_gives_the_printed_number_of_vgg_with_localnorm():
    rest, printed = REST_OF["vgg16"].total, 15_115_690
    assert (printed - rest) % (2 * sum(VGG_NORMS)), "no whole number of groups"
    assert rest + 2 * 128 * len(VGG_NORMS) != printed
    digits = zip("15115690", str(count_of("vgg16", *LOCAL_16).total), strict=True)
    assert sum(one != other for one, other in digits) == 1


def test_the_mnist_network_counts_its_running_statistics():
    assert count_of("mnist-net", "none", shape=GREY) == ParameterCount(814_586, 0)
    assert count_of("mnist-net", "batchnorm", shape=GREY) == ParameterCount(814_586 + 192, 192)


def test_counters_of_batches_and_other_buffers_are_left_out_and_frozen_parameters_are_not():
    layer = nn.BatchNorm2d(3)
    layer.weight.requires_grad_(False)
    layer.register_buffer("grid", torch.zeros(7))
    assert count_parameters(layer) == ParameterCount(6, 6)


def test_what_is_used_twice_counts_once():
    layer = nn.BatchNorm2d(3)
    assert count_parameters(nn.Sequential(layer, nn.ReLU(), layer)) == ParameterCount(6, 6)
    assert count_parameters(nn.Sequential()) == ParameterCount(0, 0)


def test_the_total_is_the_sum():
    assert ParameterCount(5, 3).total == 8
