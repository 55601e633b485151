"""A conversion is a training of zero epochs: stored, loaded, and measured like any other model."""

import json

import pytest
import torch
from torch import nn
from torchvision import models

from robustbench_ln import LnbenchError, LocalNorm2d, convert_norm
from robustbench_ln.identity import content_hash
from robustbench_ln.models.card import publish_draft
from robustbench_ln.models.convert import convert_source
from robustbench_ln.models.sources import load_source, source_of_model
from robustbench_ln.models.weights import load_network
from robustbench_ln.norms.sets import laid_out
from robustbench_ln.store.store import Store
from robustbench_ln.store.weights import weights_hash

NAME = "torchvision:shufflenet_v2_x0_5"


def randomised(network):
    """Give BatchNorm2d layers random parameters and running statistics."""
    torch.manual_seed(4)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.1)
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(randomised(models.shufflenet_v2_x0_5(num_classes=6)).state_dict(), path)
    return load_source(str(path), network=NAME, image_size=32, mean=(0.5,), std=(0.25,))


def converted(source, norm="localnorm", **options):
    given = options or ({"groups": 4} if norm == "localnorm" else {})
    return convert_source(source, norm, given, run_id="run", batch_size=8)


def test_one_group_on_a_batch_equals_resnet18_on_batch_statistics():
    torch.manual_seed(0)
    original = randomised(models.resnet18(num_classes=5))
    local, x = convert_norm(original, "localnorm", groups=1), torch.randn(8, 3, 32, 32)
    for module in original.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()  # PyTorch's own branch for the statistics of the batch
    with torch.inference_mode(), laid_out(local, torch.zeros(1, dtype=torch.int64)):
        torch.testing.assert_close(local(x), original(x), atol=1e-5, rtol=1e-5)


def test_what_was_replaced_is_told(source):
    done = converted(source)
    own = [module for module in source.network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [layer.channels for layer in done.layers] == [module.num_features for module in own]
    assert done.layers[0].name == "conv1.1"
    assert done.norm_options == {"groups": 4, "eps": 1e-5}
    gamma_and_beta = 2 * sum(module.num_features for module in own)
    assert done.parameters_after - done.parameters_before == 3 * gamma_and_beta


@pytest.mark.parametrize("norm", ["localnorm", "batchnorm", "switchnorm", "layernorm"])
def test_what_is_stored_loads_to_the_same_bits(source, tmp_path, norm):
    done = converted(source, norm)
    model = publish_draft(done.draft, Store(tmp_path))
    assert [one.id for one in Store(tmp_path).models()] == [model.id]
    loaded, x = load_network(model), torch.randn(8, 3, 32, 32)
    options = {"groups": 4} if norm == "localnorm" else {}
    assert torch.equal(loaded(x), convert_norm(source.network, norm, **options)(x))


def test_the_card_is_that_of_a_training_of_zero_epochs(source, tmp_path):
    model = publish_draft(converted(source).draft, Store(tmp_path))
    card = json.loads((model.folder / "model.json").read_text())
    recipe = card["recipe"]
    assert recipe["train"] == {"epochs": 0, "batch_size": 8}
    assert recipe["start"] == {"source": "small.pth", "weights": weights_hash(source.network.state_dict())}
    assert (recipe["benchmark"], recipe["network"], recipe["data"]) == ("small", NAME, None)
    assert recipe["preprocessing"] == {"mean": [0.5] * 3, "std": [0.25] * 3}
    assert (recipe["image_shape"], recipe["classes"], recipe["seed"]) == ([3, 32, 32], 6, 0)
    without_label = {key: value for key, value in recipe.items() if key != "benchmark"}
    assert card["recipe_id"] == content_hash(without_label)
    assert model.id == f"small-localnorm-s0.{card['recipe_id']}.{card['weights']}"
    assert (card["test_accuracy"], card["home_mode"]) == (None, "batch")
    assert (card["how"]["run_id"], card["how"]["image_size"]) == ("run", 32)
    header = (model.folder / "history.csv").read_text().strip()
    assert header == "epoch,learning_rate,loss,train_accuracy,test_accuracy,seconds,loading_seconds,load"


def test_the_same_conversion_has_the_same_name_and_another_has_another(source, tmp_path):
    store = Store(tmp_path)
    first = publish_draft(converted(source).draft, store)
    again = convert_source(source, "localnorm", {"groups": 4}, run_id="later", batch_size=8).draft
    assert again.id == first.id
    assert again.stored(store).card["how"]["run_id"] == "run"
    assert publish_draft(again, store).card == first.card
    others = [
        converted(source, groups=2),
        converted(source, groups=4, eps=0.1),
        converted(source, "batchnorm"),
    ]
    assert len({first.id, *(other.draft.id for other in others)}) == 4


def test_a_stored_network_converts_and_keeps_its_data_seed_and_batch(source, tmp_path):
    store = Store(tmp_path)
    stored = publish_draft(converted(source, "batchnorm").draft, store)
    stored.card["recipe"] |= {"data": {"name": "d", "checksum": "c"}, "seed": 7}
    stored.card["how"] |= {"data": "folder:~/d", "image_size": 32}
    done = convert_source(source_of_model(stored), "localnorm", {"groups": 2}, run_id="run")
    recipe = done.draft.card["recipe"]
    assert recipe["start"] == {"source": stored.id, "weights": stored.card["weights"]}
    assert (recipe["data"]["name"], recipe["seed"], recipe["train"]["batch_size"]) == ("d", 7, 8)
    assert (done.draft.card["how"]["data"], recipe["benchmark"]) == ("folder:~/d", "small-batchnorm")
    x = torch.randn(4, 3, 32, 32)
    expected = convert_norm(source.network, "localnorm", groups=2)(x)
    assert torch.equal(load_network(publish_draft(done.draft, store))(x), expected)


def test_eps_that_differs_between_layers_is_built_again(tmp_path, monkeypatch):
    def mixed(**options):
        network = models.shufflenet_v2_x0_5(num_classes=options["num_classes"])
        network.conv1[1].eps = 0.5
        return network

    monkeypatch.setattr(
        "torchvision.models.get_model", lambda name, weights=None, **options: mixed(**options)
    )
    done = convert_source(
        load_source(f"{NAME}:none", image_size=32, classes=3), "localnorm", {"groups": 1}, run_id="r"
    )
    assert done.norm_options == {"groups": 1}
    loaded = load_network(publish_draft(done.draft, Store(tmp_path)))
    assert sorted({m.eps for m in loaded.modules() if isinstance(m, LocalNorm2d)}) == [1e-5, 0.5]


@pytest.mark.parametrize("other", [nn.BatchNorm1d(3), nn.LayerNorm(3)])
def test_another_norm_stays_and_is_told(other):
    torch.manual_seed(0)
    source = load_source(f"{NAME}:none", image_size=32, classes=3)
    source.network.fc = nn.Sequential(source.network.fc, other)
    assert converted(source).kept == {"fc.1": type(other).__name__}


@pytest.mark.parametrize(
    ("norm", "options", "batch", "name", "part"),
    [
        ("localnorm", {"groups": 3}, 8, None, "8 images does not divide into 3 groups.*such as 6"),
        ("localnorm", {"groups": 0}, 8, None, "0 groups"),
        ("ghostbatchnorm", {"groups": 3}, 8, None, "8 images does not divide into 3 groups"),
        ("localnorm", {}, 8, None, "needs its option 'groups'"),
        ("batchnorm", {"groups": 3}, 8, None, "'groups'"),
        ("none", {}, 8, None, "would drop"),
        ("localnorm", {"groups": 2}, 8, "a.b", "'a.b' is not a valid name"),
    ],
)
def test_a_mistake_is_a_sentence(source, norm, options, batch, name, part):
    with pytest.raises(LnbenchError, match=part):
        convert_source(source, norm, options, run_id="r", batch_size=batch, name=name)


def test_a_network_without_batchnorm_says_what_it_has_instead():
    with pytest.raises(
        LnbenchError, match=r"'torchvision:squeezenet1_1:none' has no BatchNorm2d.*no norm at all"
    ):
        converted(load_source("torchvision:squeezenet1_1:none", image_size=32, classes=2))


def test_a_stored_network_of_another_norm_is_not_converted(source, tmp_path):
    local = source_of_model(publish_draft(converted(source).draft, Store(tmp_path)))
    with pytest.raises(LnbenchError, match="has norm 'localnorm', not BatchNorm"):
        convert_source(local, "batchnorm", run_id="r")
    batch = source_of_model(publish_draft(converted(source, "batchnorm").draft, Store(tmp_path)))
    with pytest.raises(LnbenchError, match="'batchnorm' already"):
        convert_source(batch, "batchnorm", run_id="r")
