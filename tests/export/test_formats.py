"""Tables in other programs' formats say what was in them, whatever names there are."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from robustbench_ln.errors import LnbenchError
from robustbench_ln.export.formats import FORMATS, as_csv, as_json, as_latex, as_markdown, find_format

NASTY = [
    "plain",
    r"a|b\c",
    "*_[x](y)`<b>&#~",
    r"50% & $x_1^2$ {\tilde} ~^\\",
    "=1+1",
    "+1",
    "-1",
    "@x",
    "two\nlines",
    'quote " and, comma',
    "é 飛",
    "",
]


@pytest.fixture
def table():
    return pd.DataFrame(
        {"name|x": NASTY, "n_1": range(len(NASTY)), "a": [0.1 + 0.2] * (len(NASTY) - 1) + [None]}
    )


def test_csv_comes_back_and_holds_no_formula(table):
    read = list(csv.DictReader(io.StringIO(as_csv(table).decode())))
    names = [row["name|x"] for row in read]
    assert not any(name.startswith(("=", "+", "-", "@")) for name in names)
    assert [name.removeprefix("'") for name in names] == NASTY
    assert [float(row["a"] or "nan") for row in read[:-1]] == [0.1 + 0.2] * (len(NASTY) - 1)
    assert read[-1]["a"] == ""


def test_negative_numbers_of_csv_stay_numbers():
    assert as_csv(pd.DataFrame({"a": [-1.5]})) == b"a\n-1.5\n"


def test_json_comes_back_with_null_where_there_is_nothing(table):
    rows = json.loads(as_json(table))["rows"]
    assert [row["name|x"] for row in rows] == NASTY
    assert rows[0]["a"] == pytest.approx(0.3, abs=1e-15)
    assert rows[-1]["a"] is None


def test_a_markdown_library_reads_the_names_as_they_are(table):
    html = MarkdownIt().enable("table").render(as_markdown(table).decode())
    assert html.count("<tr>") == len(NASTY) + 1
    tokens = MarkdownIt().enable("table").parse(as_markdown(table).decode())
    texts = ["".join(child.content for child in token.children) for token in tokens if token.type == "inline"]
    assert texts[0] == "name|x"
    assert texts[3::3] == [" ".join(name.split()) for name in NASTY]


def test_latex_escapes_what_latex_would_run(table):
    text = as_latex(table).decode()
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    rows = body.strip().split("\n")
    assert r"a|b\textbackslash c" in text
    assert r"50\% \& \$x\_1\textasciicircum 2\$ \{\textbackslash tilde\}" in text
    assert r"n\_1" in text
    assert [row.count(" & ") for row in rows] == [2] * len(NASTY)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"parquet"}))
def test_an_empty_table_is_written(name):
    assert find_format(name)(pd.DataFrame(columns=["a", "b"]))


def test_parquet_comes_back_or_says_what_is_missing(table):
    try:
        import pyarrow  # type: ignore[import-not-found] # noqa: F401
    except ImportError:
        with pytest.raises(LnbenchError, match=r"robustbench_ln\[parquet\]"):
            find_format("parquet")(table)
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(find_format("parquet")(table))), table)
