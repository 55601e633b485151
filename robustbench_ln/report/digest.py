"""What a page was made from, as one digest in it: a page that shows all that there is is left as it is."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from robustbench_ln.data.decoded import decoded_folders
from robustbench_ln.identity import content_hash
from robustbench_ln.store.results import Results

#: The digest stands in the page's first bytes, before style and content.
_HEAD_BYTES = 2048


def page_digest(store: Results, data_dir: Path, about: dict[str, Any]) -> str:
    """Return what names a page's content: the results, the data at hand, the code, and what was asked for.

    Args:
        store: the results; nothing in them is ever changed, so names are enough.
        data_dir: where decoded data sets lie.
        about: what else changes the page, as JSON values.
    """
    return content_hash(
        {
            **about,
            "code": _code(),
            "store": store.fingerprint(),
            "data": sorted(folder.name for folder in decoded_folders(data_dir)),
        }
    )


def digest_of(page: Path) -> str | None:
    """Return the digest that an existing page carries."""
    if not page.is_file():
        return None
    with page.open("rb") as file:
        head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    _, found, rest = head.partition('<meta name="lnbench-inputs" content="')
    return rest.partition('"')[0] if found else None


@cache
def _code() -> str:
    """Return a hash of the package's own files: any of them may change what a page says."""
    hashed = hashlib.blake2b(digest_size=8)
    root = Path(str(files("robustbench_ln")))
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".html", ".css", ".js"):
            hashed.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()
