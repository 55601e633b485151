"""Uniform noise: what the LocalNorm authors' code adds under the name of Gaussian noise."""

from __future__ import annotations

import numpy as np

from robustbench_ln.noise.draws import FloatArray
from robustbench_ln.noise.family import NoiseFamily


def _proportional(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    return images * (1 + np.float32(sigma) * uniform)


def _additive(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    return images + np.float32(sigma) * uniform


def _centred(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    return images * (1 + np.float32(sigma) * (uniform - np.float32(0.5)))


def _background(images: FloatArray, sigma: float, uniform: FloatArray) -> FloatArray:
    return np.where(images == 0, np.float32(sigma) * uniform, np.float32(1))


AGN_UNIFORM = NoiseFamily(
    name="agn-uniform",
    formula="x(1+sigma U), U ~ U[0, 1)",
    sigma="range of the relative noise",
    source="LocalNorm authors' code, CIFAR-10 and Stanford Cars",
    kind="uniform",
    apply=_proportional,
)
AGN_UNIFORM_ADDITIVE = NoiseFamily(
    name="agn-uniform-additive",
    formula="x+sigma U, U ~ U[0, 1)",
    sigma="range of the added noise on the [0, 1] scale",
    source="LocalNorm authors' code, MNIST 'foreground'",
    kind="uniform",
    apply=_additive,
)
AGN_UNIFORM_CENTRED = NoiseFamily(
    name="agn-uniform-centred",
    formula="x(1+sigma(U-0.5)), U ~ U[0, 1)",
    sigma="range of the relative noise, centred on 0",
    source="LocalNorm authors' code, second variant",
    kind="uniform",
    apply=_centred,
)
AGN_BACKGROUND = NoiseFamily(
    name="agn-background",
    formula="sigma U where x = 0, else 1, U ~ U[0, 1)",
    sigma="range of the background's noise on the [0, 1] scale; sigma 0 sets every stroke to 1",
    source="LocalNorm authors' code, MNIST 'background'",
    kind="uniform",
    apply=_background,
    clean_at_zero=False,
)
