"""How the images of a network from outside are standardised: what is known of it and what is given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from robustbench_ln.errors import LnbenchError
from robustbench_ln.models.library_weights import library_card
from robustbench_ln.models.source_names import SourceName

#: "mean" and "std" of each channel, of images in [0, 1].
Preprocessing = Mapping[str, tuple[float, ...]]


def known_preprocessing(
    named: SourceName,
    channels: int,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    remarks: list[str],
) -> tuple[Preprocessing, str]:
    """Return the mean and deviation in force, and where they come from.

    Args:
        named: the source.
        channels: C of the images.
        mean: given ones, of each channel or one for all, of images in [0, 1]; None for what is known.
        std: the same of the deviation.
        remarks: what the user should know is added.

    Raises:
        UnknownNameError: an unknown network or unknown weights.
        LnbenchError: as `chosen_preprocessing`, or the network's package is not installed.
    """
    if named.file is None:
        card = library_card(named.network, named.weights)
        usual, origin = {"mean": card.mean, "std": card.std}, card.origin
    else:
        usual, origin = (
            {"mean": (0.0,) * channels, "std": (1.0,) * channels},
            "not known",
        )
        if mean is None or std is None:
            remarks.append(
                "Nothing says how the images of this network are standardised: mean 0 and deviation 1 stand "
                "in for what was not given. Give --mean and --std, as in its training."
            )
    return chosen_preprocessing(usual, origin, channels, mean, std)


def chosen_preprocessing(
    usual: Preprocessing,
    origin: str,
    channels: int,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> tuple[Preprocessing, str]:
    """Return the mean and deviation in force, given ones over usual ones, and where they come from.

    Args:
        usual: the numbers without options.
        origin: where these come from.
        channels: C of the images.
        mean: given ones, of each channel or one for all, of images in [0, 1]; None for the usual ones.
        std: the same of the deviation.

    Raises:
        LnbenchError: neither one number nor one a channel, one that is not finite, a mean above 1, or a
            deviation that is not above 0.
    """
    given = (mean is not None) + (std is not None)
    if given:
        origin = "the options" if given == 2 else f"the options and {origin}"
    chosen: dict[str, tuple[float, ...]] = {}
    for key, values in (("mean", mean), ("std", std)):
        numbers = usual[key] if values is None else tuple(float(value) for value in values)
        if len(numbers) not in (1, channels):
            raise LnbenchError(
                f"--{key} has {len(numbers)} numbers, but the images have {channels} channels.",
                f"Give {channels} numbers, or one for all.",
            )
        chosen[key] = numbers * channels if len(numbers) == 1 else numbers
    if not all(math.isfinite(value) for values in chosen.values() for value in values):
        raise LnbenchError(
            "--mean or --std holds a number that is not finite.", "Give those of its training."
        )
    if any(value > 1 for value in chosen["mean"]):
        raise LnbenchError(
            "--mean holds a number above 1, but images are in [0, 1].",
            "Divide means and deviations of images in 0 to 255 by 255.",
        )
    if not all(value > 0 for value in chosen["std"]):
        raise LnbenchError(
            "--std holds a number that is not above 0.", "Give deviations of images in [0, 1]."
        )
    return chosen, origin
