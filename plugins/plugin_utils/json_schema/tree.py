# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the JSON Schema of a server's or agent's tree, or of one layer of it, for one release.

Other layers complete a layer, so nothing in it is required, and null removes what a lower layer set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import OFF
from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema import values
from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema.values import Schema
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import external, external_names
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import (
    Block, PluginType, Spec, View, block, plugin, plugin_names, plugin_types, version as schema_version,
)

_DISABLED: Schema = {
    "type": "object",
    "required": ["enabled"],
    "properties": {"enabled": {"anyOf": [{"const": False}, {"type": "string", "pattern": values.fitting(values.words(OFF))}]}},
}

_PLUGIN, _OFF, _EXTERNAL = ({"$ref": f"#/definitions/{name}"} for name in ("plugin", "disabled_plugin", "external_plugin"))


def of_tree(component: str, release: Version, layer: bool, mine: Sequence[str] = ()) -> Schema:
    """Returns the schema of a component's tree. It refers to ``definitions``, which belong into the same document.

    ``mine`` are names of external plugins that need no plugin_cmd in the tree, because spire_plugins has it.
    """
    return _Tree(component, release, layer, tuple(mine)).block(block(component))


def definitions(release: Version, layer: bool) -> dict[str, Schema]:
    """Returns the definitions that plugins of all types and components share."""
    tree = _Tree("server", release, layer)
    wrapper = tree.block(block("plugin"))
    off = {"anyOf": [_DISABLED, {"type": "null"}]} if layer else _DISABLED
    return {"plugin": wrapper, "disabled_plugin": off, "external_plugin": {"allOf": [_PLUGIN], "required": ["plugin_cmd"]}}


@dataclass(frozen=True)
class _Tree:
    component: str
    release: Version
    layer: bool
    mine: tuple[str, ...] = ()

    def block(self, known: Block, since: Version | None = None) -> Schema:
        """Returns the schema of a block: a mapping of options, or a template that results in one."""
        view = known.at(self.release)
        since = known.span.since or since
        result = self._mapping()
        result["properties"] = {
            name: self._option(spec, known, since) for name, spec in view.specs.items() if not spec.windows
        }
        result["additionalProperties"] = False
        if not self.layer:
            result.update(_dependencies(view))
        return result

    def _mapping(self) -> Schema:
        return {**values.of_types(("object", "string"), self.layer), "pattern": values.TEMPLATE}

    def _option(self, spec: Spec, known: Block, around: Version | None) -> Schema:
        option = known.options[spec.name]
        since = option.span.since
        shown = str(since) if since and since != around and not (around and since < around) else ""
        deprecated = bool(spec.deprecated) and self.release >= schema_version(spec.deprecated)
        return {**values.metadata(spec, shown, deprecated, spec.has_no_effect(self.release)), **self._value(spec, option.block)}

    def _value(self, spec: Spec, inner: Block | None) -> Schema:
        kind = spec.type
        if kind == "plugins":
            return self._plugins()
        if kind in ("string", "int", "float", "bool", "duration"):
            return values.scalar(spec, kind, self.layer)
        if kind == "list(string)":
            return self._list(spec)
        if kind.startswith("map("):
            of = kind[len("map(") : -1]
            each = self.block(inner) if inner else self._list(spec) if of == "list(string)" else self._string(spec)
            filled = {"minProperties": 1} if spec.required and not self.layer else {}
            return {**self._mapping(), **values.names(spec.keys), "additionalProperties": each, **filled}
        if inner is None:
            return self._mapping()
        each = self.block(inner)
        if kind == "list(block)":
            items = {"type": "array", "items": each, **({"minItems": 1} if spec.required else {})}
            return {"anyOf": [items, each]}
        return {"anyOf": [values.scalar(spec, "string", self.layer), each]} if kind == "string or block" else each

    def _list(self, spec: Spec) -> Schema:
        filled = {"minItems": 1} if spec.required else {}
        return {
            **values.of_types(("array", "string"), self.layer),
            "pattern": values.TEMPLATE,
            "items": self._string(spec, in_list=True),
            **filled,
        }

    def _string(self, spec: Spec, in_list: bool = False) -> Schema:
        # null in a list removes nothing and is an error
        item = Spec(spec.name, "string", enum=spec.enum, ignore_case=spec.ignore_case, format=spec.format)
        return values.scalar(item, "string", self.layer and not in_list)

    def _plugins(self) -> Schema:
        kinds = {name: kind for name, kind in plugin_types(self.component).items() if self.release in kind.span}
        result = self._mapping()
        result["properties"] = {name: self._kind(kind) for name, kind in sorted(kinds.items())}
        # SPIRE accepts unknown types as long as all their plugins are disabled
        result["additionalProperties"] = {"type": "object", "minProperties": 1, "additionalProperties": _OFF}
        needed = [name for name, kind in sorted(kinds.items()) if kind.min]
        if needed and not self.layer:
            result["required"] = needed
        return result

    def _kind(self, kind: PluginType) -> Schema:
        result = {**self._mapping(), "description": kind.description, "properties": {}}
        for name in sorted(plugin_names(self.component, kind.name)):
            known = plugin(self.component, kind.name, name)
            if known and self.release in known.span and not known.extra.get("windows"):
                result["properties"][name] = self._plugin(known, replaceable=not kind.closed(self.release))
        if not kind.closed(self.release):
            result["properties"].update(self._externals(kind))
        result["additionalProperties"] = _OFF if kind.closed(self.release) else {"anyOf": [_EXTERNAL, _OFF]}
        conditions: list[Schema] = []
        if kind.min and not self.layer:
            conditions.append({"not": {"additionalProperties": _OFF}})
        if kind.max == 1:
            some_off = {"not": {"additionalProperties": {"not": _OFF}}}
            conditions.append({"anyOf": [{"type": ["string", "null"]}, {"maxProperties": 1}, some_off]})
        return {**result, "allOf": conditions} if conditions else result

    def _externals(self, kind: PluginType) -> dict[str, Schema]:
        """Returns the schemas of external plugins: those in ``mine``, and those whose schema comes with the collection."""
        found: dict[str, Schema] = {name: _PLUGIN for name in self.mine if name not in plugin_names(self.component, kind.name)}
        for name in sorted(external_names(self.component, kind.name)):
            known = external(self.component, kind.name, name)
            if known and self.release in known.span:
                described = {"description": str(known.extra.get("description", ""))}
                data: Schema = {"properties": {"plugin_data": {**described, **self.block(known)}}}
                if not self.layer:
                    data["required"] = ["plugin_cmd", *(["plugin_data"] if _needs_data(known.at(self.release)) else [])]
                elsewhere = {"anyOf": [_DISABLED, values.is_set("plugin_data_file")]}
                found[name] = {**described, "allOf": [_PLUGIN], "if": elsewhere, "else": data}
        return found

    def _plugin(self, known: Block, replaceable: bool) -> Schema:
        """Returns the schema of a built-in plugin. It ignores plugin_data of a disabled plugin, and of an external one of the same name."""
        described = {"description": str(known.extra.get("description", ""))}
        result: Schema = {**described, "allOf": [_PLUGIN]}
        data = {**described, **self.block(known)}
        built_in: Schema = {"properties": {"plugin_data": data}}
        if not self.layer and _needs_data(known.at(self.release)):
            built_in["required"] = ["plugin_data"]
        elsewhere = [_DISABLED, values.is_set("plugin_data_file"), *([values.is_set("plugin_cmd")] if replaceable else [])]
        if not replaceable:
            built_in["properties"]["plugin_cmd"] = {"enum": ["", None] if self.layer else [""]}
        return {**result, "if": {"anyOf": elsewhere}, "else": built_in}


def _dependencies(view: View) -> Schema:
    """Returns the required options and the rules of a block."""
    result: Schema = {}
    if view.required:
        result["required"] = list(view.required)
    binding = [rule for rule in view.rules if rule.severity == "error"]
    made = [values.rule(rule.kind, rule.names, dict(rule.when), dict(rule.unless)) for rule in binding]
    # the block may be a template, which is a string
    return {**result, "allOf": [{"anyOf": [{"type": "string"}, each]} for each in made]} if made else result


def _needs_data(view: View) -> bool:
    missing = [rule for rule in view.rules if rule.kind in ("exactly_one", "at_least_one") and not rule.when]
    return bool(view.required) or any(rule.severity == "error" for rule in missing)
