"""Figures: that what is drawn, what can be read and what can be downloaded are the same numbers."""

import numpy as np
import pytest

from robustbench_ln.noise import add_noise
from robustbench_ln.report.drawing import line_styles
from robustbench_ln.report.inputs import gather, spread_sigmas
from robustbench_ln.report.samples import draw_samples

SVG = "{http://www.w3.org/2000/svg}"


def test_curves_show_the_counts(maker, build):
    maker.curve((9, 7, 3))
    maker.curve((8, 8, 6), norm="localnorm", options={"groups": 5}, mode="batch", coupled=True)
    maker.curve((7, 1, 1), mode="single")
    page = build()
    table = page.csv("curves-toy-agn.csv")
    assert table["line"].tolist() == ["batchnorm"] * 3 + ["localnorm K=5"] * 3
    assert table["sigma"].tolist() == [0, 1, 2] * 2
    assert table["accuracy"].tolist() == [0.9, 0.7, 0.3, 0.8, 0.8, 0.6]
    assert (table["low"] < table["accuracy"]).all()
    assert (table["high"] > table["accuracy"]).all()

    drawing = page.svgs()[0]
    assert {"batchnorm", "localnorm K=5", "chance", "25 %", "100 %", "0 %"} <= set(texts(drawing))
    assert any("relative to the pixel" in text for text in texts(drawing))
    assert "batchnorm has 90.00" in page.all("img")[0]["alt"]
    drawn = lines(drawing, points=3)
    for _, line in table.groupby("line"):
        assert any(np.allclose(heights, line["accuracy"], atol=1e-3) for heights in drawn)


def test_the_chance_line_stands_at_chance(maker, build):
    maker.curve((9, 7, 3), classes=4)
    assert any(np.allclose(heights, 1 / 4, atol=1e-3) for heights in lines(build().svgs()[0], points=2))


def texts(drawing):
    return [element.text for element in drawing.iter(f"{SVG}text")]


def lines(drawing, points):
    """Return the heights of all lines of a number of points, on the scale of the axis."""
    paths = [path.get("d").replace("M", " ").replace("L", " ").split() for path in drawing.iter(f"{SVG}path")]
    heights = [np.array(numbers[1::2], dtype=float) for numbers in paths if not {"z", "C"} & set(numbers)]
    label = {element.text: element.get("y") for element in drawing.iter(f"{SVG}text")}
    scale = float(label["0 %"]) - float(label["100 %"])
    # The axis and its grid lines are the level lines; the lowest is at 0 %.
    zero = max(line[0] for line in heights if len(line) == 2 and line[0] == line[1])
    return [(zero - line) / scale for line in heights if len(line) == points]


def test_modes_have_a_panel_a_network(maker, build):
    maker.curve((9, 7, 3))
    maker.curve((9, 8, 6), mode="batch", coupled=True)
    maker.curve((8, 7, 7), norm="layernorm", mode="eval")
    page = build()
    table = page.csv("modes-toy-agn.csv")
    assert sorted(set(zip(table["model"], table["line"], strict=True))) == [
        ("bench-batchnorm-s0.aaaaaaaaaaaa.bbbbbbbbbbbb", "batch (coupled)"),
        ("bench-batchnorm-s0.aaaaaaaaaaaa.bbbbbbbbbbbb", "frozen"),
    ]
    assert {"frozen", "batch (coupled)", "batchnorm"} <= set(texts(page.svgs()[1]))


def test_confusion_matrices_are_the_counts(maker, build):
    cells = maker.curve((8, 6, 5, 4, 0), sigmas=("0", "1", "2", "3", "4"), images=8)
    page = build()
    table = page.csv("confusion-toy-agn-batchnorm.csv")
    assert sorted(table["sigma"].unique()) == [0, 1, 2, 4]
    for sigma, cell in ((0, cells[0]), (1, cells[1]), (2, cells[2]), (4, cells[4])):
        counts = maker.store.counts(cell).confusion
        drawn = np.zeros_like(counts)
        own = table[table["sigma"] == sigma]
        drawn[own["true"], own["predicted"]] = own["count"]
        assert (drawn == counts).all()
        assert own.groupby("true")["share"].sum().to_numpy() == pytest.approx(1)
    rows = page.table("Images of batchnorm on toy under agn")
    assert len(rows) == 4 * 4
    assert rows[0] == {"sigma": "0", "true": "0", "0": "2", "1": "0", "2": "0", "3": "0"}


def test_collapse_tells_the_most_predicted_class(maker, words):
    # Half of the images are of class 0 and go to it; one of class 1 goes to class 2, and so on.
    maker.cell(correct=2, images=2, classes=2)
    maker.cell(sigma="1", correct=2, images=3, classes=2)
    top, entropy = words().table("Collapse on toy under agn")
    assert top == {"network": "batchnorm", "measure": "most predicted class", "0": "50.00 %", "1": "66.67 %"}
    assert entropy["0"] == "100.00 %"
    assert entropy["1"] == f"{100 * -(np.log2(2 / 3) * 2 / 3 + np.log2(1 / 3) / 3):.2f} %"


def test_many_classes_are_listed_by_their_confusions(maker, build):
    maker.cell(correct=30, images=60, classes=30)
    page = build()
    rows = page.table("Most frequent confusions of batchnorm")
    assert len(rows) == 10
    assert {row["images"] for row in rows} == {"1"}
    assert {row["share of the true class"] for row in rows} == {"50.00 %"}


@pytest.mark.parametrize(
    ("sigmas", "kept"),
    [([0.5], [0.5]), ([0, 1], [0, 1]), ([0, 0.1, 4], [0, 0.1, 4]), (range(9), [0, 2, 4, 8])],
)
def test_few_sigmas_spread_over_the_grid(sigmas, kept):
    assert spread_sigmas(sigmas) == kept


def test_many_lines_stay_apart():
    families = {f"norm {norm}, seed {seed}": f"norm {norm}" for norm in range(9) for seed in range(3)}
    styles = line_styles(families, list(dict.fromkeys(families.values())))
    looks = {(styles.colours[label], styles.markers[label], styles.dashes[label]) for label in families}
    assert len(looks) == len(families)


def test_samples_are_the_noisy_images(maker, build):
    checksum = maker.decoded()
    maker.curve((9, 7), sigmas=("0", "2"), checksum=checksum, noise_seed=5)
    page = build()
    table = page.csv("samples-toy-agn.csv")
    assert table["class"].tolist() == ["a", "b", "c", "d"] * 2
    images = np.load(maker.data_dir / "decoded" / "toy-1" / "test_images.npy").astype(np.float32) / 255
    noisy = add_noise(images, "agn", sigma=2, seed=5)[:4]
    shown = table[table["sigma"] == 2]
    assert shown["maximum"].to_numpy() == pytest.approx(noisy.max((1, 2, 3)), rel=1e-6)
    outside = ((noisy < 0) | (noisy > 1)).mean((1, 2, 3))
    assert shown["outside"].to_numpy() == pytest.approx(outside)
    assert "shown clipped to [0, 1]" in page.text


@pytest.mark.parametrize(
    "options", [{"clip": True}, {"rescale": True}, {"space": "standardised"}, {"noise": "agn-background"}]
)
def test_samples_take_every_option(maker, options):
    checksum = maker.decoded(side=70, channels=3)
    maker.curve([5] * 12, sigmas=[str(sigma) for sigma in range(12)], checksum=checksum, **options)
    inputs = gather(maker.store, maker.data_dir)
    (data,) = inputs.data
    exhibit = draw_samples(data, data.noises[0], inputs.identities)
    assert "One pixel in 2 is shown along each side." in exhibit.caption
    rows = exhibit.tables[0].rows
    assert len(rows) == 4
    # A rescaling reads the whole noisy set at each sigma, so few are shown.
    assert len(rows[0]) == 2 + (4 if options.get("rescale") else 9)
    if options.get("clip") or options.get("rescale"):
        assert {share for row in rows for share in row[2:]} == {"0.00\N{NO-BREAK SPACE}%"}
