# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's variables. Their names, types and defaults are those of variables.yml."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe, did_you_mean, nearest, shown
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.reads import fingerprint
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import architecture

LAYER = re.compile(r"spire_(server|agent)_config__\w+\Z")
#: the name of a layer's variable with one underscore instead of two before the layer's own name
_NEAR_LAYER = re.compile(r"(spire_(?:server|agent)_config)_([^\W_]\w*)\Z")
_TRUE = {"yes", "true", "on", "1"}
_FALSE = {"no", "false", "off", "0"}
#: the length of the longest value that a message shows; for a longer value it shows the type
_LONGEST_SHOWN = 40
_EXPECTED = {
    "string": "a string",
    "integer": "a whole number",
    "boolean": "true or false",
    "mapping": "a mapping",
    "list": "a list",
    "string or mapping": "a string or a mapping",
}


@dataclasses.dataclass(frozen=True)
class Variable:
    """A variable as variables.yml describes it."""

    name: str
    type: str
    scope: str
    description: str
    default: Any = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    pattern: str = ""
    form: str = ""
    keys: tuple[str, ...] = ()
    shown: bool = True
    commas: bool = False
    maximum: int | None = None
    once: bool = False

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty text is a value. For other variables it means unset, since a survey sends it for an empty field."""
        return self.type == "string" and not self.choices and not self.pattern

    def fits(self, text: str) -> bool:
        """Whether a string matches the variable's pattern."""
        return not self.pattern or re.fullmatch(self.pattern, text) is not None


@functools.lru_cache(maxsize=None)
def catalogue() -> dict[str, Variable]:
    """Returns all variables by name."""
    path = os.path.join(os.path.dirname(__file__), "variables.yml")
    with open(path, encoding="utf-8") as file:
        data = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {
        name: Variable(name, **{**fields, **{key: tuple(fields.get(key, ())) for key in ("choices", "keys")}})
        for name, fields in data.items()
    }


def is_read_by_planning(name: str) -> bool:
    """Whether planning reads the variable of this name."""
    return name in catalogue() or name in connection.VARIABLES or LAYER.match(name) is not None


class Values(Mapping[str, Any]):
    """One host's variables, converted to their types and with defaults.

    A value of a wrong type is reported in ``problems``, and the default is used.
    """

    def __init__(self, raw: Mapping[str, Any], problems: Sequence[Problem] = ()) -> None:
        self.raw = raw
        self.problems: list[Problem] = list(problems)
        self._values: dict[str, Any] = {}
        for name, variable in catalogue().items():
            if not self.is_set(name):
                self._values[name] = variable.default
                continue
            converted, mistake = _convert(variable, raw[name])
            if mistake:
                self.problems.append(Problem("variable_type", name, mistake, layer=name))
                converted = variable.default
            self._values[name] = converted
        self.problems += misspelt(raw)

    def is_set(self, name: str) -> bool:
        """Whether the host has a value for a variable of the catalogue, even if it is the default or a wrong value."""
        value = self.raw.get(name)
        return value is not None and (value != "" or catalogue()[name].may_be_empty)

    @property
    def unmade(self) -> list[str]:
        """The paths of values that are not known: a template failed, a password of Ansible Vault is missing, or a play sets another value."""
        return [problem.path for problem in self.problems if problem.code in ("template", "vault", "play_variable")]

    @functools.cached_property
    def fingerprint(self) -> bytes:
        """Bytes that change when a variable that planning reads or a problem with one changes; empty where a change can't be detected."""
        read = [
            (str(name), value) for name, value in self.raw.items()
            if value is not None and is_read_by_planning(str(name))
        ]
        return fingerprint([sorted(read, key=lambda one: one[0]), sorted(map(repr, self.problems))])

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self):
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _convert(variable: Variable, value: Any) -> tuple[Any, str]:
    """Returns the value in the variable's type, or what is wrong with it."""
    if variable.type == "boolean":
        if isinstance(value, bool):
            return value, ""
        word = str(value).lower()
        if word in _TRUE | _FALSE:
            return word in _TRUE, ""
        return None, _expected(variable, value)
    if variable.type == "integer":
        return _convert_integer(variable, value)
    if variable.type == "list":
        if isinstance(value, str):
            return _convert_list(variable, value.strip())
        return (list(value), "") if isinstance(value, Sequence) and not isinstance(value, str) else (None, _expected(variable, value))
    if variable.type == "mapping":
        # The check of the tree reports a configuration of a wrong type.
        layer = variable.name in ("spire_server_config", "spire_agent_config")
        return (value, "") if isinstance(value, Mapping) else (None, "" if layer else _expected(variable, value))
    if variable.type == "string or mapping" and isinstance(value, Mapping):
        return _convert_items(variable, {str(key): str(item) for key, item in value.items()})
    return _convert_string(variable, value)


def _convert_list(variable: Variable, text: str) -> tuple[Any, str]:
    """Returns the list that a text means, as a survey of AWX and -e give it. A text that begins with a bracket is read as YAML, and so as JSON."""
    found: Any = None
    if text.startswith("["):
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError:
            pass
    elif variable.commas:
        found = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
    elif not re.search(r"[,\n]", text) and variable.name != "spire_entries":
        found = [text]
    if isinstance(found, list):
        return found, ""
    return None, f'{_expected(variable, text)} As one text, for example in a survey, a list is written in brackets: ["one", "two"].'


def _convert_integer(variable: Variable, value: Any) -> tuple[Any, str]:
    if not isinstance(value, bool) and re.fullmatch(r"\s*\d+\s*", str(value)):
        number = int(value)
        large = variable.maximum is not None and number > variable.maximum
        return (None, f"It must be {variable.maximum} or less, and it is {number}.") if large else (number, "")
    if not isinstance(value, bool) and re.fullmatch(r"\s*-\d+\s*", str(value)):
        return None, f"It must be 0 or more, and it is {int(value)}."
    return None, _expected(variable, value)


def _convert_items(variable: Variable, value: dict[str, str]) -> tuple[Any, str]:
    for key, item in value.items():
        if variable.keys and key not in variable.keys:
            meant = architecture(key)
            hint = f'; did you mean "{meant}"?' if meant in variable.keys else "."
            return None, f"{shown(key)} is not one of its keys, which are {', '.join(variable.keys)}{hint}"
        if item and not variable.fits(item):
            return None, f"{key} must be {variable.form}, and it is {_shown_value(variable, item)}."
    return value, ""


def _convert_string(variable: Variable, value: Any) -> tuple[Any, str]:
    choices = ", ".join(variable.choices)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        wrong = f"It must be one of {choices}, and it is {_shown_value(variable, value)}." if choices else _expected(variable, value)
        return None, wrong + (_yaml_boolean_hint(value, "" if choices else ": put quotes around it") if isinstance(value, bool) else "")
    text = str(value)
    if choices and text not in variable.choices:
        hint = did_you_mean(text, variable.choices)
        return None, f'"{text}" is not one of its values, which are {choices}{f"; {hint}" if hint else "."}'
    if not variable.fits(text):
        return None, f"It must be {variable.form}, and it is {_shown_value(variable, value)}."
    return text, ""


def _yaml_boolean_hint(value: bool, remedy: str) -> str:
    return f" YAML reads a bare {'yes or on as true' if value else 'no or off as false'}{remedy}."


def _expected(variable: Variable, value: Any) -> str:
    return f"It must be {_EXPECTED[variable.type]}, and it is {_shown_value(variable, value)}."


def _shown_value(variable: Variable, value: Any) -> str:
    """Returns a value as a message shows it. A value that is or may contain a secret is described by its type."""
    if isinstance(value, bool):
        return str(value).lower()
    if variable.secret or not variable.shown or variable.type in ("mapping", "list"):
        return describe(value)
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str) and len(value) <= _LONGEST_SHOWN:
        return shown(value)
    return describe(value)


def misspelt(raw: Iterable[str], names: Container[str] | None = None) -> list[Problem]:
    """Returns problems for names that are so similar to a variable's name (or to one of ``names``) that they must be a mistake.

    Other names that begin with spire_ may be variables of the inventory's own.
    """
    problems = []
    for name in raw:
        near = _nearest_name(str(name)) if str(name).startswith("spire_") and not is_read_by_planning(name) else ""
        if near and (names is None or near in names):
            message = f"No variable is called {name}; did you mean {near}?"
            problems.append(Problem("unknown_variable", str(name), message, layer=str(name)))
    return problems


@functools.lru_cache(maxsize=1024)
def _nearest_name(name: str) -> str:
    near = nearest(name, catalogue(), 0.88)
    layer = _NEAR_LAYER.match(name)
    # spire_server_config_eu is a layer, while spire_server_config_formt is more similar to spire_server_config_format
    if layer and near in ("", layer[1]):
        return f"{layer[1]}__{layer[2]}"
    return near
