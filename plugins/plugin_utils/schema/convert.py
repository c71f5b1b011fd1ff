# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts the values of a tree to the schema's types, and removes secrets and unknown values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import plain
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import Finder, finder
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option, block

REDACTED = "(redacted)"

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})


def coerce(component: str, tree: Mapping[str, Any], version: Version, schemas: tuple[str, ...] = ()) -> dict[str, Any]:
    """Converts the values of a tree to the schema's types. A value that can't be converted stays as it is, and the check reports it."""
    result: dict[str, Any] = _coerce_block(finder(component, schemas), block(component), plain(tree), version)
    return result


def redact(component: str, tree: Mapping[str, Any], schemas: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the tree without secrets, without values of unknown options, and without options of plugins that have no schema."""
    result: dict[str, Any] = _redact_block(finder(component, schemas), block(component), plain(tree))
    return result


def _coerce_block(find: Finder, known: Block, values: Any, version: Version) -> Any:
    if not isinstance(values, dict):
        return values
    view = known.at(version)
    result = {}
    for name, value in values.items():
        spec = view.specs.get(name)
        if spec is None:
            result[name] = value
        elif spec.type == "plugins":
            result[name] = _plugins(find, value, lambda b, v: _coerce_block(find, b, v, version), None)
        else:
            result[name] = _coerce_value(find, spec.type, known.options[name].block, value, version)
    return result


def _coerce_value(find: Finder, kind: str, inner: Block | None, value: Any, version: Version) -> Any:
    if kind in _SCALARS:
        return _SCALARS[kind](value)
    if kind == "list(string)":
        return [_string(item) for item in value] if isinstance(value, list) else value
    if kind == "map(string)":
        return {k: _string(v) for k, v in value.items()} if isinstance(value, dict) else value
    if kind == "map(list(string))" and isinstance(value, dict):
        return {k: _coerce_value(find, "list(string)", None, v, version) for k, v in value.items()}
    if inner is None:
        return value
    if kind == "map(block)" and isinstance(value, dict):
        return {k: _coerce_block(find, inner, v, version) for k, v in value.items()}
    if kind == "list(block)" and isinstance(value, (dict, list)):
        # SPIRE accepts a single block in place of a list of blocks
        return [_coerce_block(find, inner, v, version) for v in (value if isinstance(value, list) else [value])]
    return _coerce_block(find, inner, value, version) if isinstance(value, dict) else _string(value)


def _string(value: Any) -> Any:
    # A float is not converted, because 1.10 would become "1.1".
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _int(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value, re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _float(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}(\.[0-9]{1,18})?\s*", value, re.ASCII):
        return float(value)
    return value


def _bool(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else None
    return True if word in _TRUE else False if word in _FALSE else value


def _duration(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


_SCALARS = {"string": _string, "int": _int, "float": _float, "bool": _bool, "duration": _duration}


def _plugins(find: Finder, kinds: Any, change: Any, hidden: Any) -> Any:
    """Applies ``change`` to each plugin's block and plugin_data. Where ``hidden`` is given, it replaces everything unknown."""
    if not isinstance(kinds, dict):
        return kinds if hidden is None else hidden
    wrapper = block("plugin")
    result: dict[str, Any] = {}
    for kind, names in kinds.items():
        if not isinstance(names, dict):
            result[kind] = names if hidden is None else hidden
            continue
        result[kind] = {}
        for name, body in names.items():
            changed = change(wrapper, body) if isinstance(body, dict) or hidden is None else hidden
            data = body.get("plugin_data") if isinstance(body, dict) else None
            known = None if data is None else find(kind, name, body)
            if known and isinstance(data, dict):
                changed["plugin_data"] = change(known, data)
            elif data is not None and data != {} and hidden is not None:
                changed["plugin_data"] = hidden
            result[kind][name] = changed
    return result


def _redact_block(find: Finder, known: Block, values: Any) -> Any:
    if not isinstance(values, dict):
        return REDACTED
    result = {}
    for name, value in values.items():
        option = known.options.get(name)
        if option is None:
            result[name] = REDACTED
        elif "plugins" in option.types:
            result[name] = _plugins(find, value, lambda b, v: _redact_block(find, b, v), REDACTED)
        else:
            result[name] = _redact_value(find, option, value)
    return result


def _redact_value(find: Finder, option: Option, value: Any) -> Any:
    if value is None or value == "":
        return value
    if option.secret or not any(_fits(kind, value) for kind in option.types):
        return REDACTED
    if option.block is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [_redact_block(find, option.block, item) for item in value]
    if "map(block)" in option.types:
        return {name: _redact_block(find, option.block, item) for name, item in value.items()}
    return _redact_block(find, option.block, value)


def _fits(kind: str, value: Any) -> bool:
    """Whether the value has the shape of the type. A value of another shape may be a secret in the wrong place."""
    scalar = describe(value) not in ("a mapping", "a list")
    if kind in _SCALARS:
        return scalar
    if kind == "string or block":
        return isinstance(value, (str, dict))
    if kind == "list(string)":
        return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)
    if kind == "list(block)":
        return isinstance(value, (list, dict))
    if kind == "map(string)":
        return isinstance(value, dict) and not any(isinstance(item, (dict, list)) for item in value.values())
    if kind == "map(list(string))":
        return isinstance(value, dict) and all(_fits("list(string)", item) for item in value.values())
    return isinstance(value, dict)
