# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Splits HCL1 text into tokens as SPIRE's scanner does: escapes, heredocs, numbers and interpolations."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import HclError, MAX_INT, MIN_INT

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]*|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?)|\.[0-9]+[eE]?")
_INTEGER = re.compile(r"(-?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<octal>0[0-7]+)|(?P<decimal>0|[1-9][0-9]*))\Z")
_VERBATIM = re.compile(r'[^"\\$\n]+')
_ESCAPE = re.compile(
    r'\\(?:(?P<short>[abfnrtv\\"])|(?P<octal>[0-7]{3})|x(?P<hex>[0-9a-fA-F]{2})'
    r"|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8}))"
)
_SHORT = {"a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "\\": b"\\", '"': b'"'}

# SPIRE's scanner uses U+E123 itself and stops at NUL. A surrogate can't be written as UTF-8.
_FORBIDDEN = re.compile("[\x00\ue123\ud800-\udfff]")

# more digits than a 64-bit number has; Python refuses to convert thousands of digits
_MAX_DIGITS = 25


class Token(NamedTuple):
    """One token. Its kind is "name", "string", "heredoc", "value" (a number or boolean), "end", or a mark such as "{"."""

    kind: str
    value: Any
    at: int


class Scanner:
    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        forbidden = _FORBIDDEN.search(self._text)
        if forbidden:
            raise self.error(f"The character U+{ord(forbidden.group()):04X} is not allowed in HCL.", forbidden.start())

    def error(self, message: str, at: int) -> HclError:
        line = self._text.count("\n", 0, at) + 1
        return HclError(message, line=line, column=at - self._text.rfind("\n", 0, at))

    def line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def next(self) -> Token:
        self._skip()
        text, at = self._text, self._at
        if at == len(text):
            return Token("end", None, at)
        char = text[at]
        if _is_letter(char):
            return self._name(at)
        if char == '"':
            return self._string(at)
        if char in "{}[],=":
            self._at = at + 1
            return Token(char, None, at)
        if char == "<":
            return self._heredoc(at)
        number = _NUMBER.match(text, at)
        if number:
            self._at = number.end()
            return Token("value", self._number(number.group(), at), at)
        raise self.error("This character can't stand here.", at)

    def _skip(self) -> None:
        """Skips white space and comments."""
        text = self._text
        while True:
            at = _match_end(_SPACE, text, self._at)
            if text.startswith(("#", "//"), at):
                end = text.find("\n", at)
                self._at = len(text) if end < 0 else end
            elif text.startswith("/*", at):
                end = text.find("*/", at + 2)
                if end < 0:
                    raise self.error("This comment is never closed.", at)
                self._at = end + 2
            else:
                self._at = at
                return

    def _name(self, at: int) -> Token:
        text, end = self._text, at + 1
        while end < len(text) and (_is_letter(text[end]) or text[end].isdecimal() or text[end] in "-."):
            end += 1
        self._at = end
        name = text[at:end]
        return Token("value", name == "true", at) if name in ("true", "false") else Token("name", name, at)

    def _number(self, text: str, at: int) -> int | float:
        if len(text) <= _MAX_DIGITS or not text.lstrip("-").isdecimal():
            found = _INTEGER.match(text)
            if found:
                base = {"hex": 16, "octal": 8, "decimal": 10}[str(found.lastgroup)]
                integer = int(found[1] + found[str(found.lastgroup)], base)
                if MIN_INT <= integer <= MAX_INT:
                    return integer
            elif "." in text or ("e" in text.lower() and "x" not in text.lower()):
                return self._float(text, at)
            else:
                raise self.error("This is not a number.", at)
        raise self.error("This integer does not fit into 64 bits.", at)

    def _float(self, text: str, at: int) -> float:
        try:
            number = float(text)
        except ValueError:
            raise self.error("This is not a number.", at) from None
        if not math.isfinite(number):
            raise self.error("This number is too large.", at)
        return number

    def _string(self, start: int) -> Token:
        text, at = self._text, start + 1
        parts: list[bytes] = []
        while True:
            at, run = _match_end(_VERBATIM, text, at), at
            parts.append(text[run:at].encode())
            char = text[at : at + 1]
            if char == '"':
                break
            if char == "\\":
                escape = self._escape(at)
                parts.append(self._unescape(escape))
                at = escape.end()
            elif char == "$":
                end = self._interpolation(at, start) if text.startswith("${", at) else at + 1
                parts.append(text[at:end].encode())
                at = end
            else:
                raise self.error("This string is never closed, or not on its own line.", start)
        self._at = at + 1
        try:
            # Octal and \x escapes are bytes, so only the whole string can be checked for UTF-8.
            return Token("string", b"".join(parts).decode("utf-8"), start)
        except UnicodeDecodeError:
            raise self.error("The escapes in this string make bytes that are not UTF-8.", start) from None

    def _interpolation(self, at: int, start: int) -> int:
        """Returns the end of a ${...}, which SPIRE takes as it is: quotes and newlines in it have no meaning."""
        text, depth = self._text, 0
        at += 1
        while at < len(text):
            char = text[at]
            if char == "\\":
                at = self._escape(at).end()
                continue
            at += 1
            depth += {"{": 1, "}": -1}.get(char, 0)
            if depth == 0:
                return at
        raise self.error("A ${ in this string has no closing brace: write \\u0024{ for the bare characters.", start)

    def _escape(self, at: int) -> re.Match[str]:
        found = _ESCAPE.match(self._text, at)
        if not found:
            raise self.error("HCL has no such escape: a backslash itself is written twice.", at)
        return found

    def _unescape(self, escape: re.Match[str]) -> bytes:
        kind, code = str(escape.lastgroup), escape[str(escape.lastgroup)]
        if kind == "short":
            return _SHORT[code]
        number = int(code, 8 if kind == "octal" else 16)
        if kind in ("octal", "hex"):
            if number > 255:
                raise self.error("This octal escape is larger than a byte.", escape.start())
            return bytes([number])
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise self.error("This escape is not a character.", escape.start())
        return chr(number).encode()

    def _heredoc(self, start: int) -> Token:
        text = self._text
        if not text.startswith("<<", start):
            raise self.error("This character can't stand here.", start)
        at = start + 2
        if text.startswith("-", at):
            at += 1
        word = at
        while at < len(text) and (_is_letter(text[at]) or text[at].isdecimal()):
            at += 1
        if at == word or not text.startswith("\n", at):
            raise self.error("After << must come one word of letters and digits, and then a new line.", start)
        marker = text[start + 2 : at]
        last_line = re.compile(rf"[ \t\n\v\f\r]*{marker.lstrip('-')}\r*")
        line = at + 1
        while True:
            end = text.find("\n", line)
            if end < 0:
                raise self.error("This heredoc is never closed: its word must stand alone on a line.", start)
            # SPIRE counts the dash as a part of the word here, so a word without indentation can't close a <<- heredoc.
            if end - line >= len(marker) and last_line.fullmatch(text, line, end):
                break
            line = end + 1
        self._at = end + 1
        return Token("heredoc", _heredoc_value(text[start : end + 1]), start)


def _heredoc_value(token: str) -> str:
    """Returns the value as SPIRE cuts it out of the token, which goes from << to the newline after the closing word."""
    head = token.index("\n")
    if token[2] != "-":
        return token[head + 1 : len(token) - head + 1]
    lines = token[head + 1 : len(token) - head + 2].split("\n")
    margin = lines[-1]
    if all(line.startswith(margin) for line in lines):
        return "\n".join([line[len(margin) :] for line in lines[:-1]] + [""])
    return token[head + 1 : len(token) - head + 1].rstrip(" \t")


def _match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _is_letter(char: str) -> bool:
    return char == "_" or char.isalpha()
