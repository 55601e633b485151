"""Figure forms: that what is drawn and can be downloaded are the numbers of the cells."""

import base64
import io
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from robustbench_ln.noise import add_noise
from robustbench_ln.report.paper.groups import shown_sigmas
from robustbench_ln.report.paper.images import chosen_images
from robustbench_ln.report.paper.strip import strip_sigmas

SVG = "{http://www.w3.org/2000/svg}"


def texts(exhibit):
    """Return all texts of a drawing, which fails where it is no XML."""
    drawing = ElementTree.fromstring(base64.b64decode(exhibit.picture.uri.partition(",")[2]))
    return [element.text for element in drawing.iter(f"{SVG}text")]


def pictures(exhibit):
    drawing = ElementTree.fromstring(base64.b64decode(exhibit.picture.uri.partition(",")[2]))
    return list(drawing.iter(f"{SVG}image"))


def csv(shown):
    return pd.read_csv(io.BytesIO(base64.b64decode(shown.csv.partition(",")[2])))


def three_norms(lab, **settings):
    lab.cells(lab.network(), (9, 5, 1), **settings)
    lab.cells(lab.network("switchnorm"), (8, 6, 2), **settings)
    lab.cells(lab.network("localnorm"), (9, 8, 6), **settings)


def test_curves_show_home_modes_with_the_paper_s_numbers(lab):
    three_norms(lab)
    drawn = lab.draw("curves")
    (exhibit,) = drawn.exhibits
    table = csv(exhibit)
    ours = table[table["source"] == "ours"]
    assert ours.groupby("line")["accuracy"].apply(list).to_dict() == {
        "batchnorm": [0.9, 0.5, 0.1],
        "switchnorm": [0.8, 0.6, 0.2],
        "localnorm K=5": [0.9, 0.8, 0.6],
    }
    # Of the two printed numbers one is of a mode that the panel does not show.
    (paper,) = table[table["source"] == "paper"].to_dict("records")
    assert (paper["line"], paper["sigma"], paper["accuracy"]) == ("batchnorm", 1, pytest.approx(0.4467))
    assert {"batchnorm", "localnorm K=5", "paper", "agn (the paper's text)"} <= set(texts(exhibit))
    assert "not on this machine" in exhibit.caption


def test_curves_without_printed_numbers_have_no_entry_for_the_paper(lab):
    lab.cells(lab.network("switchnorm"), (8, 6, 2))
    (exhibit,) = lab.draw("curves").exhibits
    assert "paper" not in texts(exhibit)


def test_more_modes_come_in_a_second_figure_with_a_panel_a_norm(lab):
    three_norms(lab)
    model = lab.network(seed=1)
    lab.cells(model, (9, 5, 1))
    lab.cells(model, (8, 8, 8), mode="batch")
    lab.cells(model, (7, 7, 7), mode="batch", batch_size=10)
    paper, modes = lab.draw("curves").exhibits
    assert set(csv(paper)["mode"].dropna()) == {"frozen", "batch"}
    assert "Not in the paper" in modes.caption
    assert {"frozen", "batch", "batch, sets of 10"} <= set(texts(modes))


def test_one_norm_is_shown_in_its_modes_a_figure_a_benchmark(lab):
    for benchmark in ("net", "other"):
        model = lab.network("localnorm", benchmark=benchmark)
        lab.cells(model, (9, 8, 6))
        lab.cells(model, (9, 9, 7), mode="voting")
    first, second = lab.draw("modes").exhibits
    assert {"batch", "voting"} <= set(texts(first))
    assert "net" in first.caption
    assert "other" in second.caption


def test_a_benchmark_without_cells_is_told(lab):
    lab.cells(lab.network("localnorm"), (9, 8, 6))
    assert lab.draw("modes").remarks == ["Nothing is measured yet on other."]


def test_a_strip_of_the_test_image_stands_above_a_panel(lab):
    checksum = lab.maker.decoded()
    three_norms(lab, checksum=checksum)
    (exhibit,) = lab.draw("curves").exhibits
    assert len(pictures(exhibit)) == 3
    assert "one test image" in exhibit.caption


def test_images_of_a_strip_do_not_touch():
    grid = [0, 0.1, 0.2, 0.5, 0.8, 1, 1.5, 2, 2.5, 5]
    kept = strip_sigmas(grid, 3.0)
    assert kept[0] == 0
    assert set(kept) <= set(grid)
    assert min(np.diff(kept)) > 5 * 0.4 / 2.6
    assert strip_sigmas([1.0], 3.0) == [1.0]


def test_the_first_table_tells_the_difference_from_the_paper(lab):
    lab.cells(lab.network(), (9,), sigmas=("0",))
    lab.cells(lab.network("localnorm"), (8,), sigmas=("0",))
    (sheet,) = lab.draw("table1").sheets
    first, second = (dict(zip(sheet.table.columns, row, strict=True)) for row in sheet.table.rows)
    assert (first["norm"], first["paper"], first["ours - paper, points"]) == (
        "batchnorm",
        "85.00\xa0%",
        "+5.00",
    )
    assert (second["norm"], second["paper"], second["ours - paper, points"]) == ("localnorm K=5", "", "")
    assert csv(sheet)["accuracy"].tolist() == [0.9, 0.8]


def test_the_second_table_counts_as_keras_and_compares_seconds(lab):
    lab.network(seconds=[99.0, 10.0, 12.0, 11.0])
    lab.network("localnorm", seconds=[99.0, 22.0])
    (sheet,) = lab.draw("table2").sheets
    first, second = csv(sheet).to_dict("records")
    # Parameters of the network's definition, and of each norm 2 x (16 + 16 + 32 + 32) channels.
    assert first["parameters"] == second["parameters"] - 5 * 192 + 192 + 192
    assert first["parameters_paper"] == 1000
    assert (first["seconds"], second["seconds"]) == (11.0, 22.0)
    assert (second["ratio"], second["ratio_paper"]) == (2.0, 1.15)


def test_a_history_without_its_columns_is_told(lab):
    lab.network(seconds=[1.0, 1.0])
    model = lab.network(seed=1)
    (lab.store.root / "models" / model / "history.csv").write_text("epoch\n1\n")
    drawn = lab.draw("table2")
    assert any("no column learning_rate" in remark for remark in drawn.remarks)
    assert drawn.sheets


@pytest.mark.parametrize("channels", [1, 3])
def test_histograms_hold_every_value_and_need_no_network(lab, channels):
    lab.maker.decoded(channels=channels, side=20)
    # The benchmark declares mnist; a decoded set of that name serves.
    info = lab.data_dir / "decoded" / "toy-1" / "info.json"
    info.write_text(info.read_text().replace('"toy"', '"mnist"'))
    (exhibit,) = lab.draw("histograms").exhibits
    table = csv(exhibit)
    assert table["channel"].nunique() == channels
    sums = table.groupby(["noise", "sigma", "channel"])["share"].sum()
    assert (sums <= 1 + 1e-9).all()
    assert (sums >= 0.96).all()
    assert sums["agn", 0].to_numpy() == pytest.approx(1)
    # Fixed over the row.
    agn = table[table["noise"] == "agn"]
    assert agn.groupby("sigma")["from"].min().nunique() == 1
    assert agn["from"].min() < -0.1
    images = np.load(lab.data_dir / "decoded" / "toy-1" / "test_images.npy").astype(np.float32) / 255
    noisy = add_noise(images, "agn", sigma=2)[0, 0]
    rows = [row for row in exhibit.tables[0].rows if row[1] == "2"]
    assert float(rows[0][3]) == pytest.approx(noisy.std(), abs=1e-3)


def test_histograms_without_data_say_so(lab):
    drawn = lab.draw("histograms")
    assert drawn.empty
    assert drawn.remarks == ["The images of net are not on this machine."]


def test_badly_lit_images_are_right_or_wrong_as_the_predictions_say(lab):
    checksum = lab.maker.decoded()
    lab.cells(lab.network(), (9, 3), sigmas=("0", "0.5"), checksum=checksum, noise="darken")
    lab.cells(lab.network("localnorm"), (9, 8), sigmas=("0", "0.5"), checksum=checksum, noise="darken")
    drawn = lab.draw("lit")
    (exhibit,) = drawn.exhibits
    table = csv(exhibit)
    assert sorted(table["index"].unique()) == chosen_images(10, None).tolist()
    # The hand-written cells predict class 0 everywhere; labels go round four classes.
    assert set(table["predicted"]) == {"a"}
    assert (table["right"] == (table["index"] % 4 == 0)).all()
    assert any(text.startswith("\u2717 batchnorm") for text in texts(exhibit))
    (sheet,) = drawn.sheets
    assert sheet.table.columns == ["sigma", "batchnorm, frozen", "localnorm K=5, batch"]


def test_badly_lit_images_without_predictions_say_so(lab, monkeypatch):
    checksum = lab.maker.decoded()
    lab.cells(lab.network(), (9, 3), sigmas=("0", "0.5"), checksum=checksum, noise="darken")
    read = type(lab.store).counts

    def packed(store, cell):
        counts = read(store, cell)
        return type(counts)(counts.confusion, np.zeros(0, np.int64))

    monkeypatch.setattr(type(lab.store), "counts", packed)
    drawn = lab.draw("lit")
    assert not drawn.exhibits
    assert "hold no predictions" in drawn.remarks[0]
    assert len(drawn.sheets) == 1


def test_scales_have_a_line_a_group(lab):
    def scales(groups):
        return pd.DataFrame(
            {
                "epoch": epoch,
                "group": group,
                "gamma_mean": 1 - 0.1 * group,
                "gamma_var": 0.1,
                "beta_mean": 0.0,
            }
            | {"beta_var": 0.2}
            for epoch in (1, 2, 3)
            for group in range(groups)
        )

    lab.network(scales=scales(1))
    lab.network("localnorm", scales=scales(5))
    lab.network("localnorm", seed=1, scales=scales(5))
    (exhibit,) = lab.draw("scales").exhibits
    assert {"batchnorm", "group 1", "group 5", "mean of gamma", "variance of beta"} <= set(texts(exhibit))
    table = csv(exhibit)
    assert len(table) == 3 + 15
    assert set(table["seed"]) == {0}
    assert "from 0.6 to 1" in exhibit.alt


def test_networks_without_scales_say_so(lab):
    lab.network("localnorm")
    drawn = lab.draw("scales")
    assert drawn.empty
    assert "kept no record" in drawn.remarks[0]


@pytest.mark.parametrize("classes", [4, 196])
def test_confusions_are_the_counts_of_the_first_seed(lab, classes):
    cells = lab.cells(lab.network(), (30, 20, 10), images=400, classes=classes)
    lab.cells(lab.network(seed=1), (1, 1, 1), images=400, classes=classes)
    lab.cells(lab.network("localnorm"), (30, 30, 30), images=400, classes=classes)
    (exhibit,) = lab.draw("confusions").exhibits
    table = csv(exhibit)
    for sigma, cell in enumerate(cells):
        counts = lab.store.counts(cell).confusion
        own = table[(table["norm"] == "batchnorm") & (table["sigma"] == sigma)]
        drawn = np.zeros_like(counts)
        drawn[own["true"], own["predicted"]] = own["count"]
        assert (drawn == counts).all()
        assert own.groupby("true")["share"].sum().to_numpy() == pytest.approx(1)
    assert {"batchnorm", "localnorm K=5", "sigma 0", "100 %"} <= set(texts(exhibit))
    assert len(exhibit.picture.uri) < 200_000


def test_groups_have_bars_by_sigma(lab):
    for groups, corrects in ((1, (9, 5, 4)), (5, (9, 8, 7)), (10, (9, 6, 5))):
        lab.cells(lab.network(f"localnorm:groups={groups}", benchmark="groups"), corrects)
    (exhibit,) = lab.draw("groups").exhibits
    table = csv(exhibit)
    # Bars for 0 and the claims' sigma; the table to read has all.
    assert sorted(table["sigma"].unique()) == [0, 1]
    assert table[table["sigma"] == 1].set_index("groups")["accuracy"].to_dict() == {1: 0.5, 5: 0.8, 10: 0.6}
    assert len(exhibit.tables[0].rows) == 3
    assert "at sigma 1, K=5 is best with 80.00" in exhibit.alt
    assert {"number of groups K", "sigma 0", "1"} <= set(texts(exhibit))


def test_without_a_claim_a_few_sigmas_get_bars(lab):
    assert shown_sigmas(lab.item("groups"), "mbn", [0, 1, 2, 3, 4]) == [0, 1, 2, 4]


def test_copies_have_a_line_a_share_and_one_for_localnorm(lab):
    lab.cells(lab.network(), (9, 3, 1))
    lab.cells(lab.network("localnorm"), (9, 8, 7))
    lab.cells(lab.network(benchmark="noisy-10"), (9, 5, 2))
    lab.cells(lab.network(benchmark="noisy-100"), (8, 6, 4))
    (exhibit,) = lab.draw("copies").exhibits
    lines = csv(exhibit).groupby("line")["accuracy"].apply(list).to_dict()
    assert lines == {
        "batchnorm, no copies": [0.9, 0.3, 0.1],
        "batchnorm, 10 % noisy copies": [0.9, 0.5, 0.2],
        "batchnorm, 100 % noisy copies": [0.8, 0.6, 0.4],
        "localnorm K=5, no copies": [0.9, 0.8, 0.7],
    }
    assert set(lines) <= set(texts(exhibit))


def test_copies_on_batch_statistics_come_in_a_second_figure(lab):
    model = lab.network()
    lab.cells(model, (9, 3, 1))
    lab.cells(model, (9, 4, 2), mode="batch")
    home, batch = lab.draw("copies").exhibits
    assert csv(home)["mode"].unique().tolist() == ["frozen"]
    assert csv(batch)["mode"].unique().tolist() == ["batch"]
