# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a configuration file of SPIRE, HCL1 or JSON, into a tree."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.scanner import Scanner, Token
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import HclError, MAX_DEPTH, Path, Tree, path_text, plain

_NAMES = {
    "end": "the end of the file",
    "name": "a name",
    "string": "a string",
    "heredoc": "a heredoc",
    "value": "a number or boolean",
}


def loads(text: str) -> Tree:
    """Returns the tree of a configuration file. Like SPIRE, it reads a text that begins with { as JSON."""
    if not isinstance(text, str):
        raise HclError("Only a text can be read as HCL.")
    text = str(text)
    return _load_json(text) if text.lstrip()[:1] == "{" else _Parser(text).tree()


@dataclass
class _Body:
    """The items between two braces, before blocks of the same name are joined."""

    items: list[_Item] = field(default_factory=list)

    def holds_blocks_alone(self) -> bool:
        return bool(self.items) and all(isinstance(item.value, _Body) for item in self.items)


@dataclass
class _Item:
    keys: list[str]
    value: Any
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._scanner = Scanner(text)
        self._token: Token = self._scanner.next()
        self._depth = 0

    def tree(self) -> Tree:
        items: list[_Item] = []
        while self._token.kind != "end":
            items.append(self._item())
        return self._join(items, once=True)

    def _take(self) -> Token:
        token, self._token = self._token, self._scanner.next()
        return token

    def _unexpected(self, wanted: str) -> HclError:
        found = _NAMES.get(self._token.kind, f"'{self._token.kind}'")
        return self._scanner.error(f"Here should be {wanted}, but there is {found}.", self._token.at)

    def _deeper(self) -> None:
        self._depth += 1
        # one more than in a tree, where the innermost key does not count
        if self._depth > MAX_DEPTH + 1:
            raise self._scanner.error(f"This is nested more than {MAX_DEPTH} levels deep.", self._token.at)

    def _item(self) -> _Item:
        """Reads one `key = value` or `key "label" { ... }`, and the comma that may follow."""
        at = self._token.at
        keys: list[str] = []
        while self._token.kind in ("name", "string"):
            self._deeper()
            keys.append(self._take().value)
        if keys and self._token.kind == "{":
            value: Any = self._body()
        elif len(keys) == 1 and self._token.kind == "=":
            self._take()
            value = self._value()
        else:
            raise self._unexpected("'{' or '='" if len(keys) == 1 else "'{'" if keys else "a key")
        self._depth -= len(keys)
        if self._token.kind == ",":
            self._take()
        return _Item(keys, value, at)

    def _body(self) -> _Body:
        opened = self._take()
        body = _Body()
        while self._token.kind != "}":
            if self._token.kind == "end":
                raise self._scanner.error("This brace is never closed.", opened.at)
            body.items.append(self._item())
        self._take()
        return body

    def _value(self) -> Any:
        kind = self._token.kind
        if kind in ("string", "heredoc", "value"):
            return self._take().value
        if kind == "{":
            return self._body()
        if kind == "[":
            return self._list()
        if kind == "name":
            message = "A string is written in quotes; bare are true, false and numbers."
            raise self._scanner.error(message, self._token.at)
        raise self._unexpected("a value")

    def _list(self) -> list[Any]:
        opened = self._take()
        self._deeper()
        result: list[Any] = []
        while self._token.kind != "]":
            if self._token.kind == "end":
                raise self._scanner.error("This list is never closed.", opened.at)
            value = self._value()
            result.append(self._join(value.items) if isinstance(value, _Body) else value)
            if self._token.kind == ",":
                self._take()
            elif self._token.kind != "]":
                raise self._unexpected("',' or ']'")
        self._take()
        self._depth -= 1
        return result

    def _join(self, items: list[_Item], once: bool = False) -> Tree:
        """Joins the items into a mapping. With ``once`` a repeated name is an error, because SPIRE would drop or refuse one of them."""
        groups: dict[str, list[_Item]] = {}
        for item in items:
            groups.setdefault(item.keys[0], []).append(item)
        return {key: self._merge(group, once) for key, group in groups.items()}

    def _merge(self, group: list[_Item], once: bool) -> Any:
        """Returns the value of one key: labelled blocks become a mapping by label, repeated blocks without a label a list."""
        unlabelled = [item for item in group if len(item.keys) == 1]
        if len(unlabelled) == len(group) == 1:
            value = group[0].value
            return self._join(value.items) if isinstance(value, _Body) else value
        bodies = [item.value for item in unlabelled if isinstance(item.value, _Body)]
        if len(bodies) < len(unlabelled) or (once and len(unlabelled) > 1):
            raise self._repeated(group)
        if len(bodies) == len(group) and not all(body.holds_blocks_alone() for body in bodies):
            return [self._join(body.items) for body in bodies]
        inner: list[_Item] = []
        for item in group:
            if len(item.keys) > 1:
                inner.append(_Item(item.keys[1:], item.value, item.at))
            elif item.value.items and not item.value.holds_blocks_alone():
                raise self._repeated(group)
            else:
                inner.extend(item.value.items)
        return self._join(inner, once=True)

    def _repeated(self, group: list[_Item]) -> HclError:
        first, second = group[0], group[1]
        return self._scanner.error(
            f"The same name is on line {self._scanner.line(first.at)} already, and SPIRE would use only one of the"
            " two: make them one.",
            second.at,
        )


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of a JSON object in order, so that a repeated key can be found."""


def _load_json(text: str) -> Tree:
    try:
        # A number that is too large for a float becomes infinity, which plain() refuses with its path.
        raw = json.loads(text, object_pairs_hook=_Pairs, parse_int=_json_integer)
        return plain(_json_value(raw, ()))
    except json.JSONDecodeError as error:
        # Some messages of this error end with a character of the text, which may be a secret's.
        reason = re.split(r"[:']", error.msg)[0].strip()
        raise HclError(f"This is not JSON: {reason}.", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise HclError(f"The JSON is nested more than {MAX_DEPTH} levels deep.") from None


def _json_integer(text: str) -> int:
    # 40 digits are more than 64 bits have, and Python refuses to convert thousands of digits.
    return int(text[:40])


def _json_value(value: Any, path: Path) -> Any:
    if isinstance(value, _Pairs):
        result: Tree = {}
        for key, item in value:
            if key in result:
                raise HclError("This key is in the same JSON object twice.", path_text((*path, key)))
            # SPIRE reads null as an option that is not set.
            if item is not None:
                result[key] = _json_value(item, (*path, key))
        return result
    if isinstance(value, list):
        return [_json_value(item, (*path, index)) for index, item in enumerate(value)]
    return value
