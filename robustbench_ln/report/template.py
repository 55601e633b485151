"""Fill a template of the report's pages."""

from __future__ import annotations

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
