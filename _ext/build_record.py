"""Sphinx extension: the directive `build-record`, a table of what this book was built with."""

import platform
from importlib.metadata import requires, version
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from execution import ask_jax
from packaging.requirements import Requirement
from sphinx.util.docutils import SphinxDirective

DEVICE = "f'{len(jax.devices())} x {jax.devices()[0].device_kind}'"


def processor():
    """Its name; Python knows the maker's code at most, where Linux has the name in a file."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor()])[0]


def record():
    """Pairs of a name and what it was when the book was built, for a reader who compares."""
    yield "device", ask_jax(DEVICE)
    yield "processor", processor()
    yield "system", f"{platform.system()}, {platform.machine()}"
    yield "Python", platform.python_version()
    for line in requires("deep-learning-with-jax"):
        requirement = Requirement(line)
        if requirement.marker is None:  # the lectures' own, not those of book and tests
            yield requirement.name, version(requirement.name)


class BuildRecord(SphinxDirective):
    """A table with one row for each entry of the record."""

    def run(self):
        lines = ["| part | version |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in record()]
        node = nodes.Element()
        self.state.nested_parse(StringList(lines), self.content_offset, node)
        return node.children


def setup(app):
    app.add_directive("build-record", BuildRecord)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
