# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes JSON Schemas for editors from the data of the schema and of the variables.

    document("server", release)      a server's whole tree; "agent" likewise
    document("variables", release)   a file of variables, as in group_vars
    document("inventory", release)   an inventory in YAML, with variables in its groups and hosts
    document(kind, release, ["mine"])   the same for a fleet in which spire_plugins names the external plugin "mine"

The schemas are of draft 7, which the YAML language server, and with it most editors, supports completely.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire.entries import SINCE
from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_fields import ATTRIBUTES, FIELDS

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Variable, catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema import tree as json_schema_tree, values
from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema.values import Schema
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version

DRAFT = "http://json-schema.org/draft-07/schema#"
#: the components that variables of the collection configure
COMPONENTS = ("server", "agent")
TREES = (*COMPONENTS, "oidc_discovery_provider")
KINDS = (*TREES, "variables", "inventory")

_TYPES = {
    "string": ("string", "number"),
    "integer": ("integer", "string"),
    "boolean": ("boolean", "string", "integer"),
    "mapping": ("object", "string"),
    "list": ("array", "string"),
    "string or mapping": ("string", "number", "object"),
}
_TITLES = {
    "server": "Configuration of a SPIRE {} server, as YAML",
    "agent": "Configuration of a SPIRE {} agent, as YAML",
    "oidc_discovery_provider": "Configuration of the OIDC discovery provider of SPIRE {}, as YAML",
    "variables": "Variables of spire.fleet, for SPIRE {}",
    "inventory": "Inventory with variables of spire.fleet, for SPIRE {}",
}


def document(kind: str, release: Version, mine: Sequence[str] = ()) -> Schema:
    """Returns a schema that refers to no other document; raises ValueError for an unknown kind."""
    if kind not in KINDS:
        raise ValueError(f'There is no schema "{kind}"; there are {", ".join(KINDS)}.')
    layer = kind not in TREES
    head: Schema = {"$schema": DRAFT, "title": _TITLES[kind].format(release)}
    shared = json_schema_tree.definitions(release, layer)
    if not layer:
        return {**head, **json_schema_tree.of_tree(kind, release, layer, mine), "definitions": shared}
    for component in COMPONENTS:
        shared[f"spire_{component}_config"] = json_schema_tree.of_tree(component, release, layer, mine)
    shared["entry"] = _entry(release)
    shared["variables"] = _variables()
    if kind == "variables":
        return {**head, **_ref("variables"), "definitions": shared}
    shared["group"] = _group()
    # a YAML file whose top level is not groups is for an inventory plugin, and the schema does not apply
    return {**head, "type": "object", "additionalProperties": _ref("group"), "definitions": shared}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _group() -> Schema:
    return {
        "type": ["object", "null"],
        "properties": {
            "hosts": {"type": ["object", "null"], "additionalProperties": _ref("variables")},
            "vars": _ref("variables"),
            "children": {"type": ["object", "null"], "additionalProperties": _ref("group")},
        },
        "additionalProperties": False,
    }


def _variables() -> Schema:
    """Returns the schema of a file of variables. It allows variables of other names."""
    properties = {name: _variable(variable) for name, variable in catalogue().items()}
    patterns = {}
    for component in COMPONENTS:
        name = f"spire_{component}_config"
        properties[name]["allOf"] = [_ref(name)]
        patterns[rf"^{name}__[A-Za-z0-9_]+$"] = {
            "description": f"A layer on top of {name}. Layers are added in the order of their names.",
            "allOf": [_ref(name)],
        }
    return {"type": ["object", "null"], "properties": properties, "patternProperties": patterns}


def _variable(variable: Variable) -> Schema:
    text = re.sub(r"\b[A-Z]\(([^)]*)\)", r"\1", " ".join(variable.description.split()))
    result: Schema = {"description": text + (" A secret: it appears in no output." if variable.secret else "")}
    if variable.default is not None:
        result["default"] = variable.default
    result["type"] = [*_TYPES[variable.type], "null"]
    if variable.type == "integer":
        result["pattern"] = values.fitting(r"\s*[0-9]+\s*", empty=True)
        if variable.maximum is not None:
            result["maximum"] = variable.maximum
    elif variable.type == "boolean":
        result["pattern"] = values.fitting(values.words(("yes", "true", "on", "1", "no", "false", "off", "0")), empty=True)
        result.update({"minimum": 0, "maximum": 1})
    elif variable.type == "mapping" or variable.name == "spire_entries":
        result["pattern"] = values.TEMPLATE + "|^$"
    if variable.pattern:
        result["pattern"] = values.fitting(variable.pattern, empty=True)
    if variable.keys:
        result["propertyNames"] = {"enum": list(variable.keys)}
        result["additionalProperties"] = {"type": "string", "pattern": values.fitting(variable.pattern, empty=True)}
    choices, other = variable.choices, f"{values.TEMPLATE}|^$"
    if variable.name == "spire_version":
        choices = tuple(str(release) for release in reversed(RELEASES))
        # SPIRE may have published further patches of a minor release
        minors = dict.fromkeys(rf"{release.major}\.{release.minor}" for release in RELEASES)
        other += rf"|^v?({'|'.join(minors)})\.[0-9]+$"
    if choices:
        result["anyOf"] = [{"enum": [*choices, None]}, {"type": "string", "pattern": other}]
    if variable.name == "spire_entries":
        result["items"] = _ref("entry")
    return result


def _entry(release: Version) -> Schema:
    """Returns the schema of a registration entry's lists and mappings; preflight checks the rest."""
    lists: Schema = {"type": ["array", "string", "null"], "pattern": values.TEMPLATE + "|^$"}
    selector = {
        "type": ["string", "object"],
        "pattern": rf"^[^:]+:.|{values.TEMPLATE}",
        "required": ["type", "value"],
        "properties": {"type": {"type": "string"}, "value": {"type": ["string", "number"]}},
        "additionalProperties": False,
    }
    properties: dict[str, Schema] = {name: {} for name in FIELDS if _has(name, release)}
    for name, (_convert, default) in FIELDS.items():
        if name in properties and isinstance(default, list):
            properties[name] = {**lists, "items": selector if name == "selectors" else {"type": ["string", "number"]}}
    if "additional_attributes" in properties:
        inner: dict[str, Schema] = {name: {} for name in ATTRIBUTES if _has(name, release)}
        properties["additional_attributes"] = {
            "type": ["object", "string", "null"], "properties": inner, "additionalProperties": False
        }
    return {
        "description": "A registration entry in SPIRE's own field names.",
        "type": ["object", "string"],
        "pattern": values.TEMPLATE,
        "properties": {**properties, "id": {}, "expires_at": {}},
        "required": ["spiffe_id", "parent_id", "selectors"],
        "additionalProperties": False,
    }


def _has(name: str, release: Version) -> bool:
    since: Any = SINCE.get(name)
    return since is None or release >= json_schema_tree.schema_version(since)
