"""Write a table as CSV, JSON, Markdown, LaTeX or Parquet."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from io import BytesIO

import pandas as pd

from robustbench_ln.errors import LnbenchError, UnknownNameError
from robustbench_ln.markdown import markdown_table

#: A program for tables takes a cell for a formula that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV; a text that a program for tables would run gets an apostrophe before it."""
    harmless = table.copy()
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name]):
            harmless[name] = [
                f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
                for value in table[name]
            ]
    text: str = harmless.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8", "backslashreplace")


def as_json(table: pd.DataFrame) -> bytes:
    """Return a table as one JSON document: {"schema": 1, "rows": [...]}, null where there is nothing."""
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    return (json.dumps({"schema": 1, "rows": rows}, allow_nan=False) + "\n").encode()


def as_markdown(table: pd.DataFrame) -> bytes:
    """Return a table in Markdown."""
    rows = [[_text(value) for value in row] for row in table.itertuples(index=False)]
    return (markdown_table([str(name) for name in table], rows) + "\n").encode("utf-8", "backslashreplace")


def as_latex(table: pd.DataFrame) -> bytes:
    """Return a table in LaTeX, with the lines of the package booktabs."""
    text = pd.DataFrame({str(name): [_text(value) for value in table[name]] for name in table})
    numeric = [all(value[:1] in "0123456789-" for value in text[name]) for name in text]
    styler = text.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    columns = "".join("r" if number else "l" for number in numeric)
    body = styler.to_latex(hrules=True, column_format=columns).replace("±", r"$\pm$")
    return f"% \\usepackage{{booktabs}}\n{body}".encode("utf-8", "backslashreplace")


def as_parquet(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet.

    Raises:
        LnbenchError: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise LnbenchError(
            "The package 'pyarrow' is not installed.", "Install it: pip install 'robustbench_ln[parquet]'"
        )
    content = BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": as_csv,
    "json": as_json,
    "markdown": as_markdown,
    "latex": as_latex,
    "parquet": as_parquet,
}


def find_format(name: str) -> Callable[[pd.DataFrame], bytes]:
    """Return what writes a format.

    Raises:
        UnknownNameError: no format has the name.
    """
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    return FORMATS[name]


def _text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
