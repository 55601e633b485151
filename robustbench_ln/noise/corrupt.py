"""Apply a noise family to images: the registry, the options that all families share, and `add_noise`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.noise import bernoulli, gaussian, lighting, poisson, standard, uniform
from robustbench_ln.noise.draws import FloatArray, draw
from robustbench_ln.noise.family import NoiseFamily
from robustbench_ln.noise.grid import parse_sigmas
from robustbench_ln.noise.ready_made import corruption_of, ready_made
from robustbench_ln.plugins import Registry, bare, other_version

if TYPE_CHECKING:
    import torch

    Images = TypeVar("Images", FloatArray, torch.Tensor)

NOISES: Registry[NoiseFamily] = Registry(
    "noise",
    (
        gaussian.AGN,
        gaussian.AGN_ADDITIVE,
        uniform.AGN_UNIFORM,
        uniform.AGN_UNIFORM_ADDITIVE,
        uniform.AGN_UNIFORM_CENTRED,
        uniform.AGN_BACKGROUND,
        poisson.APN,
        poisson.APN_ADDITIVE,
        poisson.APN_ADDITIVE_255,
        bernoulli.MBN,
        bernoulli.MBN_PIXEL,
        lighting.DARKEN,
        lighting.LOW_CONTRAST,
        standard.GAUSSIAN,
        standard.SHOT,
        standard.IMPULSE,
        standard.SPECKLE,
    ),
)
Space = Literal["pixel", "standardised"]


def find_noise(name: str) -> NoiseFamily:
    """Return the noise family of a name; of one of the user's in another version, all but how to apply it.

    Raises:
        UnknownNameError: no family has the name.
        LnbenchError: the user's code for it cannot be loaded.
    """
    found = NOISES.look_up(name)
    if "@" not in name or found.name == name:
        return found

    def refuse(images: FloatArray, sigma: float, drawn: FloatArray) -> FloatArray:
        raise other_version("noise", name, found.name, found.origin)

    return replace(found, name=name, apply=refuse)


def sigma_value(noise: NoiseFamily, sigma: str) -> float:
    """Return a sigma's number, checked against what the family allows.

    Raises:
        LnbenchError: sigma is above the family's largest, or below its smallest and not 0.
    """
    value = float(sigma)
    if noise.max_sigma is not None and value > noise.max_sigma:
        raise LnbenchError(
            f"Sigma {sigma} is too large for noise '{noise.name}': sigma is the {noise.sigma}.",
            f"Use a sigma of 0 to {noise.max_sigma:g}.",
        )
    if noise.min_sigma is not None and 0 < value < noise.min_sigma:
        raise LnbenchError(
            f"Sigma {sigma} is too small for noise '{noise.name}': sigma is the {noise.sigma}.",
            f"Use 0, or a sigma of {noise.min_sigma:g} or more.",
        )
    return value


def default_sigmas(noise: NoiseFamily) -> tuple[str, ...]:
    """Return the grid of a noise for which none is given: nine sigmas to 4, or to its largest below."""
    return parse_sigmas(f"0:{min(4.0, noise.max_sigma or 4.0):g}")


@dataclass(frozen=True)
class NoiseSpec:
    """A noise family with the options that all families share.

    Attributes:
        name: the family; of one of the user's with its version.
        clip: clip the noisy images to [0, 1]; the paper and its code do not. Always true of a family whose
            definition clips, so that its images have one name.
        rescale: map each channel of the whole noisy set by min-max to the range of that channel in the
            training set, as the authors do for CIFAR-10.
        space: "pixel" adds noise to images in [0, 1]; "standardised" adds it after the model's own
            normalization, as the authors do for ResNet32.
        ready_made: the images were corrupted elsewhere; the name says how, and sigma is their severity.

    Raises:
        LnbenchError: an unknown family or space, or `clip` outside the pixel space.
    """

    name: str
    clip: bool = False
    rescale: bool = False
    space: Space = "pixel"
    ready_made: bool = False

    @classmethod
    def stored(cls, name: str, clip: bool, rescale: bool, space: Space) -> NoiseSpec:
        """Return the noise of a measured cell, by its columns in `load_results`."""
        return cls(name, clip, rescale, space, ready_made=corruption_of(name) is not None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.family.name)
        if self.family.clipped:
            object.__setattr__(self, "clip", True)
        if self.space not in get_args(Space):
            raise UnknownNameError("noise space", self.space, get_args(Space))
        if self.clip and self.space != "pixel":
            raise LnbenchError(
                "Noise in the standardised space cannot be clipped to [0, 1]: its images are not in [0, 1].",
                f"Use --space pixel: a clip belongs to the definition of '{self.name}'."
                if self.family.clipped
                else "Leave out --clip or use --space pixel.",
            )

    @property
    def family(self) -> NoiseFamily:
        """Its family, that of ready-made images included."""
        return ready_made(self.name) if self.ready_made else find_noise(self.name)

    @property
    def text(self) -> str:
        """Its name and options in few words, such as "agn-uniform rescaled standardised"."""
        return noise_text(self.name, self.clip, self.rescale, self.space)

    def is_clean(self, sigma: str) -> bool:
        """Return whether the noisy images at a sigma, a decimal string, are those of the data set."""
        return float(sigma) == 0 and self.family.clean_at_zero and not self.rescale and not self.ready_made

    def identity(self) -> dict[str, Any]:
        """Return what changes the noisy images, for a cell's identity."""
        return {name: value for name, value in asdict(self).items() if name != "ready_made"}

    def corrupt(
        self,
        images: FloatArray,
        sigma: str,
        seed: int,
        indices: npt.NDArray[np.int64],
        *,
        keep_draws: bool = False,
    ) -> FloatArray:
        """Return noisy images (N, C, H, W) float32, before any rescaling to the training range.

        Args:
            images: (N, C, H, W) float32, in [0, 1] or standardised according to `space`.
            sigma: a decimal string.
            seed: the noise seed.
            indices: (N,) positions of the images in their data set, which key the random numbers.
            keep_draws: the same images come again at another sigma.
        """
        noise = self.family
        _, channels, height, width = images.shape
        random = draw(noise.kind, seed, bare(noise.name), indices, (channels, height, width), keep=keep_draws)
        noisy = noise.apply(images, sigma_value(noise, sigma), random)
        if self.clip:
            np.clip(noisy, 0, 1, out=noisy)
        return noisy


def noise_text(name: str, clip: bool, rescale: bool, space: str) -> str:
    """Return a noise's name and options in few words, whether or not its code is there.

    >>> noise_text("agn-uniform", False, True, "standardised")
    'agn-uniform rescaled standardised'
    """
    given = {"clipped": clip, "rescaled": rescale, space: space != "pixel"}
    return " ".join([name, *(option for option, is_given in given.items() if is_given)])


def rescale_channels(images: FloatArray, observed: FloatArray, wanted: FloatArray) -> FloatArray:
    """Map each channel linearly so that its observed range becomes the wanted one.

    Args:
        images: (N, C, H, W) float32.
        observed: (2, C) minimum and maximum of each channel over the whole noisy set.
        wanted: (2, C) minimum and maximum of each channel over the training set.

    Returns:
        (N, C, H, W) float32. A channel without any spread is mapped to the wanted minimum.
    """
    spread = observed[1] - observed[0]
    scale = np.divide(wanted[1] - wanted[0], spread, out=np.zeros_like(spread), where=spread > 0)
    column = (1, -1, 1, 1)
    rescaled: FloatArray = (images - observed[0].reshape(column)) * scale.reshape(column)
    rescaled += wanted[0].reshape(column)
    return rescaled


def add_noise(
    images: Images,
    noise: str,
    *,
    sigma: float | str,
    seed: int = 0,
    indices: Sequence[int] | None = None,
    clip: bool = False,
) -> Images:
    """Return images with noise added; nothing is changed in place and no global random state is touched.

    Args:
        images: (N, C, H, W) float32 in [0, 1], a NumPy array or a tensor (on any device).
        noise: a family's name, see `NOISES`.
        sigma: the strength, 0 or more; its meaning and largest value are the family's.
        seed: names the repeat.
        indices: (N,) positions of the images in their data set, 0 to N-1 when left out. An image's noise
            depends on (seed, noise, index) alone, and one draw serves every sigma. `darken` and
            `low-contrast` draw nothing.
        clip: clip the result to [0, 1]; the paper does not, `gaussian`, `shot`, `impulse` and `speckle` do.

    Returns:
        Noisy images of the same shape, kind and device, float32, not limited to [0, 1] unless clipped.

    Raises:
        LnbenchError: an unknown noise, a sigma the family does not allow, or images of another shape or
            type.

    Example:
        >>> import numpy as np
        >>> noisy = add_noise(np.full((2, 1, 4, 4), 0.5, np.float32), "mbn", sigma=0.5)
        >>> sorted(set(noisy.ravel().tolist()))
        [0.0, 0.5]

    Source:
        LocalNorm paper (arXiv 1902.06550), section 4, and its authors' code; each family names its own.
    """
    spec = NoiseSpec(noise, clip=clip)
    sigmas = parse_sigmas(str(sigma))
    if len(sigmas) > 1:
        raise LnbenchError(f"add_noise takes one sigma, but '{sigma}' names {len(sigmas)}.")
    shape, dtype = tuple(getattr(images, "shape", ())), str(getattr(images, "dtype", type(images).__name__))
    if len(shape) != 4 or dtype not in ("float32", "torch.float32"):
        raise LnbenchError(
            f"Images must be (N, C, H, W) float32 in [0, 1], but are {shape} {dtype}.",
            "Divide uint8 images by 255 first.",
        )
    array = images if isinstance(images, np.ndarray) else images.detach().cpu().numpy()
    positions = np.arange(len(array)) if indices is None else np.asarray(indices)
    if positions.shape != (len(array),):
        raise LnbenchError(f"Expected {len(array)} indices (one per image), got {positions.size}.")
    if not np.issubdtype(positions.dtype, np.integer) or (positions < 0).any():
        raise LnbenchError("Indices must be integers of 0 or more.")
    noisy = spec.corrupt(array, sigmas[0], seed, positions)
    if isinstance(images, np.ndarray):
        return noisy
    import torch

    return torch.from_numpy(noisy).to(images.device)
