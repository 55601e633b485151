"""A store of cells whose every prediction is known, and the labels they are held against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robustbench_ln.data.dataset import Arrays, DataInfo, Decoded, limited, write_decoded
from robustbench_ln.identity import content_hash
from robustbench_ln.store.store import Store, write_card
from robustbench_ln.store.stored import Counts

CLASSES = 3


class Measured:
    """Publishes cells from whether each image is right; nothing is trained."""

    def __init__(self, folder: Path, images: int = 60, name: str = "toy") -> None:
        self.store = Store(folder / "results")
        self.data_dir = folder / "data"
        self.data = name
        self.labels = np.arange(images) % CLASSES
        decoded = self.data_dir / "decoded" / f"{name}-1"
        decoded.mkdir(parents=True)
        pixels = np.arange(images * 4).reshape(images, 1, 2, 2).astype(np.uint8)
        arrays = Arrays(pixels, self.labels)
        write_decoded(Decoded(name, tuple("abc"), arrays, arrays), decoded)
        self.checksum = DataInfo.read(decoded).splits["test"].checksum

    def used(self, limit=None):
        """Return the labels of the images in use."""
        return self.labels[limited(len(self.labels), limit)]

    def cell(
        self,
        right,
        norm="batchnorm",
        mode="frozen",
        sigma="0",
        *,
        seed=0,
        limit=None,
        noise="agn",
        space="pixel",
        noise_seed=0,
        mean=0.0,
        batch_size=None,
        order="shuffled",
        order_seed=0,
        blend=None,
        weights="b",
        checksum=None,
        predictions=None,
        images=None,
    ):
        """Publish a cell with the given images right and return its name.

        Args:
            right: for each image in use; wrong ones are called the next class.
            batch_size: of a mode that couples images; None for one that does not.
            images: checksum of ready-made corrupted images.
            predictions: other ones than those that were counted.
        """
        labels = self.used(limit)
        predicted = np.where(right, labels, (labels + 1) % CLASSES)
        confusion = np.zeros((CLASSES, CLASSES), np.int64)
        np.add.at(confusion, (labels, predicted), 1)
        coupling = {"batch_size": batch_size, "set_size": batch_size, "order": order}
        identity = {
            "protocol": 1,
            "model": {
                "id": f"toy-{norm}-s{seed}.{'a' * 12}.{weights * 12}",
                "benchmark": "toy",
                "network": "net",
                "norm": norm,
                "norm_options": {"groups": 2} if norm == "localnorm" else {},
                "preprocessing": {"mean": [mean], "std": [1.0]},
                "seed": seed,
            },
            "data": {
                "name": self.data,
                "split": "test",
                "checksum": checksum or self.checksum,
                "limit": limit,
                **({} if images is None else {"images": images}),
            },
            "noise": {"name": noise, "clip": False, "rescale": False, "space": space, "sigma": sigma},
            "seed": noise_seed,
            "mode": {"name": mode, "vote": None, **(blend or {})},
            "coupling": None if batch_size is None else coupling | {"order_seed": order_seed},
            "dtype": "float32",
        }
        cell = f"{norm}-{mode}-{noise}-{sigma}-{content_hash(identity)}"
        found = predicted if predictions is None else np.asarray(predictions)
        assert self.store.publish_cell(cell, identity, Counts(confusion, found), {})
        return cell

    def card(self, cell, more):
        """Publish the card of a cell's network, with more in its recipe."""
        recipe = self.store.identity(cell)["model"]
        name = recipe.pop("id")
        card = {"schema": 1, "how": {"run_id": "r"}, "recipe": recipe | more}
        self.store.publish_model(name, lambda folder: write_card(folder, card))


def first(count, images=60):
    """Return that the first few images are right."""
    return np.arange(images) < count
