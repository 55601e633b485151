"""Load a network from outside: weights, architecture, and how its images are to be prepared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from robustbench_ln.devices import seeded
from robustbench_ln.errors import LnbenchError, first_line
from robustbench_ln.home import without_home
from robustbench_ln.models.library import library_network
from robustbench_ln.models.library_weights import Trained, library_card, library_weights
from robustbench_ln.models.preprocessing import Preprocessing, chosen_preprocessing, known_preprocessing
from robustbench_ln.models.python_source import make_network
from robustbench_ln.models.registry import build_network, check_network, is_library_network
from robustbench_ln.models.source_names import SourceName, parse_source
from robustbench_ln.models.state_files import (
    State,
    bytes_held,
    check_plain,
    fit_state,
    read_state,
    tensor_named,
)
from robustbench_ln.models.weights import load_network
from robustbench_ln.store.stored import StoredModel
from robustbench_ln.store.weights import weights_hash

#: Outputs of a network that is built to find out which layer makes them; no layer has as many channels.
_PROBE_CLASSES = 1009
_FRESH_CLASSES = 1000


@dataclass(frozen=True)
class Source:
    """A network from outside or from the store, with what is known of it.

    Attributes:
        network: in evaluation mode, with BatchNorm2d layers as its architecture has them.
        name: names the weights without a folder of this machine, the same at every time.
        network_name: of its architecture, for `build_network`.
        image_shape: (C, H, W) of its images.
        classes: number of outputs.
        class_names: of the outputs; None where they are not known.
        preprocessing: "mean" and "std" of each channel, of images in [0, 1].
        provenance: "weights", a hash of the tensors; "given", the source as named; "preprocessing", where
            that comes from.
        recorded: see `robustbench_ln.models.library_weights.Trained`.
        remarks: a sentence for each thing that the user should know.
        stored: the network's place in the store; None for one from outside.
    """

    network: nn.Module
    name: str
    network_name: str
    image_shape: tuple[int, int, int]
    classes: int
    class_names: tuple[str, ...] | None
    preprocessing: Preprocessing
    provenance: Mapping[str, Any]
    remarks: tuple[str, ...] = ()
    recorded: Mapping[str, Any] | None = None
    stored: StoredModel | None = field(default=None, repr=False)

    @property
    def description(self) -> str:
        """What it takes, the preprocessing in force among it, in a line."""
        channels, height, width = self.image_shape
        mean, std = (
            ", ".join(f"{value:.4g}" for value in self.preprocessing[key]) for key in ("mean", "std")
        )
        return (
            f"{self.name}: images of {channels}x{height}x{width} in {self.classes:,} classes; "
            f"x in [0, 1] becomes (x - ({mean})) / ({std}): {self.provenance['preprocessing']}."
        )

    @property
    def slug(self) -> str:
        """The start of a stored model's name: letters, digits, - and _."""
        bare = re.sub(r"\.(safetensors|pt|pth)$", "", self.name.removeprefix("python:"))
        return re.sub(r"[^A-Za-z0-9_]+", "-", bare).strip("-_") or "model"


def load_source(
    text: str,
    *,
    network: str | None = None,
    image_size: int | None = None,
    classes: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Source:
    """Load a network from outside. Nothing in a file of weights is executed.

    Args:
        text: `torchvision:NAME[:WEIGHTS]`, `timm:NAME[:none]`, `efficientnet-lite0[:none]`, or a file
            `*.safetensors`, `*.pt`, `*.pth` with a state dict. "none" is fresh weights of seed 0. The
            function of `python:MODULE:FUNCTION` is run.
        network: the architecture of a file's weights, as `build_network` takes it.
        image_size: H and W of the images; default what the architecture's card says.
        classes: number of outputs; default what the weights have. Another number makes the last layer fresh.
        mean: of each channel, of images in [0, 1]; default what the weights' card says, else 0.
        std: of each channel; default what the weights' card says, else 1.

    Raises:
        LnbenchError: an unknown source or network, weights that cannot be had or do not fit, a file that
            holds more than tensors, or images that the network does not take.
    """
    named = parse_source(text)
    if named.file is None and network is not None:
        raise LnbenchError(f"Source '{text}' knows its network.", "Leave out --network.")
    if named.file is not None and network is None:
        raise LnbenchError(
            f"The file '{text}' does not say which network its weights are of.",
            "Name it with --network, such as --network torchvision:resnet18.",
        )
    for what, number in (("image size", image_size), ("number of classes", classes)):
        if number is not None and number < 1:
            raise LnbenchError(f"{number} is no {what}.", "Give 1 or more.")
    if named.code:
        return _from_python(text, named, image_size, classes, mean, std)
    architecture = check_network(network or named.network)
    trained = _weights(named)
    state, class_names = (None, None) if trained is None else (trained.state, trained.class_names)
    size = image_size or _usual_size(architecture, named.weights)
    remarks: list[str] = []
    shape, outputs, built = _build(architecture, state, size, classes, text, remarks)
    preprocessing, origin = known_preprocessing(named, shape[0], mean, std, remarks)
    _check_takes(built, shape, outputs, architecture)
    return Source(
        built.eval(),
        _name(named, "none" if trained is None else trained.name),
        architecture,
        shape,
        outputs,
        class_names if class_names is not None and len(class_names) == outputs else None,
        preprocessing,
        {
            "given": without_home(text),
            "weights": weights_hash(built.state_dict()),
            "preprocessing": origin,
        },
        tuple(remarks),
        None if trained is None or classes is not None else trained.recorded,
    )


def _from_python(
    text: str,
    named: SourceName,
    image_size: int | None,
    classes: int | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> Source:
    """Return the network that a function of the user's makes, as a source."""
    made = make_network(named, image_size)
    if classes not in (None, made.classes):
        raise LnbenchError(
            f"'{text}' makes its last layer itself: it has {made.classes} outputs.", "Leave out --classes."
        )
    usual = {"mean": made.mean, "std": made.std}
    preprocessing, origin = chosen_preprocessing(usual, made.origin, made.image_shape[0], mean, std)
    return Source(
        made.network,
        named.network,
        f"{named.network}@{made.version}",
        made.image_shape,
        made.classes,
        made.class_names,
        preprocessing,
        {
            "given": without_home(text),
            "weights": weights_hash(made.network.state_dict()),
            "preprocessing": origin,
        },
    )


def source_of_model(model: StoredModel) -> Source:
    """Return a network of the store as a source.

    Raises:
        LnbenchError: its weights cannot be read.
    """
    recipe, names = model.card["recipe"], model.card.get("class_names")
    channels, height, width = recipe["image_shape"]
    return Source(
        load_network(model),
        model.id,
        recipe["network"],
        (channels, height, width),
        recipe["classes"],
        None if names is None else tuple(names),
        {key: tuple(values) for key, values in recipe["preprocessing"].items()},
        {"given": model.id, "weights": model.card["weights"], "preprocessing": "its card in the store"},
        stored=model,
    )


def _weights(named: SourceName) -> Trained | None:
    """Return the trained weights of a source; None for fresh ones."""
    if named.file is not None:
        return Trained(read_state(named.file), "", None)
    return None if named.weights == "none" else library_weights(named.network, named.weights)


def _name(named: SourceName, weights: str) -> str:
    """Return a name that says which weights these are, whatever a package's default is later."""
    if named.file is not None:
        return named.file.name
    if named.network.startswith("timm:") and weights != "none":
        # timm writes its weights' tag behind a dot.
        return ".".join(filter(None, [named.network.partition(".")[0], weights]))
    return ":".join(filter(None, [named.network, weights]))


def _usual_size(architecture: str, weights: str) -> int:
    if is_library_network(architecture):
        return library_card(architecture, weights).image_size
    raise LnbenchError(
        f"Network '{architecture}' is built for one size of images, which its weights do not say.",
        "Give it with --image-size N.",
    )


def _build(
    architecture: str,
    state: State | None,
    size: int,
    classes: int | None,
    text: str,
    remarks: list[str],
) -> tuple[tuple[int, int, int], int, nn.Module]:
    """Return the images' shape, the number of outputs, and the network with its weights."""
    shape = (3, size, size)
    if state is None:
        return shape, classes or _FRESH_CLASSES, _seeded(architecture, shape, classes or _FRESH_CLASSES)
    check_plain(state, f"'{text}'")
    probe = _seeded(architecture, shape, _PROBE_CLASSES)
    own = probe.state_dict()
    first = next(name for name, tensor in own.items() if tensor.dim() == 4)
    last = [name for name, tensor in own.items() if tensor.shape[:1] == (_PROBE_CLASSES,)]
    known = {name: tensor_named(state, probe, name) for name in (first, *last)}
    stem = known[first]
    if stem is not None and stem.dim() == 4:
        shape = (int(stem.shape[1]), size, size)
    sizes = [len(tensor) for tensor in (known[name] for name in last) if tensor is not None and tensor.dim()]
    outputs = sizes[0] if sizes else None
    if outputs is None:
        # No last layer to read a number off: let the comparison of names say what the file has instead.
        fit_state(probe, state, f"'{text}'")
        raise LnbenchError(f"Network '{architecture}' has no last layer to count classes by.")
    # A network of all that a file claims may fit into no memory; values that it has take a byte at the least.
    usual = own[first].numel() + sum(own[name].numel() for name in last)
    values = shape[0] * own[first][:, 0].numel() + outputs * sum(own[name][0].numel() for name in last)
    if values > max(usual, bytes_held(state)):
        raise LnbenchError(
            f"The weights of '{text}' are damaged: their first and last layers would have {values:,} values, "
            "more than the file holds.",
            "Save them again, from the network that they were trained in.",
        )
    built = _seeded(architecture, shape, classes or outputs)
    fresh = tuple(last) if classes not in (None, outputs) else ()
    fit_state(built, state, f"'{text}'", fresh=fresh)
    if fresh:
        remarks.append(
            f"The last layer is fresh: {classes} outputs in place of {outputs}. "
            "Train the network before its accuracy means anything."
        )
    return shape, classes or outputs, built


def _check_takes(network: nn.Module, shape: tuple[int, int, int], classes: int, architecture: str) -> None:
    """Run two grey images, so that what a network does not take is known before anything is stored."""
    size = f"{shape[0]}x{shape[1]}x{shape[2]}"
    try:
        with torch.inference_mode():
            logits = network.eval()(torch.zeros(2, *shape))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise LnbenchError(
            f"Network '{architecture}' does not take images of {size}: {first_line(error)}.",
            "Give another --image-size N.",
        ) from error
    if not isinstance(logits, Tensor) or logits.shape != (2, classes):
        raise LnbenchError(f"Network '{architecture}' does not return (N, {classes}) logits for images.")


def _seeded(architecture: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Build an architecture with its own norms, drawing as a training of seed 0 draws its initial weights."""
    with seeded(0, "weights"):
        if is_library_network(architecture):
            return library_network(architecture, shape, classes)
        return build_network(architecture, image_shape=shape, num_classes=classes, norm="batchnorm")
