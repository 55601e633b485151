from __future__ import annotations

from pathlib import Path

import pytest

from robustbench_ln.home import without_home
from robustbench_ln.provenance import command_line, environment, run_record


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("folder:/home/al/images", "folder:~/images"),
        ("/home/al", "~"),
        (
            "lnbench train --data-dir=/home/al/d --results '/home/al/a b'",
            "lnbench train --data-dir=~/d --results '~/a b'",
        ),
        ("/home/alice/images", "/home/alice/images"),
        ("/mnt/home/al/images", "/mnt/home/al/images"),
    ],
)
def test_the_home_folder_is_left_out_of_records_and_no_other_path_is_touched(text, expected, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/al"))
    assert without_home(text) == expected


def test_a_command_is_recorded_as_it_can_be_typed():
    assert command_line(["corrupt-eval", "--model", "mnist*"]) == "lnbench corrupt-eval --model 'mnist*'"


@pytest.mark.parametrize(
    "places",
    [
        ["--results", "/mnt/x"],
        ["--results=/mnt/x"],
        ["--data-dir", "/y", "--results", "/mnt/x"],
        ["--results"],
    ],
)
def test_where_results_and_data_lie_is_left_out_of_a_command(places):
    assert command_line(["run", "fig7", *places]) == "lnbench run fig7"


def test_code_of_the_user_s_is_recorded_by_name_alone(monkeypatch):
    monkeypatch.setenv("LNBENCH_PLUGINS", "~/work/mine.py, other.py ,")
    assert run_record([], {})["plugins"] == ["mine.py", "other.py"]


def test_the_environment_names_versions_and_hardware_but_no_machine():
    import platform

    found = environment()
    assert found["versions"]["torch"]
    assert found["hardware"]["cores"] >= 1
    assert platform.node() not in str(found["hardware"]).split("'")
