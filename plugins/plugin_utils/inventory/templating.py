# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a Fleet from Ansible's variables. Only the variables that planning reads are templated, and errors name the path of a value."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError, AnsibleUndefinedVariable

from ansible_collections.spire.fleet.plugins.plugin_utils.common import cryptography_import as crypto
from ansible_collections.spire.fleet.plugins.plugin_utils.common.filter_errors import FilterError
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import ENCRYPTED, child, plain
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, read_text
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values, catalogue, is_read_by_planning

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

#: how the lookup `file` says, in the releases of ansible-core, that a file is not there
_NO_FILE = re.compile(r"(?:accessing the file|Unable to access the file) '([^']+)'")

_NOT_OF_THE_INVENTORY = (
    "A play, a role or a task sets it here. The plans of all hosts are made from one inventory, where it has another value or none. Write it "
    "into the inventory, for example into group_vars beside it, or give it with -e."
)
_NOT_DECRYPTED = (
    "This value, or one that it uses, is encrypted by Ansible Vault, and this run can't decrypt it. Give the right password, for example with "
    "--vault-password-file or --vault-id."
)
#: what ansible-core makes of omit before 2.19, and of omit as a part of a text from 2.19 on
_OMITTED = re.compile(r"__omit_place_holder__[0-9a-f]*|<<Omit>>")

#: the marks without which Ansible takes a text for no template: Jinja's delimiters, and the header that changes them
_TEMPLATE = re.compile(r"\{\{|\{%|\{#|^#jinja2:")
#: types of values that hold neither a template nor another value
_SCALARS = (bool, int, float, type(None))

#: the result of a template that failed, or whose value is omitted
_NOTHING = object()
#: plain copies of values without a template, by the identity of the value, which is kept so that no other one gets its identity
_COPIES: dict[int, tuple[Any, Any]] = {}


def fleet_of(task_vars: Mapping[str, Any], templar: Any) -> Fleet:
    """Returns the whole inventory as this task sees it.

    The variables of every host come from the inventory, its facts and extra variables. A variable that a play, a role or a task sets is a problem
    of every host, since other plays and the plans of other hosts do not have it.
    """
    if crypto.MISSING:
        raise AnsibleError(crypto.MISSING)
    hostvars = task_vars["hostvars"]
    # There is no own host while Ansible evaluates the hosts of a play.
    own = task_vars.get("inventory_hostname")

    @functools.lru_cache(maxsize=None)
    def played() -> list[Problem]:
        names = _set_by_play(task_vars, hostvars.raw_get(own)) if own else []
        return [Problem("play_variable", name, _NOT_OF_THE_INVENTORY, name) for name in names]

    def values_of(host: str) -> Values:
        # raw_get returns a host's variables without hostvars, and a variable often refers to the variables of another host.
        raw = {**hostvars.raw_get(host), "hostvars": hostvars}
        found = templated(raw, templar)
        found.problems += played()
        return found

    def address_of(host: str) -> Mapping[str, Any]:
        raw = hostvars.raw_get(host)
        given = {name: raw[name] for name in connection.VARIABLES if raw.get(name)}
        plainly = not any("{{" in str(value) for value in given.values())
        return given if plainly else templated({**raw, "hostvars": hostvars}, templar, connection.VARIABLES).raw

    return Fleet(dict(task_vars.get("groups") or {}), values_of, address_of, lambda path: decrypted(path, templar))


def decrypted(path: str, templar: Any) -> str:
    """Returns the text of a file on the controller, which may be encrypted with Ansible Vault; raises OSError or ValueError like read_text."""
    text = read_text(path)
    if not text.startswith("$ANSIBLE_VAULT;"):
        return text
    try:
        # No public method of every supported ansible-core decrypts a file in memory. From 2.19 on, the templar's engine has the loader.
        return str(getattr(templar, "_engine", templar)._loader._get_file_contents(path)[0], "utf-8")
    except (AnsibleError, UnicodeDecodeError):
        raise ValueError("it is encrypted with Ansible Vault, and the run has not the password for it.") from None


def _set_by_play(task_vars: Mapping[str, Any], raw: Mapping[str, Any]) -> list[str]:
    """Returns the variables for planning that the task's variables have otherwise than the inventory, but for those of single playbooks."""
    names = [name for name in task_vars if str(name).startswith("spire_") and is_read_by_planning(name)]
    return [name for name in names if not (name in catalogue() and catalogue()[name].scope == "playbook") and not _same(task_vars[name], raw.get(name))]


def _same(one: Any, other: Any) -> bool:
    """Whether two values that are not templated are equal. Encrypted ones are compared as they are, since this run may not have the password."""
    if one is other:
        return True
    if type(one).__name__ in ENCRYPTED:
        return bool(one._ciphertext == getattr(other, "_ciphertext", None))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def templated(raw: Mapping[str, Any], templar: Any, names: Iterable[str] = ()) -> Values:
    """Returns the collection's variables in ``raw``, or those named, as plain values. A value that can't be templated becomes a problem."""
    local = templar.copy_with_new_env(available_variables=raw)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in names or raw:
        if name not in raw or not str(name).startswith(("spire_", *connection.VARIABLES)):
            continue
        if not is_read_by_planning(name):
            values[name] = None
            continue
        try:
            kept = _kept(raw[name])
            made = _without_omitted(plain(local.template(raw[name]))) if kept is _NOTHING else kept
        except Exception as exc:  # Older releases of ansible-core raise a filter's own exceptions.
            found: list[Problem] = []
            made = _Parts(local, raw, name, found).of(raw[name], name)
            problems += found or ([] if _is_omitted(exc) else [_unmade(exc, raw[name], name, name, raw)])
        if made is not _NOTHING:
            values[name] = made
    return Values(values, problems)


def _kept(value: Any) -> Any:
    """Returns the plain copy of a value without a template, and ``_NOTHING`` for another value.

    Hosts share the objects of their groups' variables, so a long list is copied once, and the processes that Ansible forks inherit the copy. Nobody
    changes what planning has read.
    """
    known = _COPIES.get(id(value))
    if known and known[0] is value:
        return known[1]
    if not _is_plain(value):
        return _NOTHING
    made = plain(value)
    if isinstance(made, (dict, list)):
        _COPIES[id(value)] = value, made
    return made


def _is_plain(value: Any) -> bool:
    """Whether Ansible would return this value as it is. Its templating visits each part of a long list for every host, which takes most of a run's
    time where an inventory has many entries."""
    if isinstance(value, str):
        return type(value).__name__ not in ENCRYPTED and not _TEMPLATE.search(value)
    if isinstance(value, dict):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if isinstance(value, (list, tuple)) else isinstance(value, _SCALARS)


def _is_omitted(exc: Exception) -> bool:
    """Whether ansible-core says by this error, from 2.19 on, that the value is omitted."""
    return type(exc).__name__ == "AnsibleValueOmittedError"


def _without_omitted(value: Any) -> Any:
    """Returns the value without what is omitted in it, so that it is the same on every release of ansible-core."""
    if isinstance(value, dict):
        parts = {key: _without_omitted(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not _NOTHING}
    if isinstance(value, list):
        return [part for part in map(_without_omitted, value) if part is not _NOTHING]
    if isinstance(value, str) and _OMITTED.search(value):
        return _OMITTED.sub("", value) or _NOTHING
    return value


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
        # Before 2.19, an encrypted string is a sequence, which can't be read without the password.
        if isinstance(value, Sequence) and not isinstance(value, str) and type(value).__name__ not in ENCRYPTED:
            parts = [self.of(item, f"{path}[{index}]") for index, item in enumerate(value)]
            return [part for part in parts if part is not _NOTHING]
        try:
            return _without_omitted(plain(self.templar.template(value)))
        except Exception as exc:  # It may be a filter's own exception.
            if not _is_omitted(exc):
                self.problems.append(_unmade(exc, value, path, self.layer, self.raw))
            return _NOTHING


def _unmade(exc: Exception, value: Any, path: str, layer: str, raw: Mapping[str, Any]) -> Problem:
    if _is_of_vault(exc):
        return Problem("vault", path, _NOT_DECRYPTED, layer)
    # Ansible reads "lower .Name" of a Go template as an attribute of an undefined variable.
    if _GO_NAME.search(str(value)) and (isinstance(exc, AnsibleUndefinedVariable) or _SYNTAX.match(_first_line(exc))):
        return Problem("template", path, _GO_TEMPLATE, layer)
    hint = f" {FACT_HINT}" if _asks_facts(str(value), raw) else ""
    return Problem("template", path, f"The value can't be made yet: {_reason(exc, str(value))}.{hint}", layer)


def _is_of_vault(exc: BaseException | None) -> bool:
    """Whether a value could not be decrypted. The names of the errors differ between releases of ansible-core."""
    return exc is not None and ("Vault" in type(exc).__name__ or _is_of_vault(exc.__cause__))


def _reason(exc: Exception, template: str) -> str:
    """Returns why a template failed, such as an undefined variable.

    The message of a filter that is not this collection's is left out, because it may hold a secret.
    """
    own = _own_error(exc)
    if own:
        return _first_line(own)
    reason = _first_line(exc)
    if isinstance(exc, AnsibleUndefinedVariable):
        return re.sub(r"^\{\{.*?\}\}: ", "", reason).split(". ", 1)[0]
    syntax = _SYNTAX.match(reason)
    if syntax:
        return f"the template has a syntax error, {syntax[1].rstrip('.')}"
    missing = _NO_FILE.search(str(exc))
    # A path that the template makes may have a secret in it.
    if missing and missing[1] in template:
        return f"the lookup finds no file {missing[1]} on the controller. A path that begins with {{{{ inventory_dir }}}} does not depend on the playbook"
    return f"its template failed ({type(exc).__name__})"


def _own_error(exc: BaseException) -> FilterError | None:
    """Returns the error of a filter of this collection, which ansible-core may wrap in errors of its own that quote it."""
    if isinstance(exc, FilterError):
        return exc
    # Before 2.19 it is the context, which may also be an error of another value.
    inner = exc.__cause__ or exc.__context__
    return _own_error(inner) if inner is not None and str(inner) in str(exc) else None


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
