# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the schema of a plugin's plugin_data: of a built-in plugin, or of an external one.

The schema of an external plugin comes with the collection or is a file of the user's: <component>/<type>/<name>.yml below one of the
directories that ``spire_plugin_schemas`` names, in the format of schema/data.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import (
    ATTRIBUTES, Block, DATA, RULE_KINDS, block, made, plugin, plugin_types,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.values import FORMATS, TYPES

VARIABLE = "spire_plugin_schemas"
#: the directory of the schemas that come with the collection
EXTERNAL = "external"
#: the attributes of a rule besides its kind
RULE_WORDS = frozenset({"id", "since", "until", "when", "unless", "because", "source", "severity"})
#: returns the schema of a plugin's plugin_data, by the plugin's type, name and block
Finder = Callable[[str, str, Any], "Block | None"]

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)
_BLOCK = frozenset({"description", "since", "until", "absent", "rules", "options"})
#: attributes of an option that are true or false, and those that are text
_SWITCHES = frozenset({"required", "ignore_case", "secret", "secret_file", "certificate", "reread", "file"})
_WORDS = frozenset({"type", "since", "until", "deprecated", "format", "keys", "default_env", "description", "key_of"})


def finder(component: str, places: tuple[str, ...] = ()) -> Finder:
    """Returns the finder for the plugins of a component."""

    def find(kind: str, name: str, body: Any) -> Block | None:
        if isinstance(body, dict) and body.get("plugin_cmd"):
            return external(component, kind, name, places)
        return plugin(component, kind, name)

    return find


def external(component: str, kind: str, name: str, places: tuple[str, ...] = ()) -> Block | None:
    """Returns the schema of an external plugin's plugin_data; None where it has no schema."""
    for place in places:
        path = _path(place) / component / kind / f"{name}.yml"
        if os.path.isfile(path):
            return _load(path)[0]
    return block(f"{EXTERNAL}/{component}/{kind}/{name}") if name in external_names(component, kind) else None


@functools.lru_cache(maxsize=None)
def external_names(component: str, kind: str) -> frozenset[str]:
    """Returns the names of the external plugins whose schemas come with the collection."""
    return frozenset(path.stem for path in (DATA / EXTERNAL / component / kind).glob("*.yml"))


@functools.lru_cache(maxsize=None)
def mistakes(places: tuple[str, ...]) -> tuple[Problem, ...]:
    """Returns the mistakes in the user's schema files."""
    return tuple(Problem("plugin_schema", VARIABLE, message, VARIABLE) for place in places for message in _of_place(place))


def _path(place: str) -> Path:
    """Returns the path of a place. os.path raises no error, even where the name is too long or the user in ~user is unknown."""
    return Path(os.path.expanduser(place))


def _of_place(place: str) -> Iterator[str]:
    directory = _path(place)
    if not os.path.isdir(directory):
        yield f"There is no directory {place} on the controller."
        return
    files = sorted(directory.rglob("*.y*ml"))
    if not files:
        yield f"{place} holds no schema file; each is <component>/<type>/<plugin>.yml in it."
    for path in files:
        parts = path.relative_to(directory).parts
        component, kind = parts[:2] if len(parts) == 3 else ("", "")
        if component not in ("server", "agent") or path.suffix != ".yml":
            yield f"{path} must be <component>/<type>/<plugin>.yml below {place}, where the component is server or agent."
        elif kind not in plugin_types(component):
            types = ", ".join(sorted(plugin_types(component)))
            yield f"{path} is for plugins of the type {kind}, which a SPIRE {component} does not have; its types are {types}."
        else:
            yield from (f"{path}: {message}" for message in _load(path)[1])


@functools.lru_cache(maxsize=None)
def _load(path: Path) -> tuple[Block | None, tuple[str, ...]]:
    try:
        data = yaml.safe_load(path.read_bytes())
    except OSError as exc:
        return None, (f"it can't be read: {exc.strerror}.",)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        return None, (f"it is not YAML{where}: {getattr(exc, 'problem', None) or 'it can not be read'}.",)
    wrong = tuple(_of_block(data, ""))
    if wrong:
        return None, wrong
    try:
        return made(data), ()
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        return None, (f"a value in it has the wrong form: {exc}.",)


def _of_block(data: Any, path: str) -> Iterator[str]:
    prefix = f"{path}: " if path else ""
    if not isinstance(data, Mapping):
        yield f"{prefix}it must be a mapping with options, and it is {describe(data)}."
        return
    if not path:
        yield from (f"a schema has no {key}; it has {', '.join(sorted(_BLOCK))}." for key in data if key not in _BLOCK)
    for key in ("since", "until"):
        if key in data and not _VERSION.fullmatch(str(data[key])):
            yield f"{prefix}{key} must be a release of SPIRE such as 1.15.3."
    options = data.get("options")
    if not isinstance(options, Mapping):
        yield f"{prefix}options must be a mapping from names to options; write `options: {{}}` for none."
        return
    for name, option in options.items():
        yield from _of_option(option, child(path, name))
    rules = data.get("rules", [])
    if not isinstance(rules, list):
        yield f"{prefix}rules must be a list."
        return
    for rule in rules:
        yield from (f"{prefix}{message}" for message in _of_rule(rule, options))


def _of_rule(rule: Any, options: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(rule, Mapping):
        yield "each of rules must be a mapping such as `{needs: [one, other]}`."
        return
    kinds = [key for key in rule if key not in RULE_WORDS]
    for kind in kinds:
        if kind not in RULE_KINDS:
            yield f"a rule has no {kind}; it has {', '.join(sorted(RULE_KINDS))}."
            continue
        names = rule[kind] if isinstance(rule[kind], list) else []
        if not names:
            yield f"{kind} must be a list of options."
        yield from (f"a rule names {name}, which is not an option here." for name in names if name not in options)
    if len(kinds) != 1:
        yield f"a rule must have one of {', '.join(sorted(RULE_KINDS))}."


def _of_option(option: Any, path: str) -> Iterator[str]:
    if not isinstance(option, Mapping):
        yield f"{path}: it must be a mapping such as `{{type: string}}`, and it is {describe(option)}."
        return
    for key in option:
        if key not in ATTRIBUTES:
            yield f"{path}: an option has no {key}; it has {', '.join(sorted(ATTRIBUTES))}."
    if option.get("type") not in TYPES:
        yield f"{path}: type must be one of {', '.join(sorted(TYPES))}."
    for key in sorted(_SWITCHES & set(option)):
        if not isinstance(option[key], bool):
            yield f"{path}: {key} must be true or false."
    for key in sorted((_WORDS - {"type"}) & set(option)):
        if not isinstance(option[key], str):
            yield f"{path}: {key} must be a string."
    if "format" in option and option["format"] not in FORMATS:
        yield f"{path}: format must be one of {', '.join(sorted(FORMATS))}."
    if "enum" in option and not isinstance(option["enum"], list):
        yield f"{path}: enum must be a list of the values that are allowed."
    if "uses" in option:
        yield f"{path}: uses names a file of the collection's own; write the options here instead."
    elif "block" in str(option.get("type")):
        yield from _of_block(option, path)
    elif "options" in option:
        yield f"{path}: only a block has options; its type must be block, list(block) or map(block)."
