# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads templates of Go's text/template: finds syntax errors, the functions and fields that a template names, and its other text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<space>\s)|(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+')|(?P<variable>\$\w*)|(?P<field>\.[^\W\d]\w*)"""
    r"""|(?P<number>[+-]?\.?\d[\w.]*)|(?P<word>[^\W\d]\w*)|(?P<open>\()|(?P<close>\))|(?P<sign>:=|[=,|.])"""
)
#: keywords of the template language, besides those of _BEGIN, else and end
_WORDS = frozenset(("break", "continue", "false", "nil", "template", "true"))
#: actions with a body that {{ end }} closes; all but "if" give the dot another value in their body
_BEGIN = frozenset(("if", "range", "with", "block", "define"))
_OTHER_DOT = _BEGIN - {"if"}


class TemplateError(ValueError):
    """Go can't parse the template. The message is a clause, to be put after a colon."""


@dataclass
class Names:
    """The functions and fields that a template names, and its other text."""

    functions: list[str] = field(default_factory=list)
    #: fields of its data, without the dot and without fields of these fields
    fields: list[str] = field(default_factory=list)
    #: the same fields with the fields of these fields, such as "Subject.CommonName"
    paths: list[str] = field(default_factory=list)
    #: whether it uses its data as a whole
    whole: bool = False
    #: the texts before, between and after its actions, without those of {{ define }}
    texts: list[str] = field(default_factory=list)
    #: the field whose value is the first thing that it prints, without the dot; empty where it begins otherwise
    begins_with: str = ""


def names(text: str) -> Names:
    """Returns what the template names, each once and in order; raises TemplateError where Go can't parse it."""
    found = Names()
    around: list[str] = []
    at, end = text.find("{{"), 0
    while at >= 0:
        _note_text(text, end, at, around, found)
        end = _comment(text, at)
        if not end:
            action, end = _action(text, at + 2)
            _note(action, around, found)
            if found.texts == [""] and all(kind in ("space", "field") for kind, _token in action):
                found.begins_with = found.paths[0]
        at = text.find("{{", end)
    _note_text(text, end, len(text), around, found)
    if around:
        raise TemplateError(f'"{around[-1]}" has no {{{{ end }}}}')
    found.functions, found.fields, found.paths = (list(dict.fromkeys(each)) for each in (found.functions, found.fields, found.paths))
    return found


def _note_text(text: str, begin: int, end: int, around: list[str], found: Names) -> None:
    """Adds the text between two actions to ``found``, without the blanks that a hyphen in one of the actions removes."""
    made = text[begin:end]
    if re.search(r"\s-\}\}$", text[:begin][-4:]):
        made = made.lstrip(" \t\r\n")
    if re.match(r"\{\{-\s", text[end : end + 4]):
        made = made.rstrip(" \t\r\n")
    if "define" not in around:
        found.texts.append(made)


def _comment(text: str, at: int) -> int:
    """Returns the end of the comment that begins here; 0 where none begins."""
    begin = re.compile(r"\{\{(?:-\s+)?/\*").match(text, at)
    if not begin:
        return 0
    end = re.compile(r"\*/(?:\s+-)?\}\}").search(text, begin.end())
    if not end:
        raise TemplateError('a comment does not end with "*/}}"')
    return end.end()


def _action(text: str, at: int) -> tuple[list[tuple[str, str]], int]:
    """Returns the tokens of the action that begins here, each with its kind, and the end of the action."""
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
        raise TemplateError('"{{" is not followed by "}}"')
    if text[at] in "\"'`":
        raise TemplateError(f"the quote {text[at]} is not closed")
    raise TemplateError(f'"{text[at]}" is not allowed between "{{{{" and "}}}}"')


def _note(tokens: list[tuple[str, str]], around: list[str], found: Names) -> None:
    """Adds the names of one action to ``found``. ``around`` are the keywords whose bodies contain the action."""
    before, depth, in_path = "", 0, False
    first = next((text for kind, text in tokens if kind != "space"), "")
    if not first:
        raise TemplateError('there is nothing between "{{" and "}}"')
    if first in ("else", "end") and not around:
        raise TemplateError(f'there is no block that "{first}" could end')
    if first == "end":
        around.pop()
    inside = bool(_OTHER_DOT.intersection(around))
    for kind, text in tokens:
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            raise TemplateError('")" does not follow a "("')
        if kind == "field" and (before == "$" or not inside and before not in ("field", "variable", "close", "word")):
            found.fields.append(text[1:])
            found.paths.append(text[1:])
            in_path = True
        elif kind == "field" and before == "field" and in_path:
            found.paths[-1] += text
        elif kind == "word" and text not in _WORDS | _BEGIN | {"else", "end"}:
            found.functions.append(text)
        in_path = in_path and kind == "field"
        found.whole = found.whole or before == "$" and kind != "field" or text == "." and not inside
        before = text if text == "$" else kind
    found.whole = found.whole or before == "$"
    if depth:
        raise TemplateError('"(" is not followed by ")"')
    if first in _BEGIN:
        around.append(first)
