# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a template of Go's text/template as far as Go itself does before it is used: what it calls, and what it asks of its data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<space>\s)|(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+')|(?P<variable>\$\w*)|(?P<field>\.[^\W\d]\w*)"""
    r"""|(?P<number>[+-]?\.?\d[\w.]*)|(?P<word>[^\W\d]\w*)|(?P<open>\()|(?P<close>\))|(?P<sign>:=|[=,|.])"""
)
#: words of the language itself, besides those that begin and end something
_WORDS = frozenset(("break", "continue", "false", "nil", "template", "true"))
#: what has a body up to its end; in the body of the second ones the dot is another one
_BEGIN = frozenset(("if", "range", "with", "block", "define"))
_OTHER_DOT = _BEGIN - {"if"}


class TemplateError(ValueError):
    """Go doesn't take the template; the words follow a colon."""


@dataclass
class Names:
    """What a template names."""

    functions: list[str] = field(default_factory=list)
    #: fields of its data, without the dot and without what is asked of them in turn
    fields: list[str] = field(default_factory=list)


def names(text: str) -> Names:
    """What the template names, each once and in its order; TemplateError where it is none."""
    found = Names()
    around: list[str] = []
    at = text.find("{{")
    while at >= 0:
        end = _comment(text, at)
        if not end:
            action, end = _action(text, at + 2)
            _note(action, around, found)
        at = text.find("{{", end)
    if around:
        raise TemplateError(f'"{around[-1]}" has no {{{{ end }}}}')
    return Names(list(dict.fromkeys(found.functions)), list(dict.fromkeys(found.fields)))


def _comment(text: str, at: int) -> int:
    """Where a comment ends; 0 where none begins."""
    begin = re.compile(r"\{\{(?:-\s+)?/\*").match(text, at)
    if not begin:
        return 0
    end = re.compile(r"\*/(?:\s+-)?\}\}").search(text, begin.end())
    if not end:
        raise TemplateError('a comment has no "*/}}" at its end')
    return end.end()


def _action(text: str, at: int) -> tuple[list[tuple[str, str]], int]:
    """The tokens of what begins there, each with its kind, and where it ends."""
    tokens: list[tuple[str, str]] = []
    at = re.compile(r"(?:-(?=\s))?").match(text, at).end()  # type: ignore[union-attr]
    while True:
        end = re.compile(r"(?:\s-)?\}\}").match(text, at)
        if end:
            return tokens, end.end()
        token = _TOKEN.match(text, at)
        if not token:
            break
        tokens.append((token.lastgroup or "", token.group()))
        at = token.end()
    if at >= len(text):
        raise TemplateError('a "{{" has no "}}" after it')
    if text[at] in "\"'`":
        raise TemplateError(f"a {text[at]} has no second one")
    raise TemplateError(f'"{text[at]}" can\'t stand between "{{{{" and "}}}}"')


def _note(tokens: list[tuple[str, str]], around: list[str], found: Names) -> None:
    """What one action names; ``around`` are the words whose bodies it stands in."""
    before, depth = "", 0
    first = next((text for kind, text in tokens if kind != "space"), "")
    if not first:
        raise TemplateError('nothing stands between "{{" and "}}"')
    if first in ("else", "end") and not around:
        raise TemplateError(f'"{first}" ends nothing')
    if first == "end":
        around.pop()
    inside = bool(_OTHER_DOT.intersection(around))
    for kind, text in tokens:
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            raise TemplateError('a ")" has no "(" before it')
        if kind == "field" and (before == "$" or not inside and before not in ("field", "variable", "close", "word")):
            found.fields.append(text[1:])
        elif kind == "word" and text not in _WORDS | _BEGIN | {"else", "end"}:
            found.functions.append(text)
        before = text if text == "$" else kind
    if depth:
        raise TemplateError('a "(" has no ")" after it')
    if first in _BEGIN:
        around.append(first)
