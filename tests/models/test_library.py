"""Networks of other packages are built with any norm; what is not installed or unknown is a sentence."""

import sys

import pytest
import torch
from torch import nn
from torchvision import models

from robustbench_ln import LnbenchError, LocalNorm2d
from robustbench_ln.benchmarks.read import load_declared
from robustbench_ln.models.registry import build_network, check_network
from robustbench_ln.norms.convert import norm_of

SHAPE = (3, 32, 32)
#: The quickest to build.
SMALL = "torchvision:shufflenet_v2_x0_5"


def built(name, norm="localnorm", shape=SHAPE, classes=7, **options):
    torch.manual_seed(0)
    options = options or ({"groups": 2} if norm == "localnorm" else {})
    return build_network(name, image_shape=shape, num_classes=classes, norm=norm, norm_options=options)


def test_torchvision_s_network_keeps_its_weights_and_gets_the_norm():
    torch.manual_seed(0)
    plain = models.shufflenet_v2_x0_5(num_classes=7)
    network = built(SMALL)
    assert norm_of(network) == ("localnorm", 2)
    assert torch.equal(network.conv5[0].weight, plain.conv5[0].weight)
    assert network(torch.randn(4, *SHAPE)).shape == (4, 7)


def test_with_batchnorm_it_is_torchvision_s_network():
    torch.manual_seed(0)
    plain, x = models.shufflenet_v2_x0_5(num_classes=7).eval(), torch.randn(2, *SHAPE)
    torch.testing.assert_close(built(SMALL, "batchnorm").eval()(x), plain(x))


def test_without_norm_no_norm_is_left():
    network = built(SMALL, "none")
    assert not [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def test_googlenet_in_training_returns_logits_alone():
    network = built("torchvision:googlenet").train()
    assert network(torch.randn(2, *SHAPE)).shape == (2, 7)


def test_options_that_are_not_given_stay_each_layer_s_own():
    network = built("torchvision:mobilenet_v3_small")
    assert {module.eps for module in network.modules() if isinstance(module, LocalNorm2d)} == {1e-3}
    given = built("torchvision:mobilenet_v3_small", groups=2, eps=0.5)
    assert {module.eps for module in given.modules() if isinstance(module, LocalNorm2d)} == {0.5}


@pytest.mark.parametrize("norm", ["localnorm", "batchnorm", "none"])
@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet"])
def test_timm_s_networks(name, norm):
    timm = pytest.importorskip("timm", reason="extra 'timm' is not installed")
    network = built(f"timm:{name}", norm, shape=(1, 32, 32)).eval()
    assert norm_of(network)[0] == norm
    x = torch.randn(2, 1, 32, 32)
    assert network(x).shape == (2, 7)
    if norm == "batchnorm":
        torch.manual_seed(0)
        own = timm.create_model(name, num_classes=7, in_chans=1).eval()
        torch.testing.assert_close(network(x), own(x))


def test_efficientnet_lite():
    pytest.importorskip("efficientnet_lite_pytorch", reason="extra 'cars' is not installed")
    network = built("efficientnet-lite0").eval()
    assert norm_of(network) == ("localnorm", 2)
    assert {module.eps for module in network.modules() if isinstance(module, LocalNorm2d)} == {1e-3}
    assert network(torch.randn(2, *SHAPE)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("timm:resnet18", "timm", "timm"), ("efficientnet-lite0", "efficientnet_lite_pytorch", "cars")],
)
def test_a_missing_package_names_the_command_that_installs_it(monkeypatch, name, module, extra):
    class Hidden:
        def find_spec(self, wanted, path=None, target=None):
            if wanted == module:
                raise ModuleNotFoundError(f"No module named '{module}'", name=module)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    with pytest.raises(LnbenchError, match=rf"pip install 'robustbench_ln\[{extra}\]'"):
        built(name)


@pytest.mark.parametrize(
    ("name", "shape", "part"),
    [
        ("torchvision:resnet81", SHAPE, "'resnet81'. Did you mean 'resnet18'"),
        ("torchvision:resnet18", (1, 32, 32), "3 channels.*have 1"),
        ("torchvision:squeezenet1_1", SHAPE, "no BatchNorm2d"),
        ("torchvision:", SHAPE, "Unknown network 'torchvision:'"),
        ("torchvison:resnet18", SHAPE, "Unknown network.*torchvision:NAME"),
        ("mnist-nte", SHAPE, "Did you mean 'mnist-net'"),
    ],
)
def test_what_cannot_be_built_is_a_sentence(name, shape, part):
    with pytest.raises(LnbenchError, match=part):
        built(name, shape=shape)


def test_a_benchmark_may_name_such_a_network(tmp_path):
    assert check_network("timm:resnet18.a1_in1k") == "timm:resnet18.a1_in1k"
    config = tmp_path / "benchmarks.yaml"
    config.write_text(
        "benchmarks: {cars: {title: t, data: 'folder:x', network: 'torchvision:resnet152', "
        "norms: {batchnorm: {}}, train: {epochs: 1, batch_size: 16, learning_rate: 0.001}}}"
    )
    assert load_declared(config).benchmark("cars").network == "torchvision:resnet152"
