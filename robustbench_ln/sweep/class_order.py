"""Whether a network and a data set mean the same by a label; importing this file does not import torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from robustbench_ln.data.dataset import DataSet
from robustbench_ln.errors import LnbenchError
from robustbench_ln.store.stored import StoredModel

_SHOWN = 6
_FIRST = 2
_ORDER = "A folder's classes are numbered by their names in alphabetical order."


def check_classes(model: StoredModel, data: DataSet) -> None:
    """Make sure that a network knows the classes of a data set, in its order.

    Raises:
        LnbenchError: other names, or the same in another order.
    """
    trained = model.card.get("class_names")
    tested = data.info.classes
    if trained is None or same_classes(trained, tested):
        return
    if sorted(trained) == sorted(tested):
        place = next(number for number, name in enumerate(trained) if name != tested[number])
        raise LnbenchError(
            f"Model '{model.id}' has the classes of '{data.info.name}' in another order: "
            f"its output {place} is '{trained[place]}', but class {place} of the data is '{tested[place]}'.",
            f"{_ORDER} Put a number of as many digits before each name, such as 000-{trained[0]}, "
            "in the order of the network, and give it these names.",
        )
    different = sorted(set(trained) ^ set(tested))
    raise LnbenchError(
        f"Model '{model.id}' knows other classes than '{data.info.name}': {', '.join(different[:_SHOWN])}.",
        "Test it on data with the classes it was trained on.",
    )


def class_note(model: StoredModel, data: DataSet) -> str:
    """Return how outputs are taken for classes where no names tell; empty where names do."""
    classes = data.info.classes
    if model.card.get("class_names") is not None or model.card["recipe"]["classes"] != len(classes):
        return ""
    numbered = all(name.isdecimal() for name in classes) and list(classes) != sorted(classes, key=int)
    more = (
        f" Its folders are numbers: '{classes[2]}' is class 2. Write them with as many digits, such as 02, "
        "if outputs are in the order of the numbers."
        if numbered
        else ""
    )
    places = [*range(min(len(classes), _FIRST)), *range(_FIRST, len(classes))[-1:]]
    taken = [f"{place} is '{classes[place]}'" for place in places]
    if len(classes) > len(places):
        taken.insert(_FIRST, "...")
    return (
        f"Nothing says what the outputs of {model.id.partition('.')[0]} are called, so they are taken in the "
        f"order of the classes of {data.info.name}: {', '.join(taken)}.{more}"
    )


def same_classes(trained: Sequence[str], tested: Sequence[str]) -> bool:
    """Return whether labels mean the same: equal names in equal order.

    ImageNet's folders have WordNet ids for names, and its networks count their classes in the order of those.
    """
    imagenet = len(trained) == 1000 and trained[0] == "tench" and trained[-1] == "toilet tissue"
    return list(trained) == list(tested) or (is_imagenet(tested) and imagenet)


def is_imagenet(classes: Sequence[str]) -> bool:
    """Return whether classes are named as in ImageNet's folders."""
    return len(classes) == 1000 and all(re.fullmatch(r"n\d{8}", name) for name in classes)
