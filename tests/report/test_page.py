"""What the page says, against independent arithmetic; that it is safe, whole and calls nobody."""

import base64
import hashlib
import itertools
import re

import pytest
from scipy import stats

from robustbench_ln.intervals import wilson_interval


def test_the_headline_is_plain_arithmetic(maker, words):
    maker.curve((18, 12, 4), images=20, seed=3)
    (row,) = words().table("Accuracy on toy in home modes")
    low, high = wilson_interval(18, 20)
    assert row["network"] == "batchnorm"
    assert row["clean accuracy"] == "90.00 %"
    assert row["95 % interval"] == f"{100 * low:.2f} to {100 * high:.2f} %"
    # Trapezoids over sigma 0, 1, 2: (0.9 + 0.6) / 2 and (0.6 + 0.2) / 2, divided by 2.
    assert row["mean accuracy over sigma"] == "57.50 %"
    # Half of 90 % is 45 %, between 60 % at 1 and 20 % at 2.
    assert row["sigma at half accuracy"] == "1.38"
    assert row["sigmas"] == "0 to 2 (3)"
    assert row["test images"] == "20"
    assert (row["training seed"], row["repeats"]) == ("3", "1")


def test_the_best_is_marked_in_words(maker, words):
    maker.curve((9, 7, 3))
    maker.curve((8, 8, 8), norm="layernorm", mode="eval")
    page = words()
    batchnorm, layernorm = page.table("Accuracy on toy in home modes")
    assert batchnorm["clean accuracy"] == "90.00 % best"
    assert layernorm["clean accuracy"] == "80.00 %"
    assert layernorm["mean accuracy over sigma"] == "80.00 % best"
    assert layernorm["sigma at half accuracy"] == "above 2 best"
    assert "<strong>90.00" in page.html


def test_other_sigmas_are_not_compared(maker, words):
    maker.curve((9, 7, 3))
    maker.curve((8, 8), sigmas=("0", "1"), norm="layernorm", mode="eval")
    page = words()
    assert not any("best" in row["mean accuracy over sigma"] for row in page.table("Accuracy on toy in home"))
    assert "measured at other sigmas" in page.text


def test_one_training_seed_is_owned_up_to_and_several_are_averaged(maker, words):
    maker.curve((9, 7, 3))
    page = words()
    assert "One training seed: differences between norms include seed-to-seed luck." in page.text
    assert not any(caption.startswith("Mean over training seeds") for caption in page.tables)

    maker.curve((7, 7, 5), seed=1)
    maker.curve((8, 7, 5), seed=2)
    page = words()
    assert "One training seed" not in page.text
    (row,) = page.table("Mean over training seeds on toy")
    assert row["training seeds"] == "0, 1, 2"
    low, _ = stats.t.interval(0.95, 2, loc=80, scale=stats.sem([90, 70, 80]))
    assert row["clean accuracy"] == f"80.00 % ({low:.2f} to 100.00 %)"
    assert [row["network"] for row in page.table("Accuracy on toy in home modes")] == [
        "batchnorm, seed 0",
        "batchnorm, seed 1",
        "batchnorm, seed 2",
    ]


def test_networks_that_differ_in_more_than_their_seed_are_not_averaged(maker, words):
    for seed, correct in enumerate((9, 7)):
        maker.curve((correct, 5, 3), seed=seed)
        maker.curve((correct - 4, 3, 1), seed=seed, benchmark="other")
    rows = words().table("Mean over training seeds on toy")
    assert [row["clean accuracy"] for row in rows] == [
        "80.00 % (0.00 to 100.00 %)",
        "40.00 % (0.00 to 100.00 %)",
    ]
    assert len({row["norm"] for row in rows}) == 2


def test_repeats_of_a_network_are_one_draw_of_its_seed(maker, words):
    for noise_seed, correct in enumerate((9, 7)):
        maker.curve((correct, 5, 3), noise_seed=noise_seed)
    maker.curve((6, 5, 3), seed=1)
    (row,) = words().table("Mean over training seeds on toy")
    assert row["clean accuracy"] == "70.00 % (0.00 to 100.00 %)"


def test_modes_that_couple_images_are_named(maker, build):
    maker.curve((9, 7, 3))
    maker.curve((9, 8, 6), mode="batch", coupled=True)
    page = build()
    assert "The mode batch couples images" in page.text
    assert (
        "batch (coupled)"
        in page.tables["Accuracy of batchnorm on toy under agn by mode, with 95 % interval"][0]
    )


def test_without_home_modes_the_page_says_so(maker, words):
    maker.curve((9, 7, 3), mode="single")
    page = words()
    assert "Not measured in the home mode of their norm" in page.text
    assert "no network was measured in the home mode of its norm" in page.text
    assert "every network was measured in one mode only" in page.text
    assert len(page.tables["All cells"]) == 1 + 3


def test_missing_is_blank(maker, build):
    maker.curve((9, 3), sigmas=("0", "2"))
    maker.curve((9, 8, 6), norm="layernorm", mode="eval")
    page = build()
    rows = page.table("Accuracy on toy under agn, with 95 % interval")
    assert [row["sigma"] for row in rows] == ["0", "1", "2"]
    assert rows[1]["batchnorm"] == ""
    assert rows[1]["layernorm"].startswith("80.00 %")
    coverage = {row["network"]: row["agn"] for row in page.table("Sigmas measured on toy")}
    assert coverage == {"batchnorm": "2 of 3 missing: 1", "layernorm": "3 of 3"}


def test_a_single_sigma_still_shows(maker, build):
    maker.cell(sigma="0.5", correct=6)
    page = build()
    (row,) = page.table("Accuracy on toy in home modes")
    assert row["clean accuracy"] == row["mean accuracy over sigma"] == row["sigma at half accuracy"] == ""
    assert row["sigmas"] == "0.5"
    assert page.csv("curves-toy-agn.csv")["accuracy"].tolist() == [0.6]
    assert "where sigma 0 was not measured" in page.text


def test_data_sets_stand_apart(maker, words):
    maker.curve((9, 7, 3), data="one", checksum="1111")
    maker.curve((8, 6, 2), data="two", checksum="2222", classes=5)
    # The same name, other images.
    maker.curve((5, 5, 5), data="two", checksum="3333", classes=5)
    page = words()
    clean = {
        caption: rows[1][3]
        for caption, rows in page.tables.items()
        if caption.startswith("Accuracy on") and caption.endswith("in home modes")
    }
    assert clean == {
        "Accuracy on one in home modes": "90.00 %",
        "Accuracy on two, 2222 in home modes": "80.00 %",
        "Accuracy on two, 3333 in home modes": "50.00 %",
    }
    assert "The images of one are not on this machine" in page.text


def test_options_of_a_noise_stand_apart_and_its_seeds_do_not(maker, words):
    maker.curve((9, 7, 3))
    maker.curve((9, 8, 5), clip=True)
    maker.curve((9, 6, 3), noise_seed=1)
    page = words()
    assert [(row["network"], row["noise"]) for row in page.table("Accuracy on toy in home modes")] == [
        ("batchnorm", "agn"),
        ("batchnorm", "agn clipped"),
    ]


def test_broken_and_foreign_records_are_named_and_the_rest_is_shown(maker, build):
    maker.curve((9, 7, 3))
    broken = maker.store.root / "cells" / "broken-cell"
    broken.mkdir()
    (broken / "record.json").write_text('{"schema": 1, "ident', encoding="utf-8")
    foreign = maker.cell(norm="futurenorm", mode="frozen")
    damaged = maker.cell(norm="layernorm", mode="eval")
    (maker.store.root / "cells" / damaged / "arrays.npz").write_bytes(b"not an archive")
    (maker.store.root / "models" / "half").mkdir(parents=True)
    (maker.store.root / "models" / "half" / "model.json").write_text("{", encoding="utf-8")
    page = build()
    assert "Left out 'cells/broken-cell/record.json'" in page.text
    assert f"Left out cell '{foreign}': Unknown norm 'futurenorm'." in page.text
    assert f"'cells/{damaged}/arrays.npz' cannot be read" in page.text
    assert "Model card 'models/half/model.json' cannot be read" in page.text
    assert str(maker.store.root) not in page.text
    assert len(page.table("All cells")) == 4


def test_hostile_names_are_only_text(maker, build):
    evil = "<script>alert('x')</script>"
    checksum = maker.decoded(classes=(evil, "$x^2$ & \x1b[31m", "\udcff", "飛行機"))
    maker.curve((9, 7, 3), checksum=checksum, benchmark=evil, model=f"{evil}.a.b")
    maker.curve((9, 7, 3), checksum=checksum, benchmark="other", model=f"{evil}.a.c")
    maker.run(command=f"lnbench corrupt-eval --data 'folder:{evil}'", dirty=True)
    maker.store.publish_failure("cell", "run-1", {"reason": evil})
    maker.model("bench-none-s0.a.b", network=evil)
    page = build(title=evil)
    assert page.html.count("<script>") == 1
    assert f"batchnorm, {evil}" in page.text
    assert f"folder:{evil}" in page.text
    for drawing in page.svgs():
        assert not list(drawing.iter("{http://www.w3.org/2000/svg}script"))


def test_the_page_calls_nobody(maker, build):
    maker.curve((9, 7, 3), checksum=maker.decoded())
    page = build()
    (policy,) = [
        meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    (style,) = re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; "
        f"script-src 'sha256-{hashes[1]}'; base-uri 'none'; form-action 'none'"
    )
    assert not [attributes for _, attributes in page.tags if "style" in attributes or "onclick" in attributes]
    links = [
        attributes.get(name) for _, attributes in page.tags for name in ("src", "href", "srcset", "action")
    ]
    assert all(link.startswith(("data:", "#")) for link in links if link)
    assert not re.search(r"https?://", page.html)
    assert "url(" not in page.html
    assert "@import" not in page.html
    for drawing in page.svgs():
        for element in drawing.iter():
            references = [value for name, value in element.attrib.items() if name.endswith("href")]
            assert all(value.startswith(("data:", "#")) for value in references)


def test_the_page_is_whole_and_reads_without_eyes_or_scripts(maker, build):
    checksum = maker.decoded()
    maker.curve((9, 7, 3), checksum=checksum)
    maker.curve((9, 8, 4), checksum=checksum, mode="batch", coupled=True)
    maker.run()
    page = build()
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert {link["href"][1:] for link in page.all("a") if link["href"].startswith("#")} <= set(names)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert all(heading.get("scope") in ("col", "row") for heading in page.all("th"))
    assert all(len(image["alt"]) > 40 for image in page.all("img"))
    sections = [section["id"] for section in page.all("section")]
    assert sections == [
        "headline", "curves", "modes", "confusion", "samples", "coverage", "cells", "provenance",
    ]  # fmt: skip
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_many_cells_are_folded_away(maker, words):
    maker.curve([5] * 51, sigmas=[str(sigma) for sigma in range(51)])
    page = words()
    assert "<summary>51 cells</summary>" in page.html
    assert len(page.table("All cells")) == 51


def test_provenance_names_what_was_run_and_says_dirty_aloud(maker, words):
    maker.curve((9, 7, 3))
    maker.cell(sigma="3", run="run-2")
    maker.model("bench-batchnorm-s0.aaaaaaaaaaaa.bbbbbbbbbbbb", train={"epochs": 6, "batch_size": 50})
    maker.model("bench-none-s0.a.b")
    maker.run("run-1", "lnbench corrupt-eval --sigma 0,1,2")
    maker.run("run-2", "lnbench corrupt-eval --sigma 3", dirty=True)
    page = words()
    first, second = page.table("Invocations")
    assert (first["command"], first["cells"]) == ("lnbench corrupt-eval --sigma 0,1,2", "3")
    assert first["source tree"] == "1234567890ab"
    assert second["source tree"] == "1234567890ab uncommitted changes"
    assert "1 invocation ran with uncommitted changes" in page.text
    model = page.table("Networks in the store")[0]
    assert model["parameters"] == "1,234"
    assert model["epochs"] == "6"
    assert model["test accuracy"] == "87.50 %"
    assert model["training seconds"] == "3.2"
    assert "Trained but not tested: bench-none-s0.a.b." in page.text


@pytest.mark.parametrize(("images", "text"), [(1, "1 test image of"), (1234, "1,234 test images of")])
def test_the_first_sentence_counts(maker, words, images, text):
    maker.cell(correct=1, images=images)
    page = words()
    assert f"1 network (batchnorm) classified {text} toy under the noise agn: 1 cell," in page.text
