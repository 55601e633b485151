"""A damaged checkpoint is loaded, or refused with a sentence before it takes memory that its bytes do not."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save

from robustbench_ln import LnbenchError
from robustbench_ln.models.registry import build_network
from robustbench_ln.models.sources import load_source
from robustbench_ln.models.state_files import read_state
from tests.mutations import mutated

#: Codes of pickle that build, name and join things.
CODES = b"().0123bcdehijlopqrstuRQKMX]}\x85\x86\x87\x88\x89\x8a"


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return build_network("mnist-net", image_shape=(1, 28, 28), num_classes=4, norm="batchnorm").state_dict()


def load(path):
    return load_source(str(path), network="mnist-net", image_size=28)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return a pickle with one to three of its bytes changed, left out or added."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        place, change = chance.randrange(len(changed)), chance.random()
        if change < 0.6:
            changed[place] = chance.randrange(256)
        elif change < 0.8:
            del changed[place : place + chance.randint(1, 5)]
        else:
            changed.insert(place, chance.choice(CODES))
    return bytes(changed)


class Checkpoints:
    """One state in each format, to be damaged where names, types and shapes stand."""

    def __init__(self, state) -> None:
        new, old = io.BytesIO(), io.BytesIO()
        torch.save(state, new)
        torch.save(state, old, _use_new_zipfile_serialization=False)
        with zipfile.ZipFile(new) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.old, self.tensors = old.getvalue(), save(dict(state))

    def damaged(self, kind: str, chance: random.Random) -> bytes:
        if kind == "old":
            return damaged(self.old[:3000], chance) + self.old[3000:]
        if kind == "safetensors":
            (length,) = struct.unpack("<Q", self.tensors[:8])
            header = json.dumps(mutated(json.loads(self.tensors[8 : 8 + length]), chance)).encode()
            return struct.pack("<Q", len(header)) + header + self.tensors[8 + length :]
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in self.members.items():
                archive.writestr(name, damaged(content, chance) if name.endswith("data.pkl") else content)
        return file.getvalue()


def load_damaged(checkpoints, folder, count: int, seed: int) -> list[int]:
    """Load damaged checkpoints; return how many were refused and how many were not."""
    chance = random.Random(seed)
    outcomes = [0, 0]
    for _ in range(count):
        kind = chance.choice(("new", "new", "old", "safetensors"))
        path = folder / f"w.{'safetensors' if kind == 'safetensors' else 'pt'}"
        path.write_bytes(checkpoints.damaged(kind, chance))
        try:
            load(path)
            outcomes[1] += 1
        except LnbenchError:
            outcomes[0] += 1
    return outcomes


def test_some_damaged_checkpoints_are_loaded_or_refused_with_a_sentence(state, tmp_path):
    refused, loaded = load_damaged(Checkpoints(state), tmp_path, 60, seed=1)
    assert refused > 30
    assert loaded > 0


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_damaged_checkpoints_are_loaded_or_refused_with_a_sentence(seed, state, tmp_path):
    load_damaged(Checkpoints(state), tmp_path, 1000, seed=100 + seed)


@pytest.mark.parametrize("content", [b".", b"0.", b"K.", b"e.", b"(R.", b"\x80\x02G.", b"}Nb.", b"\x82."])
def test_a_file_of_a_few_bytes_is_a_sentence(content, tmp_path):
    path = tmp_path / "w.pt"
    path.write_bytes(content)
    with pytest.raises(LnbenchError, match=r"w\.pt"):
        read_state(path)


@pytest.mark.parametrize(
    "versions",
    [
        1,
        "x",
        [],
        {1: {"version": 2}},
        {"": 3},
        {"": None},
        {"": {"version": "2"}},
        {"conv1": {"version": []}},
    ],
)
def test_odd_versions_of_layers_are_left_aside(versions, state, tmp_path):
    odd = OrderedDict(state)
    own = state._metadata
    odd._metadata = {**own, **versions} if isinstance(versions, dict) else versions
    torch.save(odd, tmp_path / "w.pt")
    loaded = load(tmp_path / "w.pt").network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def huge(tensor, dim):
    """Return one value as a tensor of a billion rows or columns."""
    shape = list(tensor.shape)
    shape[dim] = 10**9
    return tensor.reshape(-1)[:1].expand(shape)


@pytest.mark.parametrize(("place", "dim"), [(0, 1), (-1, 0), (-2, 0)])
def test_a_layer_that_claims_more_than_its_bytes_hold_is_refused(place, dim, state, tmp_path):
    layers = [name for name, tensor in state.items() if tensor.dim() == 4][:1]
    layers += [name for name, tensor in state.items() if tensor.shape[:1] == (4,)]
    name = layers[place]
    torch.save({**state, name: huge(state[name], dim)}, tmp_path / "w.pt")
    with pytest.raises(LnbenchError, match=r"more than the file holds|of another shape"):
        load(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:.*[Ss]parse")
@pytest.mark.parametrize("make", [lambda tensor: tensor.to("meta"), lambda tensor: tensor.to_sparse()])
def test_a_layer_without_plain_values_is_refused(make, state, tmp_path):
    name = next(name for name, tensor in state.items() if tensor.shape[:1] == (4,))
    torch.save({**state, name: make(state[name])}, tmp_path / "w.pt")
    with pytest.raises(LnbenchError, match=f"cannot be used: {name}"):
        load(tmp_path / "w.pt")
