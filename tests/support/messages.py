# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the texts in the collection's code from which its messages are made, and whether a quoted message is one of them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.collection import REPO

#: stands for what a message takes from a run: a host, a number, a path
VALUE = "\0"


def of_python(text: str) -> Iterator[str]:
    """Yields every string of a program; a value in it is replaced by VALUE. Parts that are joined by + are one string."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)):
            yield _string(node)


def _string(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        # A program fills in its values by % or by format.
        return re.sub(r"%[srd]|\{\w*\}", VALUE, node.value) if isinstance(node.value, str) else VALUE
    if isinstance(node, ast.JoinedStr):
        return "".join(_string(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _string(node.left) + _string(node.right)
    return VALUE


def of_yaml(data: Any) -> Iterator[str]:
    """Yields every string of a playbook or a task file; a template in it is replaced by VALUE, and its own strings come as well."""
    if isinstance(data, dict):
        for value in data.values():
            yield from of_yaml(value)
    elif isinstance(data, list):
        for value in data:
            yield from of_yaml(value)
    elif isinstance(data, str):
        yield re.sub(r"\{\{.*?\}\}|\{%.*?%\}", VALUE, data, flags=re.DOTALL)
        for template in re.findall(r"\{\{.*?\}\}|\{%.*?%\}", data, flags=re.DOTALL):
            yield from (found[1:-1] for found in re.findall(r"'[^']*'|\"[^\"]*\"", template))


@functools.cache
def of_collection() -> tuple[str, ...]:
    """Returns the strings of plugins, roles and playbooks, with each run of blanks as one blank."""
    found: set[str] = set()
    for file in REPO.glob("plugins/**/*.py"):
        found.update(of_python(file.read_text(encoding="utf-8")))
    for file in [*REPO.glob("roles/*/tasks/*.yml"), *REPO.glob("playbooks/*.yml"), *REPO.glob("plugins/plugin_utils/**/*.yml")]:
        found.update(of_yaml(yaml.safe_load(file.read_text(encoding="utf-8"))))
    return tuple(sorted({" ".join(text.split()) for text in found}))


def pieces(message: str) -> list[str]:
    """Returns the parts of a quoted message between the places that differ from run to run, which are written as `...`."""
    return [piece for piece in (" ".join(part.split()) for part in message.split("...")) if piece.strip(" .,:")]


def is_said(message: str, texts: tuple[str, ...] | None = None) -> bool:
    """Tells whether one text has all pieces of a message, in their order."""
    wanted = re.compile(".*?".join(re.escape(piece) for piece in pieces(message)), re.DOTALL)
    return any(wanted.search(text) for text in (of_collection() if texts is None else texts))


def quoted(page: Path, section: str) -> list[str]:
    """Returns the messages that the tables of a section of a page quote: what stands in italics in the first cell of a row."""
    body = page.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0] for line in body.splitlines() if line.startswith("| ")]
    return [message for row in rows for message in re.findall(r"\*([^*]+)\*", row)]
