# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrapper of the filters that make connection strings: it checks the input and translates errors, which contain no value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.filter_errors import FilterError
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe


def string_filter(name: str, build: Callable[[Mapping[str, Any]], str]) -> type:
    """Returns the class in which Ansible finds a filter of this name. ``build`` gets the parts of the string."""

    def run(parts: object) -> str:
        if not isinstance(parts, Mapping):
            raise FilterError(f"{name}: The input must be a mapping, but it is {describe(parts)}.")
        try:
            return build(parts)
        except ValueError as error:
            raise FilterError(f"{name}: {error}") from None

    return type("FilterModule", (), {"filters": lambda self: {name: run}})
