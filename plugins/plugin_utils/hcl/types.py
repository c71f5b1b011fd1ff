# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts values to the types that HCL has. An error names the path of a value that HCL can't represent."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe

Value = str | bool | int | float | list[Any] | dict[str, Any]
Tree = dict[str, Any]
Path = tuple[str | int, ...]

MAX_DEPTH = 50
MAX_INT = 2**63 - 1
MIN_INT = -(2**63)

BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")

# The classes of Ansible's encrypted strings, of 2.19 and of older releases. They are recognised by name, so that this file does not
# import Ansible. The older one is also a sequence of characters and would be taken for a list.
ENCRYPTED = frozenset(("EncryptedString", "AnsibleVaultEncryptedUnicode"))


class HclError(ValueError):
    """A tree can't be written as HCL, or a text can't be read as HCL. The message never contains a value."""

    def __init__(self, message: str, path: str = "", line: int = 0, column: int = 0) -> None:
        self.path = path
        self.line = line
        self.column = column
        place = path or (f"line {line}, column {column}" if line else "")
        super().__init__(f"{place}: {message}" if place else message)


def path_text(path: Path) -> str:
    """Returns the path as text: server.admin_ids[2], federates_with."b.example"."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
            continue
        name = step if BARE_KEY.match(step) else '"' + step.encode("unicode_escape").decode("ascii") + '"'
        text += f".{name}" if text else name
    return text


def plain(tree: object) -> Tree:
    """Returns a copy of the tree in Python's own types; raises HclError where HCL can't represent it."""
    if not isinstance(tree, Mapping):
        raise HclError(f"A configuration is a mapping of blocks, but this is {describe(tree)}.")
    return _mapping(tree, ())


def _mapping(value: Mapping[Any, Any], path: Path) -> Tree:
    _check_depth(path)
    result: Tree = {}
    for raw, item in value.items():
        if not isinstance(raw, str):
            message = f"A key is {describe(raw)}, but keys in HCL are strings: quote it."
            raise HclError(message, path_text(path))
        key = _string(raw, path, "A key")
        result[key] = _value(item, (*path, key))
    return result


def _value(value: object, path: Path) -> Value:
    if type(value).__name__ in ENCRYPTED:
        return _string(str(value), path)
    if isinstance(value, str):
        return _string(value, path)
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return _integer(int(value), path)
    if isinstance(value, float):
        return _float(float(value), path)
    if isinstance(value, Mapping):
        return _mapping(value, path)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        _check_depth(path)
        return [_value(item, (*path, index)) for index, item in enumerate(value)]
    raise HclError(_refusal(value), path_text(path))


def _string(value: str, path: Path, what: str = "The string") -> str:
    # str() of a subclass returns the bare string, without Ansible's tags
    text = str(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise HclError(f"{what} contains half of a surrogate pair, which UTF-8 can't represent.", path_text(path)) from None
    return text


def _integer(value: int, path: Path) -> int:
    if not MIN_INT <= value <= MAX_INT:
        raise HclError("The integer does not fit into 64 bits, which is all that SPIRE reads.", path_text(path))
    return value


def _float(value: float, path: Path) -> float:
    if not math.isfinite(value):
        raise HclError("NaN and infinity have no form in HCL.", path_text(path))
    return value


def _check_depth(path: Path) -> None:
    if len(path) > MAX_DEPTH:
        raise HclError(f"The tree is nested more than {MAX_DEPTH} levels deep.", path_text(path[:3]) + "...")


def _refusal(value: object) -> str:
    if value is None:
        return "The value is null, which HCL does not have: write {} for an empty block, or leave the key out."
    if isinstance(value, (datetime.date, datetime.time)):
        return "The value is a date, which HCL does not have: quote it in YAML to make it a string."
    known = "strings, numbers, booleans, lists and mappings"
    return f"The value is {describe(value)}, which HCL can't represent: it has {known}."
