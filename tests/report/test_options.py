"""A part of the results, another title, Markdown, and figures as files."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from robustbench_ln.errors import LnbenchError
from robustbench_ln.report.build import build_report
from robustbench_ln.report.selection import Selection
from robustbench_ln.store.frame import load_results


@pytest.fixture
def filled(maker):
    """Two networks, one in two modes, under two noises."""
    maker.decoded()
    for noise in ("agn", "mbn"):
        maker.curve((9, 7, 3), sigmas=("0", "0.5", "1"), noise=noise)
        local = {"norm": "localnorm", "options": {"groups": 5}, "noise": noise}
        maker.curve((9, 8, 6), sigmas=("0", "0.5", "1"), mode="batch", coupled=True, **local)
        maker.curve((8, 6, 4), sigmas=("0", "0.5", "1"), mode="single", **local)
    maker.run(command="lnbench corrupt-eval | cat")
    maker.model("bench-none-s0.a.b")
    return maker


def shown(page):
    return {(row["model"], row["noise"], row["mode"]) for row in page.table("All cells")}


@pytest.mark.parametrize(
    ("models", "noises", "kept"),
    [
        ((), (), 18),
        (("*localnorm*",), (), 12),
        (("*localnorm*:single",), (), 6),
        (("bench-localnorm-s0:batch", "*batchnorm*"), ("agn",), 6),
        ((), ("m*",), 9),
    ],
)
def test_a_page_of_a_part_says_so_and_shows_no_other_cell(models, noises, kept, filled, words):
    page = words(selection=Selection(models, noises))
    assert len(page.table("All cells")) == kept
    assert ("A selection" in page.text) == (kept != 18)
    assert kept == 18 or f"{kept} of 18 cells" in page.text
    assert len(page.csv("results.csv")) == kept
    assert len(load_results(filled.store.root)) == len(pd.read_csv(filled.store.root / "results.csv")) == 18
    # Nothing is said of what was not selected.
    assert ("bench-none-s0" in page.text) == (kept == 18)
    asked = {(row["network"], row["mode"]) for row in page.table("Sigmas measured")}
    assert kept == 18 or len(asked) == len({(model, mode) for model, _, mode in shown(page)})
    if noises == ("agn",):
        assert {noise for _, noise, _ in shown(page)} == {"agn"}
        assert {mode for _, _, mode in shown(page)} == {"batch", "frozen"}


@pytest.mark.parametrize(
    ("models", "noises", "said"),
    [
        (("nothing",), (), "matches 'nothing'"),
        (("*localnorm*:btch",), (), "Did you mean 'batch'?"),
        (("*batchnorm*:voting",), (), "voting"),
        ((), ("ang",), "Did you mean 'agn'?"),
        ((), ("z*",), "matches 'z*'"),
    ],
)
def test_a_selection_of_nothing_is_a_sentence(models, noises, said, filled):
    with pytest.raises(LnbenchError) as caught:
        build_report(filled.store, data_dir=filled.data_dir, selection=Selection(models, noises))
    assert said in str(caught.value)
    assert not filled.store.report.exists()


def test_another_selection_title_or_format_is_another_page(filled, words):
    first = words().html
    again = build_report(filled.store, data_dir=filled.data_dir)
    assert not again.rebuilt
    one = build_report(filled.store, data_dir=filled.data_dir, selection=Selection(("*localnorm*",)))
    assert one.rebuilt
    assert one.path.read_text() != first
    assert build_report(
        filled.store, data_dir=filled.data_dir, title="<b>&'\"", selection=Selection()
    ).rebuilt
    text = filled.store.report.read_text()
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text


def test_markdown_has_the_numbers_of_the_page(filled, build, maker):
    page = build()
    built = build_report(maker.store, data_dir=maker.data_dir, format="md", title="A | *title* <b>")
    assert built.path == maker.store.report.with_suffix(".md")
    text = built.path.read_text()
    parsed = MarkdownIt().enable("table").parse(text)
    words = ["".join(child.content for child in one.children) for one in parsed if one.type == "inline"]
    assert words[0] == "A | *title* <b>"
    headline = page.table("Accuracy on toy in home modes")
    for row in headline:
        assert row["clean accuracy"].replace(" best", "") in " ".join(words)
        assert row["95 % interval"] in words
    assert "lnbench corrupt-eval | cat" in text
    assert "data:" not in text, "figures stand in files, or not at all"
    assert not build_report(
        maker.store, data_dir=maker.data_dir, format="md", title="A | *title* <b>"
    ).rebuilt


def test_figures_are_files_that_show_the_same_every_time(filled, build, maker, tmp_path):
    page = build()
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        built = build_report(
            maker.store, tmp_path / f"{folder.name}.md", data_dir=maker.data_dir, format="md", figures=folder
        )
        names = sorted(path.name for path in folder.iterdir())
        assert built.figures == len(page.svgs()) == len(names) / 3
        assert f"({folder.name}/curves-toy-agn.svg)" in built.path.read_text()
    for name in names:
        first = (folders[0] / name).read_bytes()
        assert first == (folders[1] / name).read_bytes()
        assert b"/Type3" not in first
        if name.endswith(".pdf"):
            assert first.startswith(b"%PDF")
            assert b"CreationDate" not in first
        if name.endswith(".csv"):
            pd.testing.assert_frame_equal(pd.read_csv(folders[0] / name), page.csv(name))


def test_figures_whose_labels_make_one_name_are_each_shown(maker, tmp_path):
    for data, correct in (("a b", 1), ("a-b", 5), ("a_b", 9)):
        for sigma in ("0", "1"):
            maker.cell(data=data, checksum=data.encode().hex(), sigma=sigma, correct=correct)
    folder = tmp_path / "figures"
    built = build_report(
        maker.store, tmp_path / "page.md", data_dir=maker.data_dir, format="md", figures=folder
    )
    shown = re.findall(r"\((figures/curves-[^)]*[.]svg)\)", built.path.read_text())
    assert len(set(shown)) == len(shown) == 3
    assert built.figures == len(list(folder.glob("*.svg")))


def test_long_and_equal_names_of_figures_are_told_apart(filled, maker, tmp_path):
    long = "x" * 150
    for number in range(2):
        maker.cell(model=f"{long}{number}.a.b", benchmark=f"{long}{number}", seed=number)
    build_report(maker.store, tmp_path / "page.html", data_dir=maker.data_dir, figures=tmp_path / "figures")
    assert len(list((tmp_path / "figures").glob("*.pdf"))) == len(list((tmp_path / "figures").glob("*.svg")))


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_where_no_figure_can_be_is_a_sentence(place, filled, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(LnbenchError, match="--figures DIR"):
        build_report(filled.store, data_dir=filled.data_dir, figures=tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_unknown_format_is_a_sentence(filled):
    with pytest.raises(LnbenchError, match="Unknown format 'pdf'"):
        build_report(filled.store, data_dir=filled.data_dir, format="pdf")
