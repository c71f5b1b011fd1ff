# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces environment variables in the text of a file, as SPIRE does before it reads the file with -expandEnv."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import HclError

#: a variable with or without braces; of the characters that a shell treats specially, one alone is a name
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[^}]+)\}|(?P<special>[*#$@!?\-0-9])|(?P<bare>[A-Za-z_][A-Za-z0-9_]*)|(?P<wrong>\{\}?))")


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Returns the text with the values of its variables. ``$$`` is a dollar sign. A variable without a value is an error."""
    missing: dict[str, None] = {}

    def value(found: re.Match[str]) -> str:
        name = found["braced"] or found["special"] or found["bare"] or ""
        if name == "$":
            return "$"
        if name and name not in environment:
            missing[name] = None
        return environment.get(name, "")

    expanded = _VARIABLE.sub(value, text)
    if missing:
        names = and_list(list(missing))
        raise HclError(f"The file uses variables that the given environment does not have, and SPIRE would take them as empty: {names}.")
    return expanded
