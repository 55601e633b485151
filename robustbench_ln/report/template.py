"""Fill a template of the report's pages."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Return a page from a template under `report/`; what is not marked as HTML is escaped."""
    environment = Environment(
        loader=PackageLoader("robustbench_ln", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values).lstrip()


def asset(name: str) -> Markup:
    """Return a file under `report/`, a style or a script, to stand in a page as it is."""
    return Markup(resources.files("robustbench_ln.report").joinpath(name).read_text(encoding="utf-8"))


def inlined(css: Markup, js: Markup) -> dict[str, str]:
    """Return `css`, `js` and the `policy` under which a browser runs them and nothing else.

    Names in results come from anyone's files. Should one find its way through the escaping, the browser still
    runs no script but the one whose hash stands here, applies no other style, and asks no server.
    """
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src '{_hash(css)}'; script-src '{_hash(js)}'; base-uri 'none'; form-action 'none'"
    )
    return {"css": css, "js": js, "policy": policy}


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
