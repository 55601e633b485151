"""The norms by name: what may be asked for, what is built, and what the stateless ones compute."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from robustbench_ln import LnbenchError
from robustbench_ln.norms.registry import (
    NORMS,
    build_norm,
    check_groups,
    find_norm,
    parse_norm,
    resolve_options,
)

GIVEN = {
    "localnorm": {"groups": 2},
    "ghostbatchnorm": {"groups": 2},
    "groupnorm": {"channel_groups": 2},
}


def maps(rows=4, channels=6, seed=0):
    x = np.random.default_rng(seed).normal(size=(rows, channels, 5, 4))
    return torch.from_numpy(x * (1 + np.arange(channels)).reshape(1, -1, 1, 1) + 1).float()


def test_the_modes_of_each_norm_are_those_of_the_paper_and_of_its_fig_4():
    assert {name: set(info.modes) for name, info in NORMS.items()} == {
        "batchnorm": {"frozen", "single", "batch"},
        "switchnorm": {"frozen", "batch"},
        "localnorm": {"batch", "single", "single-voting", "voting"},
        "ghostbatchnorm": {"batch", "single"},
        "layernorm": {"eval"},
        "groupnorm": {"eval"},
        "instancenorm": {"eval"},
        "none": {"eval"},
    }


def test_the_home_mode_is_running_statistics_where_there_are_any_and_batches_for_localnorm():
    homes = {name: info.home_mode for name, info in NORMS.items()}
    assert homes["batchnorm"] == homes["switchnorm"] == "frozen"
    assert homes["localnorm"] == homes["ghostbatchnorm"] == "batch"


@pytest.mark.parametrize("name", NORMS)
def test_every_norm_builds_and_keeps_the_shape(name):
    layer = build_norm(name, 6, GIVEN.get(name))
    assert isinstance(layer, nn.Module)
    assert layer(maps()).shape == maps().shape
    assert NORMS[name].name == name
    assert NORMS[name].source


@pytest.mark.parametrize("name", [name for name in NORMS if name != "none"])
def test_options_reach_the_layer(name):
    given = {**GIVEN.get(name, {}), "eps": 0.25}
    layer = build_norm(name, 6, given)
    assert layer.eps == 0.25
    if "momentum" in NORMS[name].options:
        assert build_norm(name, 6, {**given, "momentum": 0.5}).momentum == 0.5


@pytest.mark.parametrize("name", NORMS)
def test_spelled_out_defaults_resolve_to_the_same_options(name):
    given = GIVEN.get(name, {})
    defaults = {option: value for option, value in NORMS[name].options.items() if value is not None}
    spelled = {**defaults, **given}
    assert resolve_options(name, given) == resolve_options(name, spelled)
    assert None not in resolve_options(name, given).values()


def test_defaults_are_what_the_layers_take_themselves():
    for name, info in NORMS.items():
        given = {"groups": 2} if info.has_groups else {}
        plain, resolved = (build_norm(name, 8, options) for options in (given, resolve_options(name, given)))
        for option in set(info.options) - {"groups", "channel_groups"}:
            assert getattr(plain, option) == getattr(resolved, option) == info.options[option]


@pytest.mark.parametrize(
    ("name", "nearest"), [("batchnrom", "batchnorm"), ("localnor", "localnorm"), ("LocalNorm", "localnorm")]
)
def test_an_unknown_norm_is_an_error_with_the_nearest_name(name, nearest):
    with pytest.raises(LnbenchError, match=nearest) as caught:
        find_norm(name)
    assert f"'{name}'" in str(caught.value)


@pytest.mark.parametrize("norm", ["", "bn", "torch.nn:BatchNorm2d"])
def test_names_that_resemble_no_norm_list_all(norm):
    with pytest.raises(LnbenchError) as caught:
        build_norm(norm, 4)
    assert all(name in str(caught.value) for name in NORMS)


@pytest.mark.parametrize("name", NORMS)
def test_an_unknown_option_is_an_error_that_names_it(name):
    with pytest.raises(LnbenchError, match="'affin'"):
        build_norm(name, 4, {**GIVEN.get(name, {}), "affin": 1})


def test_norms_with_groups_are_those_that_have_the_option():
    assert [name for name, info in NORMS.items() if info.has_groups] == ["localnorm", "ghostbatchnorm"]


@pytest.mark.parametrize("name", ["localnorm", "ghostbatchnorm"])
def test_a_norm_without_its_groups_is_an_error_that_says_what_to_write(name):
    with pytest.raises(LnbenchError, match=rf"{name}.*groups"):
        build_norm(name, 4)


def test_no_groups_at_all_are_not_told_as_a_batch_that_does_not_divide():
    with pytest.raises(LnbenchError, match="'localnorm' has 0 groups"):
        check_groups("localnorm", {"groups": 0}, 7)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("localnorm", {"groups": 0}),
        ("localnorm", {"groups": -1}),
        ("localnorm", {"groups": 2.5}),
        ("localnorm", {"groups": "two"}),
        ("localnorm", {"groups": 2, "eps": 0.0}),
        ("localnorm", {"groups": 2, "eps": -1.0}),
        ("ghostbatchnorm", {"groups": 0}),
        ("ghostbatchnorm", {"groups": 2, "eps": 0.0}),
        ("batchnorm", {"eps": -1.0}),
        ("batchnorm", {"momentum": 2}),
        ("batchnorm", {"momentum": -0.1}),
        ("switchnorm", {"eps": -1.0}),
        ("groupnorm", {"channel_groups": 4}),
        ("groupnorm", {}),
    ],
)
def test_values_that_a_layer_does_not_take_are_an_error(name, options):
    with pytest.raises(LnbenchError):
        build_norm(name, 6, options)


def test_layernorm_normalizes_each_row_over_all_its_values():
    x = maps()
    torch.testing.assert_close(
        build_norm("layernorm", 6)(x), nn.LayerNorm(x.shape[1:], elementwise_affine=False)(x)
    )


def test_instancenorm_is_layernorm_of_each_map_and_keeps_no_running_statistics():
    x, layer = maps(), build_norm("instancenorm", 6)
    torch.testing.assert_close(layer(x), nn.LayerNorm(x.shape[2:], elementwise_affine=False)(x))
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert torch.equal(layer.train()(x), layer.eval()(x))


@pytest.mark.parametrize("channel_groups", [1, 2, 3, 6])
def test_groupnorm_normalizes_consecutive_channels_together(channel_groups):
    x = maps()
    y = build_norm("groupnorm", 6, {"channel_groups": channel_groups})(x).detach().numpy()
    width = 6 // channel_groups
    for row in range(len(x)):
        for start in range(0, 6, width):
            values = x[row, start : start + width].double().numpy()
            hat = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
            np.testing.assert_allclose(y[row, start : start + width], hat, atol=1e-5)


def test_none_changes_no_bit():
    assert torch.equal(build_norm("none", 6)(maps()), maps())


@pytest.mark.parametrize("name", ["layernorm", "groupnorm", "instancenorm", "none"])
def test_stateless_norms_treat_each_row_alone(name):
    layer, x = build_norm(name, 6, GIVEN.get(name)), maps()
    torch.testing.assert_close(layer(x)[2:3], layer(x[2:3]))


def test_reading_the_registry_imports_no_torch():
    code = (
        "import sys, robustbench_ln.norms.registry as r; r.find_norm('none'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_option_given_twice_is_an_error():
    with pytest.raises(LnbenchError, match="gives its option 'groups' twice"):
        parse_norm("localnorm:groups=5,groups=10")


def test_a_number_of_groups_that_does_not_fit_the_channels_says_so_in_words():
    with pytest.raises(LnbenchError, match=r"channel_groups=7.* does not fit.* 16 channels.*OPTION=NUMBER"):
        build_norm("groupnorm", 16, {"channel_groups": 7})
