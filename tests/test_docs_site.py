"""The documents as a site: it builds without a warning, and opens without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: Attributes that make a browser load something.
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if given.get("id"):
            self.ids.add(given["id"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag in LOADS and given.get(LOADS[tag]) and given.get("rel") != "canonical":
            self.loads.append(given[LOADS[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "links and anchors that lead nowhere, or pages that the navigation leaves out"
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_document_is_a_page_and_no_script_is_published(site, pages):
    written = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert {path.relative_to(site) for path in pages} == written | {
        Path(name) for name in ("404.html", "CHANGELOG.html", "CONTRIBUTING.html")
    }
    assert not list(site.rglob("*.py"))


def test_nothing_is_loaded_from_anywhere_else(site, pages):
    for path, page in pages.items():
        for address in page.loads:
            assert not urlsplit(address).scheme and not urlsplit(address).netloc, (path, address)
    for sheet in [*site.rglob("*.css")]:
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), (
            sheet
        )


def test_every_link_and_anchor_leads_somewhere(site, pages):
    followed = 0
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the server's root
            continue
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme:
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            target = Path(os.path.normpath(target))
            assert target.exists(), (path, address)
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, (path, address)
            followed += 1
    assert followed > 500


def test_files_beside_the_documents_are_those_of_the_repository(site):
    for name in ("results/replication.npz", "benchmarks.yaml"):
        assert (site / "files" / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_search_finds_in_pages_that_are_opened_as_files(site, tmp_path):
    done = subprocess.run(
        [
            BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=6000", "--dump-dom", f"{(site / 'index.html').as_uri()}?q=bernoulli",
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.findall(r'href="([^"?#]+)[^"]*" class="md-search-result__link"', done.stdout)
    assert any(address.endswith("reference/noises.html") for address in found), found
