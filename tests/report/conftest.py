"""Stores written by hand: no training, counts chosen so that every number is known beforehand."""

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from robustbench_ln.data.dataset import Arrays, DataInfo, Decoded, write_decoded
from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import content_hash
from robustbench_ln.report.build import build_report
from robustbench_ln.store.store import Store
from robustbench_ln.store.stored import Counts


class Maker:
    """Adds cells, networks, invocations and data to one store."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "results")
        self.data_dir = folder / "data"

    def cell(
        self,
        norm="batchnorm",
        mode="frozen",
        sigma="0",
        correct=8,
        images=10,
        classes=4,
        *,
        options=None,
        seed=0,
        benchmark="bench",
        model=None,
        data="toy",
        checksum="c0ffee",
        limit=None,
        noise="agn",
        clip=False,
        rescale=False,
        space="pixel",
        noise_seed=0,
        batch_size=5,
        coupled=False,
        order="shuffled",
        order_seed=0,
        blend=None,
        run="run-1",
    ):
        """Publish a cell of which `correct` images are on the diagonal and the rest beside it."""
        options = {"eps": 1e-5} if options is None else options
        model = model or f"{benchmark}-{norm}-s{seed}.{'a' * 12}.{'b' * 12}"
        identity = {
            "protocol": 1,
            "model": {
                "id": model,
                "benchmark": benchmark,
                "network": "mnist-net",
                "norm": norm,
                "norm_options": options,
                "preprocessing": {"mean": [0.0], "std": [1.0]},
                "seed": seed,
            },
            "data": {"name": data, "split": "test", "checksum": checksum, "limit": limit},
            "noise": {"name": noise, "clip": clip, "rescale": rescale, "space": space, "sigma": sigma},
            "seed": noise_seed,
            "mode": {"name": mode, "vote": "majority" if "voting" in mode else None, **(blend or {})},
            "coupling": {
                "batch_size": batch_size,
                "set_size": batch_size,
                "order": order,
                "order_seed": order_seed,
            }
            if coupled
            else None,
            "dtype": "float32",
        }
        confusion = np.zeros((classes, classes), dtype=np.int64)
        for image in range(images):
            true = image % classes
            confusion[true, true if image < correct else (true + 1) % classes] += 1
        cell = f"{norm}-{mode}-{noise}-{sigma}-{content_hash(identity)}"
        how = {"run_id": run, "torch": "2.0", "threads": 1, "device": "cpu", "host": "0000"}
        assert self.store.publish_cell(cell, identity, Counts(confusion, np.zeros(images, np.int64)), how)
        return cell

    def curve(self, corrects, sigmas=("0", "1", "2"), **settings):
        """Publish a cell for each sigma."""
        return [
            self.cell(sigma=sigma, correct=correct, **settings)
            for sigma, correct in zip(sigmas, corrects, strict=True)
        ]

    def model(self, model, **recipe):
        """Write the card of a network."""
        folder = self.store.root / "models" / model
        folder.mkdir(parents=True)
        card = {
            "schema": 1,
            "parameters": 1234,
            "test_accuracy": 0.875,
            "recipe": {
                "benchmark": "bench",
                "network": "mnist-net",
                "norm": "batchnorm",
                "norm_options": {"eps": 1e-5},
                "seed": 0,
                "preprocessing": {"mean": [0.0], "std": [1.0]},
                **recipe,
            },
            "how": {"run_id": "", "threads": 2, "cores": 2, "torch": "2.0", "seconds": 3.21},
        }
        (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")

    def run(self, run="run-1", command="lnbench corrupt-eval", dirty=False, sweep=None):
        """Write the record of an invocation."""
        request = {} if sweep is None else {"sweep": sweep}
        self.store.publish_run(
            run,
            {
                "command": command,
                "started": "2026-01-01T00:00:00+00:00",
                "request": request,
                "versions": {"python": "3.11", "torch": "2.0"},
                "hardware": {"cpu": "a processor"},
                "code": {"commit": "1234567890abcdef", "dirty": dirty},
            },
        )

    def decoded(self, classes=("a", "b", "c", "d"), side=6, channels=1):
        """Write a decoded data set and return the checksum of its test images."""
        images = np.arange(10 * channels * side * side) % 256
        images = images.reshape(10, channels, side, side).astype(np.uint8)
        labels = np.arange(10) % len(classes)
        folder = self.data_dir / "decoded" / "toy-1"
        folder.mkdir(parents=True)
        arrays = Arrays(images, labels)
        write_decoded(Decoded("toy", tuple(classes), arrays, arrays), folder)
        return DataInfo.read(folder).splits["test"].checksum


@pytest.fixture
def maker(tmp_path, monkeypatch):
    """A store of its own, and no data but its own."""
    monkeypatch.setenv("LNBENCH_DATA", str(tmp_path / "nowhere"))
    return Maker(tmp_path)


class Page(HTMLParser):
    """A page taken apart; complains about tags that are not closed in order."""

    VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.html = path.read_text(encoding="utf-8")
        self.open = []
        self.tags = []
        self.tables = {}
        self.text = ""
        self._rows = self._cell = None
        self._caption = None
        self.feed(self.html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in self.VOID:
            return
        self.open.append(tag)
        if tag == "table":
            self._rows = []
        elif tag == "caption":
            self._caption = ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell = ""

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows
            self._caption = None
        elif tag in ("td", "th"):
            self._rows[-1].append(self._cell.strip())
            self._cell = None

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")
        if self._cell is not None:
            self._cell += data.replace("\N{NO-BREAK SPACE}", " ")
        elif "caption" in self.open:
            self._caption += data

    def all(self, tag):
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    def table(self, start):
        """Return the rows of the one table whose caption starts so, each as a dictionary by heading."""
        (found,) = [rows for caption, rows in self.tables.items() if caption.startswith(start)]
        return [dict(zip(found[0], row, strict=True)) for row in found[1:]]

    def csv(self, name):
        """Return a download as a table."""
        (link,) = [link for link in self.all("a") if link.get("download") == name]
        return pd.read_csv(io.BytesIO(base64.b64decode(link["href"].partition(",")[2])))

    def svgs(self):
        """Return the drawings as XML trees, which fails where one is not well formed."""
        return [
            ElementTree.fromstring(base64.b64decode(image["src"].partition(",")[2]))
            for image in self.all("img")
        ]


@pytest.fixture
def words(build, monkeypatch):
    """Build the page without its drawings, which take most of the time."""
    for name in ("draw_home_curves", "draw_mode_curves", "draw_samples"):
        monkeypatch.setattr(f"robustbench_ln.report.contents.{name}", lambda *given: None)
    monkeypatch.setattr("robustbench_ln.report.contents.draw_confusions", _no_matrix)
    return build


def _no_matrix(*given):
    raise LnbenchError("not drawn")


@pytest.fixture
def build(maker):
    """Build the report of the store and take the page apart."""

    def build_page(**settings):
        return Page(build_report(maker.store, data_dir=maker.data_dir, **settings).path)

    return build_page


@pytest.fixture
def take_apart():
    """Return the class that takes a written page apart."""
    return Page
