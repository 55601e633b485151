"""Where texts of curves stand: none is cut off, written over another, or written over the curves."""

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from robustbench_ln.report.curves import draw_home_curves, draw_mode_curves, home_styles
from robustbench_ln.report.drawing import fill
from robustbench_ln.report.exhibit import uri_content
from robustbench_ln.report.inputs import gather
from robustbench_ln.report.matrix_picture import _pooled, pooling

SVG = "{http://www.w3.org/2000/svg}"
MODES = ("batch", "single", "single-voting", "voting")
LONG = "a-benchmark-with-a-rather-long-name-that-goes-on-for-more-than-fifty-letters"
STANDARDISED = {"noise": "agn-uniform-additive", "rescale": True, "space": "standardised"}


@pytest.mark.parametrize(
    ("networks", "benchmarks", "modes", "sigmas", "noises"),
    [
        (1, ["mnist"], 1, ("0",), [{}]),
        (1, ["mnist"], 4, ("0", "0.5", "2"), [{}]),
        (2, ["mnist"], 4, ("0", "0.1", "0.2"), [{}, STANDARDISED]),
        (4, ["mnist"], 4, ("0", "0.25", "1"), [{}]),
        (8, ["mnist"], 4, ("0", "10", "100"), [STANDARDISED]),
        (20, ["mnist"], 1, ("0", "1"), [{}, STANDARDISED]),
        (2, [LONG, f"{LONG}-2", LONG.upper()], 4, ("0", "1"), [{}, STANDARDISED]),
    ],
)
def test_no_text_is_cut_off_or_written_over(maker, networks, benchmarks, modes, sigmas, noises):
    for seed, benchmark, mode, noise in itertools.product(range(networks), benchmarks, MODES[:modes], noises):
        maker.curve(
            range(len(sigmas)),
            sigmas,
            norm="localnorm",
            options={"groups": 10},
            mode=mode,
            seed=seed,
            benchmark=benchmark,
            data="mnist",
            coupled=mode in ("batch", "voting"),
            classes=9,
            **noise,
        )
    (data,) = gather(maker.store, maker.data_dir).data
    for noise in data.noises:
        home, several = draw_home_curves(data, noise, home_styles(data)), draw_mode_curves(data, noise)
        assert (several is None) == (modes == 1)
        for exhibit in filter(None, (home, several)):
            drawing = ElementTree.fromstring(uri_content(exhibit.picture.uri))
            _, _, width, height = map(float, drawing.get("viewBox").split())
            texts = boxes(drawing)
            for text, (left, top, right, bottom) in texts:
                assert left >= 0 and top >= 0 and right <= width and bottom <= height, text
            for (text, box), (other, room) in itertools.combinations(texts, 2):
                assert not overlap(box, room), f"{text} over {other}"
            for panel in panels(drawing):
                assert [text for text, box in texts if overlap(box, panel)] == []


def boxes(drawing):
    """Return each text with its left, top, right and bottom, in the font that letters are measured in."""
    found = []
    for element in drawing.iter(f"{SVG}text"):
        style, moved = element.get("style"), element.get("transform")
        if place := re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", moved):
            x, y = map(float, place.groups())
        else:
            assert moved.startswith("rotate(-0 ")
            x, y = float(element.get("x")), float(element.get("y"))
        size = float(re.search(r"font-size: ([\d.]+)px", style)[1])
        font = FontProperties(family="DejaVu Sans", size=size)
        width, height, descent = text_to_path.get_text_width_height_descent(element.text, font, False)
        anchor = re.search(r"text-anchor: (\w+)", style)
        left = x - {"start": 0, "middle": width / 2, "end": width}[anchor[1] if anchor else "start"]
        found.append((element.text, (left, y - height + descent, left + width, y + descent)))
    return found


def panels(drawing):
    """Return the left, top, right and bottom of each panel."""
    found = []
    for path in drawing.iter(f"{SVG}path"):
        if "fill: #ffffff" in path.get("style", "") and path.get("d").rstrip().endswith("z"):
            numbers = [float(number) for number in re.findall(r"[-\d.]+", path.get("d"))]
            xs, ys = numbers[::2], numbers[1::2]
            found.append((min(xs), min(ys), max(xs), max(ys)))
    # The first is the figure itself.
    assert len(found) > 1
    return found[1:]


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("text", ["word", "a few words that are too long for one line", LONG, LONG.upper()])
@pytest.mark.parametrize("inches", [1.0, 2.0])
def test_a_text_is_broken_where_it_has_to_be(text, inches):
    lines = fill(text, inches, 9).split("\n")
    font = FontProperties(family="DejaVu Sans", size=9)
    widths = [text_to_path.get_text_width_height_descent(line, font, False)[0] / 72 for line in lines]
    assert max(widths) <= inches
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert (len(lines) == 1) == (text == "word")


@pytest.mark.parametrize("count", [100, 101, 196, 250])
def test_no_class_vanishes_from_a_large_matrix(count):
    share = np.zeros((count, count))
    np.fill_diagonal(share, 0.7)
    share[3, count - 1] = 0.9
    factor = pooling(count)
    small = _pooled(share, factor)
    assert len(small) <= 100
    assert (np.diag(small) == 0.7).all()
    assert small[3 // factor, (count - 1) // factor] == 0.9
    assert np.isnan(_pooled(np.full((count, count), np.nan), factor)).all()
