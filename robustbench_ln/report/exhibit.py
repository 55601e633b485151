"""What stands on the page beside sentences: tables, and figures with their words and numbers."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        caption: what it holds.
        columns: headings, as many as a row has texts.
        rows: the texts; the first `heads` of each row name it.
        heads: columns that are headings of their row.
    """

    caption: str
    columns: list[str]
    rows: list[list[str]]
    heads: int = 1


@dataclass(frozen=True)
class Picture:
    """A drawing as a data URI, and its size in CSS pixels; also as PDF where it was drawn for papers."""

    uri: str
    width: int
    height: int
    pdf: bytes = b""


@dataclass(frozen=True)
class Exhibit:
    """A figure on the page.

    Attributes:
        picture: the drawing.
        alt: the figure in words, from its numbers.
        caption: what it shows.
        csv: a data URI of exactly the numbers that are drawn.
        csv_name: the file name to save them under.
        tables: the same numbers to read.
        plot: for the page's script, as JSON: what kind of figure it is, and how its numbers are drawn; empty
            where it has nothing to explore.
    """

    picture: Picture
    alt: str
    caption: str
    csv: str
    csv_name: str
    tables: list[Table]
    plot: str = ""


def uri_content(uri: str) -> bytes:
    """Return what a data URI of this page holds."""
    return base64.b64decode(uri.partition(",")[2])


def csv_uri(table: pd.DataFrame) -> str:
    """Return a table as a data URI."""
    return data_uri("text/csv;charset=utf-8", table.to_csv(index=False))


def csv_name(*parts: str) -> str:
    """Return a file name from labels.

    >>> csv_name("curves", "digits", "agn, clipped to [0, 1]")
    'curves-digits-agn-clipped-to-0-1.csv'
    """
    return re.sub(r"[^A-Za-z0-9.=]+", "-", "-".join(parts)).strip("-") + ".csv"


def data_uri(kind: str, text: str) -> str:
    """Return a text as a data URI; letters that UTF-8 has not become question marks."""
    return f"data:{kind};base64,{base64.b64encode(text.encode('utf-8', 'replace')).decode('ascii')}"
