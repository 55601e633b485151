"""Noise: one file a family, each a pure function of (images in [0, 1], sigma, random numbers)."""

from robustbench_ln.noise.corrupt import NOISES, NoiseSpec, add_noise, find_noise, noise_text, sigma_value
from robustbench_ln.noise.family import NoiseFamily
from robustbench_ln.noise.grid import parse_sigmas

__all__ = [
    "NOISES",
    "NoiseFamily",
    "NoiseSpec",
    "add_noise",
    "find_noise",
    "noise_text",
    "parse_sigmas",
    "sigma_value",
]
