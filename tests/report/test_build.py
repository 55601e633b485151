"""When the page is written, what it is written from, and what is left alone."""

import os
import subprocess
import sys

import pytest

from robustbench_ln.errors import LnbenchError
from robustbench_ln.noise import NOISES
from robustbench_ln.report.build import build_report
from robustbench_ln.store.frame import load_results
from robustbench_ln.store.open import open_store
from robustbench_ln.store.pack import pack

HEAVY = ("torch", "torchvision", "pandas", "seaborn", "matplotlib", "scipy", "sklearn", "jinja2")


def modules_after_report(maker):
    """Build the report in a process of its own; return the heavy modules that it imported."""
    code = f"""
import sys
from pathlib import Path
from robustbench_ln.report.build import build_report
from robustbench_ln.store.store import Store
report = build_report(Store(Path({str(maker.store.root)!r})), data_dir=Path({str(maker.data_dir)!r}))
print(report.rebuilt, *(name for name in {HEAVY!r} if name in sys.modules))
"""
    # Another hash seed than this process's, so that no order of a set can reach the page.
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_a_store_without_networks_names_both_commands(maker):
    with pytest.raises(LnbenchError, match=r"lnbench train, then lnbench corrupt-eval"):
        build_report(maker.store, data_dir=maker.data_dir)
    assert not maker.store.root.exists()


def test_a_store_without_cells_names_the_sweep(maker):
    maker.model("bench-batchnorm-s0.a.b")
    with pytest.raises(LnbenchError) as caught:
        build_report(maker.store, data_dir=maker.data_dir)
    assert caught.value.hint == "Run this first: lnbench corrupt-eval"


def test_a_store_of_broken_cells_only_says_what_is_wrong(maker):
    (maker.store.root / "cells" / "broken").mkdir(parents=True)
    with pytest.raises(LnbenchError, match=r"cells/broken/record\.json"):
        build_report(maker.store, data_dir=maker.data_dir)


def test_a_second_report_imports_nothing_heavy_and_the_same_store_gives_the_same_bytes(maker):
    maker.curve((9, 7, 3))
    maker.curve((9, 8, 6), norm="localnorm", options={"groups": 5}, mode="batch", coupled=True)
    maker.decoded()
    report = build_report(maker.store, data_dir=maker.data_dir)
    assert report.rebuilt
    assert report.path == maker.store.report
    first, written = report.path.read_bytes(), report.path.stat().st_mtime_ns

    assert modules_after_report(maker) == ["False"]
    assert report.path.stat().st_mtime_ns == written

    report.path.unlink()
    rebuilt, *imported = modules_after_report(maker)
    assert rebuilt == "True"
    assert "torch" not in imported
    assert "sklearn" not in imported
    assert report.path.read_bytes() == first


def test_what_is_new_redraws_the_page(maker, monkeypatch):
    drawn = []
    monkeypatch.setattr("robustbench_ln.report.page.render_page", lambda *given: _fake_page(drawn, *given))

    def rebuilt(**settings):
        return build_report(maker.store, data_dir=maker.data_dir, **settings).rebuilt

    maker.cell()
    assert (rebuilt(), rebuilt()) == (True, False)
    maker.cell(sigma="1")
    assert (rebuilt(), rebuilt()) == (True, False)
    maker.run()
    assert (rebuilt(), rebuilt()) == (True, False)
    maker.store.publish_failure("cell", "run-1", {"reason": "no"})
    assert (rebuilt(), rebuilt()) == (True, False)
    maker.model("bench-none-s0.a.b")
    assert (rebuilt(), rebuilt()) == (True, False)
    maker.decoded()
    assert (rebuilt(), rebuilt()) == (True, False)
    assert (rebuilt(title="Another"), rebuilt(title="Another")) == (True, False)
    (maker.store.root / "results.csv").unlink()
    assert (rebuilt(title="Another"), rebuilt(title="Another")) == (True, False)
    monkeypatch.setattr("robustbench_ln.report.digest._code", lambda: "that of another lnbench")
    assert (rebuilt(title="Another"), rebuilt(title="Another")) == (True, False)
    assert len(drawn) == 9


def _fake_page(drawn, contents, digest):
    drawn.append(contents.title)
    return f'<!doctype html><meta name="lnbench-inputs" content="{digest}">'


def test_the_csv_file_is_the_table_of_load_results(maker, words):
    maker.curve((9, 7, 3))
    words()
    written = (maker.store.root / "results.csv").read_text(encoding="utf-8")
    assert written == load_results(maker.store.root).to_csv(index=False)


def test_the_page_goes_where_it_is_asked_to(maker, words, tmp_path):
    maker.cell()
    page = tmp_path / "elsewhere" / "page.html"
    assert build_report(maker.store, page, data_dir=maker.data_dir).path == page
    assert page.is_file()
    assert not maker.store.report.exists()


def test_a_folder_in_place_of_the_page_is_named(maker, tmp_path):
    maker.cell()
    with pytest.raises(LnbenchError, match="is a folder"):
        build_report(maker.store, tmp_path, data_dir=maker.data_dir)


def test_matplotlib_settings_of_the_caller_neither_change_nor_matter(maker, build):
    import matplotlib as mpl

    maker.curve((9, 7, 3))
    plain = build().html
    maker.store.report.unlink()
    with mpl.rc_context({"svg.fonttype": "path", "font.size": 30, "axes.facecolor": "red"}):
        before = dict(mpl.rcParams)
        assert build().html == plain
        assert dict(mpl.rcParams) == before


def test_a_pipe_is_not_replaced_and_a_link_is_written_through(maker, monkeypatch, tmp_path):
    monkeypatch.setattr("robustbench_ln.report.page.render_page", lambda *given: _fake_page([], *given))
    maker.curve((9, 7, 3))
    pipe, link, page = tmp_path / "pipe", tmp_path / "link.html", tmp_path / "page.html"
    os.mkfifo(pipe)
    with pytest.raises(LnbenchError, match="pipe"):
        build_report(maker.store, pipe, data_dir=maker.data_dir)
    assert pipe.is_fifo()
    link.symlink_to(page)
    assert build_report(maker.store, link, data_dir=maker.data_dir).rebuilt
    assert link.is_symlink()
    assert page.is_file()


def test_packed_results_give_the_page_of_their_folder_beside_the_file(maker, tmp_path):
    maker.curve((9, 7, 3))
    maker.curve((9, 8, 6), norm="localnorm", options={"groups": 5}, mode="batch", coupled=True)
    maker.model("bench-batchnorm-s0.a.b")
    maker.run()
    maker.store.publish_failure("cell", "run-1", {"reason": "no"})
    maker.decoded()
    page = build_report(maker.store, data_dir=maker.data_dir).path
    packed = open_store(pack(maker.store, tmp_path / "some" / "mine.npz").path)
    report = build_report(packed, data_dir=maker.data_dir)
    assert (report.path, report.rebuilt) == (tmp_path / "some" / "mine.html", True)
    assert report.path.read_bytes() == page.read_bytes()
    assert not build_report(packed, data_dir=maker.data_dir).rebuilt
    assert sorted(path.name for path in report.path.parent.iterdir()) == ["mine.html", "mine.npz"]
    with pytest.raises(LnbenchError, match="holds the results themselves"):
        build_report(packed, packed.root, data_dir=maker.data_dir)


def test_the_table_beside_the_page_and_in_it_holds_no_formula(maker, words):
    maker.curve((9, 7), ("0", "1"), benchmark="=1+1")
    assert set(words().csv("results.csv")["benchmark"]) == {"'=1+1"}
    written = (maker.store.root / "results.csv").read_text(encoding="utf-8")
    assert ",'=1+1," in written
    assert ",=1+1," not in written


@pytest.mark.parametrize("classes", [10, 196])
def test_twelve_curves_and_thirty_matrices_fit_five_megabytes(classes, maker):
    noises = [name for name in NOISES if name not in ("darken", "low-contrast")][:12]
    for noise in noises:
        clip = NOISES[noise].clipped
        for sigma, correct in (("0", 1500), ("0.5", 700), ("1", 200)):
            maker.cell(noise=noise, clip=clip, sigma=sigma, correct=correct, images=1600, classes=classes)
    page = build_report(maker.store, data_dir=maker.data_dir).path
    text = page.read_text(encoding="utf-8")
    assert (
        text.count("&#34;kind&#34;: &#34;curves&#34;")
        == text.count("&#34;kind&#34;: &#34;confusion&#34;")
        == 12
    )
    assert page.stat().st_size <= 5_000_000
