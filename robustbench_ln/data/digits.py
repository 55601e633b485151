"""The embedded data set: scikit-learn's 1,797 handwritten digits, brought to MNIST's shape."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from robustbench_ln.data.dataset import Arrays, Decoded

#: Test images of the fixed split.
TEST_IMAGES = 497


def fingerprint() -> str:
    """Return what the decoded arrays depend on: the release of scikit-learn, and the split."""
    return f"scikit-learn {version('scikit-learn')}, {TEST_IMAGES} test images"


def decode() -> Decoded:
    """Return the digits as (N, 1, 28, 28) uint8, 1,300 for training and 497 for testing.

    Each pixel of the 8x8 images (0..16) becomes 3x3 pixels of 0..255, with a border of 2 around them, before
    any noise. The split is stratified and fixed.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    grey = np.rint(raw.images * (255 / 16)).astype(np.uint8)
    large = np.pad(grey.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))[:, None]
    labels = raw.target.astype(np.int64)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_IMAGES, stratify=labels, random_state=0
    )

    def take(indices: npt.NDArray[np.int64]) -> Arrays:
        return Arrays(np.ascontiguousarray(large[indices]), labels[indices])

    return Decoded("digits", tuple("0123456789"), take(np.sort(train)), take(np.sort(test)))
