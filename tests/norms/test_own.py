"""Norms of the user's: built, converted to, recognised, and refused with a sentence."""

import pytest
import torch
from torch import nn

from robustbench_ln import BatchNorm2d, LnbenchError, convert_norm, evaluate, register_norm
from robustbench_ln.modes import modes_for
from robustbench_ln.norms.convert import norm_of
from robustbench_ln.norms.registry import NORMS, build_norm, check_version, find_norm, parse_norm


@pytest.fixture(autouse=True)
def _as_before():
    before = dict(NORMS)
    yield
    NORMS.clear()
    NORMS.update(before)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.LazyLinear(4)).eval()


def test_a_function_is_a_norm_with_options_and_converts():
    @register_norm("parts", source="here", version="a")
    def parts(channels, count=2, eps=1e-5):
        return nn.GroupNorm(count, channels, eps=eps)

    assert parse_norm("parts:count=4") == ("parts@a", {"count": 4})
    assert modes_for("parts") == ("eval",)
    layer = build_norm("parts", 8, {"count": 4})
    assert (layer.num_groups, layer.eps) == (4, 1e-5)
    net = network()
    net(torch.zeros(1, 3, 6, 6))
    converted = convert_norm(net, "parts", count=4)
    assert norm_of(converted) == ("parts@a", 1)
    x = torch.rand(2, 3, 6, 6)
    expected = nn.functional.group_norm(net[0](x), 4, net[1].weight, net[1].bias, net[1].eps)
    torch.testing.assert_close(converted[1](net[0](x)), expected)
    table = evaluate(converted, (x * 255).to(torch.uint8), [0, 1], sigma="0")
    assert (table["norm"].tolist(), table["mode"].tolist()) == (["parts@a"], ["eval"])


def test_a_subclass_has_the_modes_of_its_layer():
    @register_norm("mine", modes=("frozen", "single", "batch"), version="1")
    class Mine(BatchNorm2d):
        pass

    net = network()
    images, labels = torch.randint(0, 256, (8, 3, 6, 6), dtype=torch.uint8), torch.arange(8) % 4
    net(images[:1].float())
    ours, theirs = (
        evaluate(convert_norm(net, norm), images, labels, sigma="0,1", batch_size=4)
        for norm in ("mine", "batchnorm")
    )
    assert list(ours["correct"]) == list(theirs["correct"])
    assert set(ours["mode"]) == {"frozen", "single", "batch"}
    assert norm_of(convert_norm(net, "mine")) == ("mine@1", 1)


def test_another_version_is_known_but_not_built():
    register_norm("versed", version="1")(lambda channels: nn.Identity())
    register_norm("versed", version="2")(lambda channels: nn.Identity())
    assert find_norm("versed@1").modes == ("eval",)
    check_version("versed@2")
    with pytest.raises(LnbenchError, match=r"needs norm 'versed@1', but .* has 'versed@2'"):
        check_version("versed@1")
    with pytest.raises(LnbenchError, match="needs norm 'versed@1'"):
        build_norm("versed@1", 8)


WRONG = {
    "built-in": ("localnorm", {}, lambda channels: nn.Identity(), "built-in norm 'localnorm'"),
    "text option": ("x", {}, lambda channels, kind="a": nn.Identity(), "'a'.*no number"),
    "no channels": ("x", {}, lambda: nn.Identity(), "takes no number of channels"),
    "mode": ("x", {"modes": ("evil",)}, lambda channels: nn.Identity(), "Did you mean 'eval'"),
    "no mode": ("x", {"modes": ()}, lambda channels: nn.Identity(), "has no mode"),
}


@pytest.mark.parametrize(("name", "options", "builder", "part"), WRONG.values(), ids=WRONG)
def test_a_norm_that_cannot_be_registered_is_a_sentence(name, options, builder, part):
    with pytest.raises(LnbenchError, match=part):
        register_norm(name, version="1", **options)(builder)


@pytest.mark.parametrize(
    ("options", "builder", "part"),
    [
        ({}, lambda channels: 1, "of type int in place of torch.nn.Module"),
        ({}, lambda channels: nn.GroupNorm(3, channels), "cannot be built for 8 channels: ValueError"),
        ({"modes": ("batch",)}, lambda channels: nn.BatchNorm2d(channels), "no layer of this project"),
    ],
)
def test_a_norm_that_cannot_be_built_is_a_sentence(options, builder, part):
    register_norm("faulty", version="1", **options)(builder)
    with pytest.raises(LnbenchError, match=part):
        build_norm("faulty", 8)


def test_a_conversion_needs_what_gamma_and_beta_go_into():
    register_norm("bare", version="1")(lambda channels: nn.InstanceNorm2d(channels))
    with pytest.raises(LnbenchError, match="no 'weight' of 8 channels"):
        convert_norm(network(), "bare")
