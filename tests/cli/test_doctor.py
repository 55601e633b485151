"""`lnbench doctor`: what is wrong with a machine is named, and nothing is left behind."""

from __future__ import annotations

import errno
import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from robustbench_ln.inspection import doctor
from robustbench_ln.inspection.doctor import examine


def told(run, *arguments, cwd):
    done = run("doctor", "--json", *arguments, cwd=cwd)
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_machine_that_works_has_no_problem_and_nothing_is_left(lnbench_here, tmp_path):
    code, checks = told(lnbench_here, "--results", "a/b/results", cwd=tmp_path)
    assert code == 0
    assert {check["verdict"] for check in checks.values()} <= {"ok", "warning"}
    assert checks["torch"]["found"] == version("torch")
    assert checks["nothing is replaced"]["found"] == "works here"
    assert list(tmp_path.iterdir()) == []


def test_results_that_are_there_stay_as_they_are(measured_bytes, lnbench_here):
    folder, before = measured_bytes
    assert told(lnbench_here, cwd=folder)[0] == 0
    assert {path: path.read_bytes() for path in before} == before
    assert {path for path in folder.rglob("*") if path.is_file()} == set(before)


@pytest.fixture
def measured_bytes(trained, tmp_path):
    shutil.copytree(trained / "results", tmp_path / "results")
    return tmp_path, {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_the_plain_text_names_no_home_and_no_machine(lnbench_here, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    text = lnbench_here("doctor", "--results", str(tmp_path / "r"), cwd=tmp_path).stdout
    assert str(tmp_path) not in text
    assert os.uname().nodename not in text
    assert "results folder" in text


def test_a_place_that_cannot_be_written_is_a_problem(lnbench_here, tmp_path):
    (tmp_path / "file").write_text("x")
    code, checks = told(lnbench_here, "--results", "file/results", cwd=tmp_path)
    assert code == 3
    assert checks["results folder"]["verdict"] == "problem"
    assert "--results DIR" in checks["results folder"]["hint"]


def test_a_disk_on_which_a_rename_replaces_is_a_problem(tmp_path, monkeypatch):
    original = Path.rename

    def rename(self, target):
        shutil.rmtree(target, ignore_errors=True)
        return original(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    checks = {check.name: check for check in examine(tmp_path / "results", tmp_path)}
    assert checks["nothing is replaced"].verdict == "problem"
    assert "lnbench results merge" in checks["nothing is replaced"].hint
    assert not (tmp_path / "results").exists()


def test_a_disk_without_renames_of_folders_is_a_problem(tmp_path, monkeypatch):
    def rename(self, target):
        raise OSError(errno.EXDEV, "no such rename")

    monkeypatch.setattr(Path, "rename", rename)
    checks = {check.name: check for check in examine(tmp_path / "results", tmp_path)}
    assert checks["publishing by rename"].verdict == "problem"


def test_broken_decoded_images_are_named(tmp_path, monkeypatch):
    broken = tmp_path / "data" / "decoded" / "mnist-abc"
    broken.mkdir(parents=True)
    (broken / "info.json").write_text("{")
    checks = {check.name: check for check in examine(tmp_path / "results", tmp_path / "data")}
    assert checks["data mnist-abc"].verdict == "problem"


def test_little_room_and_few_files_are_warnings(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.resource, "getrlimit", lambda _: (64, 64))
    monkeypatch.setattr(doctor, "_LOW_DISK", 2**80)
    checks = {check.name: check for check in examine(tmp_path / "results", tmp_path)}
    assert checks["open files"].verdict == checks["results folder"].verdict == "warning"
