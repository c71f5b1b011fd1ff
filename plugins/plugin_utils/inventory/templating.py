# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a Fleet from Ansible's variables. Only the variables that planning reads are templated, and errors name the path of a value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError, AnsibleUndefinedVariable

from ansible_collections.spire.fleet.plugins.plugin_utils.common import cryptography_import as crypto
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child, plain
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import ANSIBLE_VARIABLES, Values, is_read_by_planning

FACT_HINT = (
    "These playbooks gather no facts: write the value in the inventory, "
    "or gather facts in a play of your own before importing them."
)

#: a name in a Go template, which begins with a dot; no name in a template of Ansible does
_GO_NAME = re.compile(r"""\{\{(?:(?:[^{}'"]|'[^']*'|"[^"]*")*[\s(|-])?\.[A-Za-z]""")

_GO_TEMPLATE = (
    "It is a Go template, which SPIRE is to get as it is, and Ansible takes it for a template of its own. Write !unsafe before "
    'the text, for example `!unsafe "/{{ .PluginName }}"`.'
)
_SYNTAX = re.compile(r"(?:Syntax error in template|template error while templating string): (.*?)(?:\. String: .*)?$")

#: the result of a template that failed
_NOTHING = object()


def fleet_of(task_vars: Mapping[str, Any], templar: Any) -> Fleet:
    """Returns the whole inventory as this task sees it.

    The variables of the task's own host include those of the play and the task. Those of every other host come from the inventory, its
    facts and extra variables.
    """
    if crypto.MISSING:
        raise AnsibleError(crypto.MISSING)
    hostvars = task_vars["hostvars"]
    # There is no own host while Ansible evaluates the hosts of a play.
    own = task_vars.get("inventory_hostname")

    def values_of(host: str) -> Values:
        # raw_get returns a host's variables without hostvars, and a variable often refers to the variables of another host.
        raw = task_vars if host == own else {**hostvars.raw_get(host), "hostvars": hostvars}
        return templated(raw, templar)

    def address_of(host: str) -> Mapping[str, Any]:
        raw = hostvars.raw_get(host)
        given = {name: raw[name] for name in ANSIBLE_VARIABLES if raw.get(name)}
        plainly = not any("{{" in str(value) for value in given.values())
        return given if plainly else templated({**raw, "hostvars": hostvars}, templar, ANSIBLE_VARIABLES).raw

    return Fleet(dict(task_vars.get("groups") or {}), values_of, address_of)


def templated(raw: Mapping[str, Any], templar: Any, names: Iterable[str] = ()) -> Values:
    """Returns the collection's variables in ``raw``, or those named, as plain values. A value that can't be templated becomes a problem."""
    local = templar.copy_with_new_env(available_variables=raw)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in names or raw:
        if name not in raw or not str(name).startswith(("spire_", *ANSIBLE_VARIABLES)):
            continue
        if not is_read_by_planning(name):
            values[name] = None
            continue
        try:
            values[name] = plain(local.template(raw[name]))
        except Exception as exc:  # Older releases of ansible-core raise a filter's own exceptions.
            found: list[Problem] = []
            made = _Parts(local, raw, name, found).of(raw[name], name)
            problems += found or [_unmade(exc, raw[name], name, name, raw)]
            if made is not _NOTHING:
                values[name] = made
    return Values(values, problems)


@dataclasses.dataclass
class _Parts:
    """Templates each part of a value separately, so that the valid parts can be checked. Each part that fails becomes a problem."""

    templar: Any
    raw: Mapping[str, Any]
    layer: str
    problems: list[Problem]

    def of(self, value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            made = {str(key): self.of(value[key], child(path, key)) for key in value}
            return {key: part for key, part in made.items() if part is not _NOTHING}
        if isinstance(value, Sequence) and not isinstance(value, str):
            parts = [self.of(item, f"{path}[{index}]") for index, item in enumerate(value)]
            return [part for part in parts if part is not _NOTHING]
        try:
            return plain(self.templar.template(value))
        except Exception as exc:  # It may be a filter's own exception.
            self.problems.append(_unmade(exc, value, path, self.layer, self.raw))
            return _NOTHING


def _unmade(exc: Exception, value: Any, path: str, layer: str, raw: Mapping[str, Any]) -> Problem:
    # Ansible reads "lower .Name" of a Go template as an attribute of an undefined variable.
    if _GO_NAME.search(str(value)) and (isinstance(exc, AnsibleUndefinedVariable) or _SYNTAX.match(_first_line(exc))):
        return Problem("template", path, _GO_TEMPLATE, layer)
    hint = f" {FACT_HINT}" if _asks_facts(str(value), raw) else ""
    return Problem("template", path, f"The value can't be made yet: {_reason(exc)}.{hint}", layer)


def _reason(exc: Exception) -> str:
    """Returns why a template failed, such as an undefined variable. The message of a filter is left out, because it may hold a secret."""
    reason = _first_line(exc)
    if isinstance(exc, AnsibleUndefinedVariable):
        return re.sub(r"^\{\{.*?\}\}: ", "", reason).split(". ", 1)[0]
    syntax = _SYNTAX.match(reason)
    if syntax:
        return f"the template has a syntax error, {syntax[1].rstrip('.')}"
    return f"its template failed ({type(exc).__name__})"


def _first_line(exc: Exception) -> str:
    lines = str(exc.message if hasattr(exc, "message") else exc).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(exc).__name__


def _asks_facts(text: str, raw: Mapping[str, Any]) -> bool:
    """Whether a template needs facts, itself or through other variables."""
    waiting = [text]
    observed: set[str] = set()
    while waiting:
        found = waiting.pop()
        if re.search(r"\bansible_(?!host\b)", found):
            return True
        names = {name for name in re.findall(r"[A-Za-z_]\w*", found) if name in raw} - observed
        observed |= names
        waiting += [raw[name] for name in names if isinstance(raw[name], str) and "{{" in raw[name]]
    return False
