"""Coverage: what is expected comes from cells and from what was asked for."""

import pytest

AGN = {"name": "agn", "clip": False, "rescale": False, "space": "pixel"}


def coverage(page):
    return {(row["network"], row["mode"]): row["agn"] for row in page.table("Sigmas measured on toy")}


def sweep(sigmas, modes=None, limit=None):
    return {"noises": [AGN], "sigmas": sigmas, "modes": modes, "limit": limit}


def test_a_request_names_sigmas_and_modes_that_are_missing(maker, words):
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.run("run-1", sweep=sweep(["0", "1", "2"]))
    assert coverage(words()) == {
        ("batchnorm", "frozen"): "2 of 3 missing: 2",
        ("batchnorm", "single"): "0 of 3 missing: all",
        ("batchnorm", "batch"): "0 of 3 missing: all",
    }


def test_a_sigma_of_one_blend_is_missing_of_another(maker, words):
    for alpha, sigmas in ((0.25, ("0", "1")), (0.5, ("0",))):
        for sigma in sigmas:
            maker.cell(mode="blend", blend={"alpha": alpha}, sigma=sigma)
    maker.run("run-1", sweep=sweep(["0", "1"], modes=["blend:alpha=0.25", "blend:alpha=0.5"]))
    assert coverage(words()) == {
        ("batchnorm", "blend:alpha=0.25"): "2 of 2",
        ("batchnorm", "blend:alpha=0.5"): "1 of 2 missing: 1",
    }


def test_a_blend_that_was_asked_for_and_has_no_cell_is_missing(maker, words):
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.run("run-1", sweep=sweep(["0", "1"], modes=["frozen", "blend:prior=16"]))
    assert coverage(words()) == {
        ("batchnorm", "frozen"): "2 of 2",
        ("batchnorm", "blend:prior=16"): "0 of 2 missing: all",
    }


@pytest.mark.parametrize("request_", [{"sweep": {}}, {"sweeps": [1]}, {"sweep": None}, ["sweep"], None])
def test_a_request_that_cannot_be_read_is_named(request_, maker, words):
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.store.publish_run("run-1", {"request": request_, "command": "lnbench corrupt-eval"})
    assert "Run 'run-1' asked for a sweep that cannot be read" in words().text


def test_an_invocation_that_asked_for_something_else_is_no_sweep(maker, words):
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.store.publish_run("run-1", {"request": {"run": ["fig7"]}, "command": "lnbench run fig7"})
    assert "cannot be read" not in words().text


def test_each_sweep_of_a_request_names_the_sigmas_of_its_own_noise(maker, words):
    shot = {"name": "shot", "clip": True, "rescale": False, "space": "pixel"}
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.cell(noise="shot", clip=True, sigma="0.002")
    sweeps = [sweep(["0", "1"], modes=["frozen"]), {**sweep(["0.002", "0.01"], ["frozen"]), "noises": [shot]}]
    maker.store.publish_run("run-1", {"request": {"sweeps": sweeps}, "command": "lnbench corrupt-eval"})
    page = words()
    assert coverage(page) == {("batchnorm", "frozen"): "2 of 2"}
    (row,) = page.table("Sigmas measured on toy")
    assert row["shot clipped"] == "1 of 2 missing: 0.01"


def test_a_request_for_ready_made_images_is_held_against_their_cells(maker, words):
    fog = {**AGN, "name": "corrupted-fog", "ready_made": True}
    maker.cell(noise="corrupted-fog", sigma="1")
    maker.cell(noise="corrupted-fog", sigma="3", correct=5)
    sweeps = [{**sweep([one], ["frozen"]), "noises": [fog]} for one in ("1", "2", "3")]
    maker.store.publish_run("run-1", {"request": {"sweeps": sweeps}, "command": "lnbench corrupt-eval"})
    page = words()
    (row,) = page.table("Sigmas measured on toy")
    assert row["corrupted-fog"] == "2 of 3 missing: 2"
    assert {row["severity"] for row in page.table("All cells")} == {"1", "3"}


def test_a_request_for_other_cells_is_not_held_against_these(maker, words):
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.cell(sigma="5", data="other", checksum="9999", run="run-2")
    maker.run("run-1", sweep=sweep(["0", "1"], modes=["frozen"]))
    maker.run("run-2", sweep=sweep(["5"], modes=["frozen"]))
    maker.run("run-3", sweep=sweep(["7"], limit=100))
    assert coverage(words()) == {("batchnorm", "frozen"): "2 of 2"}


def test_a_request_that_was_cut_off_counts(maker, words):
    maker.curve((9, 7), sigmas=("0", "1"))
    maker.run("run-2", sweep=sweep(["0", "1", "2"], modes=["frozen"]))
    assert coverage(words()) == {("batchnorm", "frozen"): "2 of 3 missing: 2"}


@pytest.mark.parametrize(
    "request_of_run", [None, [], {"sweep": 3}, {"sweep": {"noises": [{"name": "?"}]}}, {"sweeps": [3]}]
)
def test_foreign_requests_are_passed_over(maker, words, request_of_run):
    maker.cell()
    maker.store.publish_run("run-1", {"request": request_of_run, "versions": 5, "code": None})
    assert coverage(words()) == {("batchnorm", "frozen"): "1 of 1"}


def test_failures_are_listed_with_their_reason(maker, words):
    maker.cell()
    maker.store.publish_failure("cell-x", "run-9", {"identity": {}, "reason": "The logits are not finite."})
    page = words()
    assert page.table("Cells that could not be measured") == [
        {"cell": "cell-x", "reason": "The logits are not finite.", "invocation": "run-9"}
    ]
