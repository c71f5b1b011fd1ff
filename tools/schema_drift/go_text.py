# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads from a file of Go what the schema needs: its imports, its constants that are strings, and its types.

Function bodies are skipped, apart from types that are declared in them, because old plugins decode into such types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
    (?P<newline>\n)
  | (?P<space>[ \t\r]+)
  | (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)
  | (?P<rune>'(?:\\.[^']*|[^'\\])')
  | (?P<name>[^\W\d]\w*)
  | (?P<number>[0-9][0-9A-Za-z_.]*)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# after these a line's end also ends the statement
_ENDS = frozenset({"name", "text", "rune", "number"})
_TAG = re.compile(r'\bhcl:"([^"]*)"')
_OPEN = {"{": "}", "(": ")", "[": "]"}


@dataclass(frozen=True)
class Type:
    """A type of Go: ``kind`` is name, pointer, list, map, struct or other."""

    kind: str
    name: str = ""
    package: str = ""
    of: Type | None = None
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Field:
    name: str
    type: Type
    tag: str | None = None
    embedded: bool = False

    @property
    def option(self) -> str:
        """The name of the option that is decoded into this field; empty where none is."""
        if self.tag is None:
            return ""
        return "" if self.tag == "-" else self.tag.split(",")[0]

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple((self.tag or "").split(",")[1:])


@dataclass
class GoFile:
    package: str = ""
    imports: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)


def parse(text: str) -> GoFile:
    return _Parser(list(_tokens(text))).file()


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    ended = False
    for match in _TOKEN.finditer(text):
        kind, value = match.lastgroup or "", match.group()
        if kind == "newline" or (kind == "comment" and "\n" in value):
            if ended:
                yield "mark", ";"
            ended = False
        elif kind not in ("space", "comment"):
            yield kind, value
            ended = kind in _ENDS or value in ")]}"


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        where = self.at + ahead
        return self.tokens[where][1] if where < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        value = self.peek()
        self.at += 1
        return value

    def accept(self, value: str) -> bool:
        if self.peek() != value:
            return False
        self.at += 1
        return True

    def skip_group(self) -> None:
        """Skips to the end of the group that a bracket opens."""
        depth = 0
        while self.at < len(self.tokens):
            kind, value = self.tokens[self.at]
            self.at += 1
            if kind == "mark":
                depth += (value in _OPEN) - (value in _OPEN.values())
            if depth <= 0:
                return

    def file(self) -> GoFile:
        result = GoFile()
        while self.at < len(self.tokens):
            kind, word = self.tokens[self.at]
            self.at += 1
            if kind != "name":
                continue
            if word == "package" and not result.package:
                result.package = self.take()
            elif word == "import":
                self.several(lambda: self.one_import(result))
            elif word == "const":
                self.several(lambda: self.constant(result))
            elif word == "type" and self.kind() in ("name", "mark"):
                self.several(lambda: self.declaration(result))
        return result

    def several(self, one: Callable[[], None]) -> None:
        if not self.accept("("):
            one()
            return
        while self.at < len(self.tokens) and not self.accept(")"):
            before = self.at
            one()
            self.accept(";")
            self.at = max(self.at, before + 1)

    def one_import(self, result: GoFile) -> None:
        alias = self.take() if self.kind() in ("name", "mark") else ""
        if self.kind() == "text":
            path = self.take()[1:-1]
            last = [part for part in path.split("/") if not re.fullmatch(r"v[0-9]+", part)][-1]
            result.imports[alias or last] = path

    def constant(self, result: GoFile) -> None:
        name = self.take()
        while self.at < len(self.tokens) and self.peek() not in ("=", ";", ")"):
            self.at += 1
        if self.accept("=") and self.kind() == "text" and self.peek(1) in (";", ")"):
            result.constants[name] = self.peek()[1:-1]
        while self.at < len(self.tokens) and self.peek() not in (";", ")"):
            if self.peek() in _OPEN:
                self.skip_group()
            else:
                self.at += 1

    def declaration(self, result: GoFile) -> None:
        if self.kind() != "name":
            return  # a type switch, as in x.(type)
        name = self.take()
        if self.peek() == "[" and self.peek(1) != "]":
            self.skip_group()  # a generic type's parameters
        self.accept("=")
        found = self.type()
        if found.kind != "other":
            result.types.setdefault(name, found)

    def type(self) -> Type:
        if self.accept("*"):
            return Type("pointer", of=self.type())
        if self.accept("["):
            self.at -= 1
            self.skip_group()
            return Type("list", of=self.type())
        if self.peek() == "map" and self.peek(1) == "[":
            self.at += 1
            self.skip_group()
            return Type("map", of=self.type())
        if self.peek() == "struct" and self.peek(1) == "{":
            self.at += 2
            return Type("struct", fields=tuple(self.fields()))
        if self.kind() != "name" or self.peek() in ("func", "chan", "interface"):
            return self.other()
        name = self.take()
        if self.accept("."):
            return Type("name", self.take(), name)
        return Type("name", name)

    def other(self) -> Type:
        """Skips a type that can't contain options: a function, channel or interface."""
        while self.at < len(self.tokens) and self.peek() not in (";", "}", ")") and self.kind() != "text":
            if self.peek() in _OPEN:
                self.skip_group()
            else:
                self.at += 1
        return Type("other")

    def fields(self) -> Iterator[Field]:
        while self.at < len(self.tokens) and not self.accept("}"):
            if self.accept(";"):
                continue
            before = self.at
            yield from self.one_field()
            self.at = max(self.at, before + 1)

    def one_field(self) -> Iterator[Field]:
        embedded = self.peek() == "*" or self.peek(1) in (".", ";", "}") or self.tokens[self.at + 1][0] == "text"
        if embedded:
            kind = self.type()
            named = kind.of if kind.kind == "pointer" and kind.of else kind
            yield Field(named.name, kind, self.tag(), embedded=True)
            return
        names = [self.take()]
        while self.accept(","):
            names.append(self.take())
        kind = self.type()
        tag = self.tag()
        for name in names:
            yield Field(name, kind, tag)

    def tag(self) -> str | None:
        if self.kind() != "text":
            return None
        found = _TAG.search(self.take()[1:-1])
        return found.group(1) if found else None
