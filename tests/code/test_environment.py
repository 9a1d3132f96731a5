"""The environment of `make` belongs to this folder, its lock and the Python that is asked for."""

import json
import shutil
import sys

import environment
import pytest

BASE = ["environment.py", ".venv", "requirements.txt", "--editable"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "book" / ".venv").mkdir(parents=True)
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / "book" / name).write_text("as first\n")
    return tmp_path / "book"


@pytest.fixture
def make(monkeypatch):
    """Function of a folder and options that says what the program would have done there."""
    def made(folder, *options):
        done = []
        monkeypatch.setattr(environment, "ROOT", folder)
        monkeypatch.setattr(environment.subprocess, "run", lambda command, check: done.append(
            "new" if "venv" in command else command[-2]))
        monkeypatch.setattr(sys, "argv", [*BASE, *options])
        environment.main()
        return done

    return made


WHOLE = ["new", "--requirement", "--editable"]


@pytest.mark.parametrize("options", [(), ("--any-python",)])
def test_is_made_once(folder, make, options):
    assert make(folder, *options) == WHOLE
    assert make(folder, *options) == []


def test_a_copied_folder_gets_its_own(folder, make):
    make(folder)
    copy = shutil.copytree(folder, folder.with_name("copy"))
    assert make(copy, "--any-python") == WHOLE
    assert make(folder) == []


def test_another_python_gets_its_own_if_it_is_asked_for(folder, make):
    make(folder)
    seal = folder / ".venv" / "made-from.json"
    seal.write_text(json.dumps(json.loads(seal.read_text()) | {"python": "3.12.1"}))
    assert make(folder, "--any-python") == []
    assert make(folder) == WHOLE


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_a_changed_lock_is_installed(folder, make, name):
    make(folder)
    (folder / name).write_text("changed")
    assert make(folder, "--any-python") == ["--requirement", "--editable"]
    assert make(folder, "--any-python") == []


def test_an_unfit_python_is_refused(folder, make, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    with pytest.raises(SystemExit, match="is needed, this is"):
        make(folder)
