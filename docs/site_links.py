"""Let links that leave docs/ work on the site as they do in the repository; a hook of mkdocs.

CONTRIBUTING.md and CHANGELOG.md are pages of the site, README.md is its first page, and any other file of
the repository that a page links to is copied into the site's folder `files`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = Path(__file__).parent
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md")
LINK = re.compile(r"(?<=\]\()[^)\s#]+")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that lie beside docs/."""
    for name in PAGES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page that lead out of docs/, or into it from a page beside it."""
    source = page.file.src_uri
    folder = ROOT if source in PAGES else (DOCS / source).parent

    def on_site(match: re.Match[str]) -> str:
        target = match[0]
        path = Path(os.path.normpath(folder / target))
        if ":" in target or not path.is_file() or not path.is_relative_to(ROOT):
            return target
        if path.is_relative_to(DOCS):
            uri = path.relative_to(DOCS).as_posix()
        elif path == ROOT / "README.md":
            uri = "index.md"
        elif path.relative_to(ROOT).as_posix() in PAGES:
            uri = path.name
        else:
            uri = f"files/{path.relative_to(ROOT).as_posix()}"
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(path)))
        return Path(os.path.relpath(uri, Path(source).parent)).as_posix()

    return LINK.sub(on_site, markdown)
