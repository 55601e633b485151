"""Images that were corrupted elsewhere: a file's name stands for the noise, its severity for sigma."""

from __future__ import annotations

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily

_PREFIX = "corrupted-"


def ready_made_name(corruption: str) -> str:
    """Return what a corruption is called among noises, such as "corrupted-fog"."""
    return f"{_PREFIX}{corruption}"


def corruption_of(noise: str) -> str | None:
    """Return the corruption that a noise's name stands for, None for a noise that is made here."""
    return noise.removeprefix(_PREFIX) if noise.startswith(_PREFIX) else None


def ready_made(name: str) -> NoiseFamily:
    """Return the family of a ready-made corruption, which leaves its images as they were read."""
    return NoiseFamily(
        name=name,
        formula=f"the images of {corruption_of(name)}.npy, as they are",
        sigma="severity",
        source="a folder of corrupted images",
        kind="none",
        apply=_as_read,
        max_sigma=5,
        clean_at_zero=False,
    )


def _as_read(images: FloatArray, sigma: float, nothing: FloatArray) -> FloatArray:
    # In C order: files hold the channels last, and networks may round otherwise in another layout.
    return images.copy()
