# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a configuration file of SPIRE, HCL1 or JSON, into a tree."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.items import Body, Item, Joiner
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.scanner import Scanner, Token
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import HclError, MAX_DEPTH, Path, Tree, path_text, plain

_NAMES = {
    "end": "the end of the file",
    "name": "a name",
    "string": "a string",
    "heredoc": "a heredoc",
    "value": "a number or boolean",
}
_LAST_COMMA = re.compile(r'(?P<string>"(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


def loads(text: str) -> Tree:
    """Returns the tree of a configuration file. Like SPIRE, it reads a text that begins with { as JSON."""
    if not isinstance(text, str):
        raise HclError("Only a text can be read as HCL.")
    text = str(text)
    return _load_json(text) if text.lstrip()[:1] == "{" else _Parser(text).tree()


class _Parser:
    def __init__(self, text: str) -> None:
        self._scanner = Scanner(text)
        self._token: Token = self._scanner.next()
        self._depth = 0
        self._joiner = Joiner(self._refusal)

    def tree(self) -> Tree:
        items: list[Item] = []
        while self._token.kind != "end":
            items.append(self._item())
        return self._joiner.join(items, top=True)

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

    def _item(self) -> Item:
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
        return Item(keys, value, at)

    def _body(self) -> Body:
        opened = self._take()
        body = Body()
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
            result.append(self._joiner.join(value.items) if isinstance(value, Body) else value)
            if self._token.kind == ",":
                self._take()
            elif self._token.kind != "]":
                raise self._unexpected("',' or ']'")
        self._take()
        self._depth -= 1
        return result

    def _refusal(self, reason: str, first: Item, second: Item) -> HclError:
        return self._scanner.error(f"The same name is on line {self._scanner.line(first.at)} already, and {reason}: make them one.", second.at)


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of a JSON object in order, also those of a repeated key."""


def _load_json(text: str) -> Tree:
    try:
        # A number that is too large for a float becomes infinity, which plain() refuses with its path.
        raw = json.loads(_without_last_commas(text), object_pairs_hook=_Pairs, parse_int=_json_integer)
        return plain(_JSON.join(_json_items(raw, (), top=True), top=True))
    except json.JSONDecodeError as error:
        # Some messages of this error end with a character of the text, which may be a secret's.
        reason = re.split(r"[:']", error.msg)[0].strip()
        raise HclError(f"This is not JSON: {reason}.", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise HclError(f"The JSON is nested more than {MAX_DEPTH} levels deep.") from None


def _without_last_commas(text: str) -> str:
    """Returns the text with a space in place of each comma after the last item of an object or a list, which SPIRE accepts."""
    return _LAST_COMMA.sub(lambda found: found["string"] or " ", text)


def _json_integer(text: str) -> int:
    # 40 digits are more than 64 bits have, and Python refuses to convert thousands of digits.
    return int(text[:40])


def _json_refusal(reason: str, _first: Item, second: Item) -> HclError:
    return HclError(f"The same name is in this JSON object already, and {reason}: make them one.", path_text(second.at))


_JSON = Joiner(_json_refusal, json=True)


def _json_items(pairs: _Pairs, path: Path, top: bool = False) -> list[Item]:
    """Returns the items of a JSON object. At the top level, a list of objects is the same block several times, as SPIRE reads it."""
    items: list[Item] = []
    for key, value in pairs:
        here = (*path, key)
        for one in value if top and _are_objects(value) else [value]:
            # SPIRE reads null as an empty text, but as no options where plugin_data is null.
            if one is not None or key.lower() != "plugin_data":
                items.append(Item([key], "" if one is None else _json_value(one, here), here))
    return items


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, _Pairs) and bool(value) and all(isinstance(one, _Pairs) for one in value)


def _json_value(value: Any, path: Path) -> Any:
    if isinstance(value, _Pairs):
        return Body(_json_items(value, path))
    if isinstance(value, list):
        return [_json_element(item, (*path, index)) for index, item in enumerate(value)]
    return value


def _json_element(value: Any, path: Path) -> Any:
    if value is None:
        raise HclError("SPIRE refuses null in a list: leave it out.", path_text(path))
    value = _json_value(value, path)
    return _JSON.join(value.items) if isinstance(value, Body) else value
