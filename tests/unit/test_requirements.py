# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirements, which an execution environment installs, are what the code on the controller imports; code on hosts imports nothing else."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import collection

REPO = collection.REPO
ENVIRONMENT = REPO / "meta" / "execution-environment.yml"
ON_HOSTS = ("plugins/modules", "plugins/module_utils")
#: ansible-core, which runs the collection, and the collection itself
GIVEN = frozenset({"ansible", "ansible_collections"})


def imported(source: str) -> Iterator[str]:
    """Yields the outermost package of each module that a file imports, also of those that it names in a call of import_module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value).partition(".")[0]


def foreign(*folders: str) -> set[str]:
    """Returns the packages that the files in these folders import, besides the standard library, ansible-core and the collection."""
    files = [file for folder in folders for file in (REPO / folder).rglob("*.py")]
    assert len(files) > 20
    return {name for file in files for name in imported(file.read_text("utf-8"))} - sys.stdlib_module_names - GIVEN


def required() -> set[str]:
    """Returns the packages that an execution environment gets, in lower case."""
    path = yaml.safe_load(ENVIRONMENT.read_text("utf-8"))["dependencies"]["python"]
    lines = (REPO / path).read_text("utf-8").splitlines()
    return {re.split(r"[<>=!~ ]", line)[0].lower() for line in lines if line and not line.startswith("#")}


def test_the_requirements_are_what_the_controller_imports() -> None:
    of_package = importlib.metadata.packages_distributions()
    needed = {of_package[name][0].lower() for name in foreign("plugins/action", "plugins/filter", "plugins/lookup", "plugins/plugin_utils")}
    # boto3 brings botocore.
    assert needed - {"botocore"} == required()


def test_code_on_hosts_needs_the_standard_library_alone() -> None:
    assert foreign(*ON_HOSTS) == set()


@pytest.mark.parametrize(("source", "names"), [
    ("import a.b, c", ["a", "c"]),
    ("from a.b import c", ["a"]),
    ("from . import a", []),
    ("x, y = importlib.import_module('a.b'), import_module(name)", ["a"]),
])
def test_imports_are_found(source: str, names: list[str]) -> None:
    assert list(imported(source)) == names


def test_the_file_is_in_the_archive() -> None:
    path = Path(yaml.safe_load(ENVIRONMENT.read_text("utf-8"))["dependencies"]["python"])
    assert str(path) not in yaml.safe_load((REPO / "galaxy.yml").read_text("utf-8")).get("build_ignore", [])
