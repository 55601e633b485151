"""The page in a real browser: what names and strangers write into it is never run."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from robustbench_ln.report.build import build_report
from tests.report.conftest import Maker

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
#: What each payload does where it runs; nothing else on the page does it.
RAN = "document.documentElement.dataset.ran = 1"
PAYLOADS = (
    f"<script>{RAN}</script>",
    f'"><img src="x" onerror="{RAN}">',
    f"</title><script>{RAN}</script>",
    f"</style><script>{RAN}</script>",
    f"</script><script>{RAN}</script>",
    f"<svg onload='{RAN}'>",
    f"<a href='javascript:{RAN}'>x</a>",
    f"'-{RAN}-'",
    f"{{{{ {RAN} }}}}",
    f"\u202e\u2066<iframe srcdoc='<script>parent.{RAN}</script>'>",
)
#: What else is named so, each with a word that finds it again on the page.
IN_FOLDERS = ("norm", "noise", "mode")
ELSEWHERE = (
    "data", "order", "network", "card", "option", "value", "trained-on", "checksum",
    "command", "started", "package", "version", "part", "hardware", "commit",
)  # fmt: skip


def opened(path, tmp_path):
    """Return the document of a page after its scripts ran, and what the browser complained of."""
    done = subprocess.run(
        [
            BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    """A page whose every name is a payload."""
    maker = Maker(tmp_path_factory.mktemp("hostile"))
    checksum = maker.decoded(classes=PAYLOADS[:4])
    for number, evil in enumerate(PAYLOADS):
        name = evil.replace("/", "|")
        maker.curve((9, 7), sigmas=("0", "1"), checksum=checksum, benchmark=evil, model=f"{name}.a.b{number}")
        maker.run(run=f"run-{number}", command=f"lnbench report --title '{evil}'")
        maker.store.publish_failure(f"cell-{number}", "run-1", {"reason": evil})
    # Those stand in names of folders, which hold no slash; the page tells which are unknown.
    for field in IN_FOLDERS:
        maker.cell(**{field: f"evil-{field}{PAYLOADS[1]}"}, benchmark=field, checksum=checksum)
    evil = {field: f"evil-{field}{''.join(PAYLOADS)}" for field in ELSEWHERE}
    maker.curve((9, 7, 5), data=evil["data"], benchmark="data", checksum="other")
    for order in ("shuffled", evil["order"]):
        maker.curve((9, 7, 5), mode="batch", coupled=True, order=order, checksum=checksum)
    maker.model(
        "card-batchnorm-s0.a.b",
        network=evil["network"],
        norm=evil["card"],
        norm_options={evil["option"]: evil["value"]},
        data={"name": evil["trained-on"], "checksum": evil["checksum"]},
    )
    maker.store.publish_run(
        "run-evil",
        {
            "command": evil["command"],
            "started": evil["started"],
            "request": {},
            "versions": {evil["package"]: evil["version"]},
            "hardware": {evil["part"]: evil["hardware"]},
            "code": {"commit": evil["commit"], "dirty": True},
        },
    )
    page = maker.data_dir / "page.html"
    return build_report(maker.store, page, data_dir=maker.data_dir, title=PAYLOADS[2]).path


def test_names_from_a_store_are_never_run_and_the_page_s_own_script_is(hostile_page, tmp_path):
    document, complaints = opened(hostile_page, tmp_path)
    unseen = [one for one in (*IN_FOLDERS, *ELSEWHERE) if f"evil-{one}" not in document]
    assert unseen == [], "what is not on the page is not tested"
    assert "data-ran" not in document.partition(">")[0] + document[:2000]
    assert 'data-ran="1"' not in document
    assert "<iframe" not in document
    assert complaints == []
    assert '<button type="button">' in document, "headings that sort are made by the page's own script"


def test_a_script_that_found_its_way_into_the_page_is_refused(hostile_page, tmp_path):
    page = tmp_path / "injected.html"
    intruder = f'<script>{RAN}</script><img src="data:," onerror="{RAN}"><div style="color: red">x</div>'
    page.write_text(hostile_page.read_text(encoding="utf-8").replace("<header>", f"{intruder}<header>", 1))
    assert intruder in page.read_text()
    document, complaints = opened(page, tmp_path)
    assert 'data-ran="1"' not in document
    assert len([line for line in complaints if "Content Security Policy" in line]) >= 3
    without = tmp_path / "without.html"
    without.write_text(page.read_text().replace('http-equiv="Content-Security-Policy"', 'name="none"'))
    assert 'data-ran="1"' in opened(without, tmp_path)[0], "the policy is what stops it"
