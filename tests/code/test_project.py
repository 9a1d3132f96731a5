"""The project's files agree with one another."""

import re
import tomllib

import jax.numpy as jnp
import pytest
import yaml
from book import CODE, LOCK, ROOT
from packaging.requirements import Requirement

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [
    Requirement(line)
    for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in group
]
LOCKED = [
    Requirement(line)
    for line in LOCK.read_text().splitlines()
    if line and not line.lstrip().startswith("#")
]


@pytest.mark.parametrize("direct", DIRECT, ids=str)
@pytest.mark.parametrize("python", ["3.11.9", "3.12.9", "3.13.9"])
def test_lock_satisfies_each_direct_dependency(direct, python):
    marks = {"python_version": python[:4], "python_full_version": python}
    pins = [
        pin for pin in LOCKED
        if pin.name == direct.name and (pin.marker is None or pin.marker.evaluate(marks))
    ]
    assert len(pins) == 1, f"{direct.name} locked {len(pins)} times for {python}: make lock"
    (version,) = pins[0].specifier
    assert version.operator == "=="
    assert direct.specifier.contains(version.version)


def test_environment_installs_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert Requirement(python.replace("=", "==")).name == "python"
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert python.removeprefix("python=") in ("3.11", "3.12", "3.13")
    assert pip == "pip"
    assert packages["pip"] == ["-r requirements.txt", "-e ."]


def test_modules_are_those_in_code():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    written = sorted(path.stem for path in CODE.glob("*.py"))
    assert sorted(tool["setuptools"]["py-modules"]) == written


def test_readme_program_runs_and_fits():
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    names = {}
    exec(program, names)
    assert names["losses"].shape == (4000,)
    assert names["losses"][-1] < 0.1 * jnp.var(names["y"])


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    asked = set(re.findall(r"\bmake (?:PYTHON=\S+ )?([a-z]+)", (ROOT / "README.md").read_text()))
    assert asked
    assert asked <= targets
