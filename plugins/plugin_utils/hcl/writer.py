# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a tree as HCL1, or as the JSON that SPIRE accepts in its place."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import BARE_KEY, HclError, Path, Tree, path_text, plain

INDENT = "    "
WIDTH = 100

# Maps from a name to its block, which SPIRE's documentation writes with the name as a label. Layout alone depends on
# this: both forms mean the same.
_LABELLED = frozenset(("federates_with", "bundle_endpoint_profile", "profile"))

_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Escaped are characters that can't be seen, and U+E000 to U+F8FF because SPIRE's scanner refuses one of them. The
# ranges are fixed: a rule that asks Python would make the file depend on the controller's version of Unicode.
_HIDDEN = "\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff\ufff0-\uffff"
_ESCAPED = re.compile(f'["\\\\{_HIDDEN}]|\\$(?=\\{{)')
_ESCAPED_UNLESS_VARIABLE = re.compile(f'["\\\\{_HIDDEN}]|\\$(?=\\{{)(?!\\{{[A-Za-z_][A-Za-z0-9_]*\\}})')
_ESCAPED_IN_JSON = re.compile(f"[{_HIDDEN}]|\\$(?=\\{{)")
_JSON_UNLESS_VARIABLE = re.compile(f"[{_HIDDEN}]|\\$(?=\\{{)(?!\\{{[A-Za-z_][A-Za-z0-9_]*\\}})")


def dumps(tree: object, expand_env: bool = False) -> str:
    """Returns the tree as HCL1, in the order of its keys.

    With ``expand_env`` the form ``${NAME}`` stays as it is, for a SPIRE that runs with ``-expandEnv``; otherwise it
    is escaped, so that SPIRE reads exactly these characters.
    """
    writer = _Writer(_ESCAPED_UNLESS_VARIABLE if expand_env else _ESCAPED)
    lines = writer.body(plain(tree), (), 0)
    return "".join(f"{line}\n" for line in lines)


def dumps_json(tree: object, expand_env: bool = False) -> str:
    """Returns the tree as JSON that SPIRE reads like the HCL; raises HclError for values that its JSON reader would lose."""
    text = json.dumps(_for_json(plain(tree), ()), indent=len(INDENT), ensure_ascii=False, allow_nan=False)
    # outside of strings JSON has none of these characters, apart from the newlines between its lines
    pattern = _JSON_UNLESS_VARIABLE if expand_env else _ESCAPED_IN_JSON
    return "\n".join(pattern.sub(_escape, line) for line in text.split("\n")) + "\n"


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return _SHORT_ESCAPES.get(char) or f"\\u{ord(char):04x}"


class _Writer:
    def __init__(self, escaped: re.Pattern[str]) -> None:
        self._escaped = escaped

    def body(self, items: Tree, path: Path, depth: int) -> list[str]:
        """Returns the lines between a pair of braces, with a blank line before and after a block."""
        lines: list[str] = []
        after_block = False
        for key, value in items.items():
            for item in self._item(key, value, (*path, key), depth):
                block = len(item) > 1 and item[0].endswith("{")
                if lines and (block or after_block):
                    lines.append("")
                lines.extend(item)
                after_block = block
        return lines

    def _item(self, key: str, value: Any, path: Path, depth: int) -> list[list[str]]:
        if isinstance(value, dict):
            if _is_labelled(value, path):
                head = self._key(key)
                return [
                    self._block(f"{head} {self._quoted(name)} ", block, (*path, name), depth)
                    for name, block in value.items()
                ]
            return [self._block(f"{self._key(key)} ", value, path, depth)]
        prefix = f"{INDENT * depth}{self._key(key)} = "
        lines = self._value(value, path, depth, len(prefix))
        return [[prefix + lines[0], *lines[1:]]]

    def _block(self, head: str, body: Tree, path: Path, depth: int) -> list[str]:
        margin = INDENT * depth
        if not body:
            return [f"{margin}{head}{{}}"]
        return [f"{margin}{head}{{", *self.body(body, path, depth + 1), f"{margin}}}"]

    def _value(self, value: Any, path: Path, depth: int, used: int) -> list[str]:
        """Returns the lines of a value. The first is appended to a line that has ``used`` columns already."""
        if isinstance(value, dict):
            block = self._block("", value, path, depth)
            return [block[0].lstrip(), *block[1:]]
        if isinstance(value, list):
            return self._list(value, path, depth, used)
        return [self._scalar(value)]

    def _list(self, value: list[Any], path: Path, depth: int, used: int) -> list[str]:
        if not any(isinstance(item, (dict, list)) and item for item in value):
            line = "[" + ", ".join(self._value(item, path, 0, 0)[0] for item in value) + "]"
            if used + len(line) <= WIDTH or len(value) < 2:
                return [line]
        inner = INDENT * (depth + 1)
        lines = ["["]
        for index, item in enumerate(value):
            parts = self._value(item, (*path, index), depth + 1, len(inner) + 1)
            lines.extend([inner + parts[0], *parts[1:]])
            lines[-1] += ","
        lines.append(f"{INDENT * depth}]")
        return lines

    def _key(self, key: str) -> str:
        if BARE_KEY.match(key) and key not in ("true", "false"):
            return key
        return self._quoted(key)

    def _scalar(self, value: Any) -> str:
        if isinstance(value, str):
            return self._quoted(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return repr(value)

    def _quoted(self, text: str) -> str:
        return '"' + self._escaped.sub(_escape, text) + '"'


def _is_labelled(value: Tree, path: Path) -> bool:
    named = path[-1] in _LABELLED or (len(path) == 2 and path[0] == "plugins")
    return named and bool(value) and all(isinstance(block, dict) for block in value.values())


def _for_json(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        items = {key: _for_json(item, (*path, key)) for key, item in value.items()}
        if len(path) == 3 and path[0] == "plugins" and _leaves(items) > 1:
            # SPIRE would count the plugin once for each of its inner blocks, and refuse it as declared twice. One value that
            # is not a block prevents that; an empty plugin_cmd is the default.
            items = {"plugin_cmd": "", **items}
        # SPIRE reports the inner names as unknown where an object begins with a block of blocks.
        return dict(sorted(items.items(), key=lambda pair: _leaves(pair[1]) > 0))
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (bool, list)):
                what = "a list" if isinstance(item, list) else "a boolean"
                raise HclError(
                    f"SPIRE's JSON reader loses {what} inside a list: use HCL for this configuration.",
                    path_text((*path, index)),
                )
        return [_for_json(item, (*path, index)) for index, item in enumerate(value)]
    return value


def _leaves(value: Any) -> int:
    """Returns the number of labelled blocks into which SPIRE's JSON reader splits this value; 0 where it does not split it."""
    blocks = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(blocks, list) or not blocks or not all(isinstance(block, dict) for block in blocks):
        return 0
    return sum(_leaves(block) or 1 for block in blocks)
