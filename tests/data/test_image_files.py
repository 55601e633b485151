"""Whatever is wrong with the file of an image, it is named."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image, features

from robustbench_ln import LnbenchError
from robustbench_ln.data.image_files import readable

FORMATS = [
    kind for kind in ("PNG", "JPEG", "GIF", "TIFF", "AVIF") if kind != "AVIF" or features.check("avif")
]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_image_is_decoded_or_named(kind, tmp_path):
    chance = random.Random(0)
    pixels = np.random.default_rng(0).integers(0, 2, (12, 10), dtype=np.uint8) * 255
    whole = io.BytesIO()
    Image.fromarray(pixels).convert("1").save(whole, kind)
    refused = 0
    path = tmp_path / f"x.{kind.lower()}"
    for _ in range(150):
        content = bytearray(whole.getvalue())
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(min(len(content), 200))] = chance.randrange(256)
        path.write_bytes(content)
        try:
            with readable(path) as image:
                np.asarray(image.convert("RGB"))
        except LnbenchError as error:
            assert str(path) in error.message
            refused += 1
    assert refused
