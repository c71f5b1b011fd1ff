# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a tree against the schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Origin, child
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links, suggestions, values
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.block_rules import broken
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import Finder
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import (
    Block, Option, PluginType, Spec, block, plugin_names, plugin_types,
)


@dataclass
class Checker:
    """Collects the problems of one component's tree in one release. ``origin`` knows which layer set a value."""

    component: str
    version: Version
    origin: Origin
    find: Finder
    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, path: str, message: str, severity: str = "error") -> None:
        """Adds a problem."""
        self.problems.append(self.problem(code, path, message, severity))

    def problem(self, code: str, path: str, message: str, severity: str, rule: str = "", allow: bool = False) -> Problem:
        """Returns a problem with the layer that set the value, a link to SPIRE's documentation, and the releases that have the option.

        ``rule`` is the id of the rule that is broken.
        """
        return Problem(
            code, path, message, self.origin(path), severity=severity, rule=rule, allow=allow,
            link=links.documentation_of_path(self.component, path, self.version),
            releases=links.releases_of_path(self.component, path),
        )

    def block(self, known: Block, found: dict[str, Any], path: str, where: str) -> None:
        """Checks a block of options against its schema. ``where`` is the name of the block in messages."""
        view = known.at(self.version)
        for name, value in found.items():
            here = child(path, name)
            spec = view.specs.get(name)
            if spec is None:
                self.add(*suggestions.unknown_option(self.component, known, name, here, where, self.version))
            else:
                self._value(spec, known, value, here)
        for name in view.required:
            if found.get(name) in (None, "") and (name not in found or view.specs[name].format != "trust_domain"):
                here = child(path, name)
                self.add("required", here, suggestions.missing(view.specs[name], here, self.origin.taken(here)))
        for rule in view.rules:
            message = broken(rule, found)
            if message:
                self.problems.append(self.problem("rule", path, message, rule.severity, rule.id))

    def _value(self, spec: Spec, known: Block, value: Any, path: str) -> None:
        wrong = values.wrong_type(spec.type, value)
        if wrong:
            self.add("type", path, wrong)
            return
        if spec.windows:
            self.add("windows", path, "It is for Windows alone; SPIRE on Linux does not know it.")
        self._outdated(spec, known, path)
        if spec.type == "plugins":
            self._plugins(value, path)
        elif isinstance(value, str):
            self._text(spec, value, path, known.options[spec.name])
        elif isinstance(value, (int, float)):
            self._add_if("number", path, values.wrong_number(spec, value))
        elif spec.type == "list(string)":
            self._strings(spec, value, path)
        elif spec.type.startswith("map("):
            self._names(spec, known, value, path)
        else:
            inner = known.options[spec.name].block
            if inner:
                self._blocks(spec, inner, value, path)

    def _blocks(self, spec: Spec, inner: Block, value: Any, path: str) -> None:
        for item, here in _items(value, path):
            if isinstance(item, dict):
                self.block(inner, item, here, spec.name)
            else:
                self.add("type", here, values.wrong_type("block", item))
        if spec.required and not value:
            self.add("required", path, "It must not be empty.")

    def _text(self, spec: Spec, value: str, path: str, option: Option | None = None) -> None:
        code = "duration" if spec.type == "duration" else "enum" if spec.enum else spec.format
        wrong = values.wrong_text(spec, value)
        if wrong and code == "enum" and option:
            wrong = values.written_as_block(option, value, self.version) or wrong + values.valid_in_other_releases(option, value)
        self._add_if(code, path, wrong)

    def _strings(self, spec: Spec, items: list[Any], path: str) -> None:
        for item, here in _items(items, path):
            wrong = values.wrong_type("string", item)
            if wrong:
                self.add("type", here, wrong)
            else:
                self._text(spec, item, here)
        if spec.required and not items:
            self.add("required", path, "It must not be empty.")

    def _names(self, spec: Spec, known: Block, found: dict[str, Any], path: str) -> None:
        inner = known.options[spec.name].block
        of = spec.type[len("map(") : -1]
        for name, value in found.items():
            here = child(path, name)
            self._add_if(spec.keys, here, values.wrong_name(spec.keys, name))
            wrong = values.wrong_type(of, value)
            if wrong:
                self.add("type", here, wrong)
            elif inner:
                self.block(inner, value, here, f"each of {spec.name}")
            elif of == "list(string)":
                self._strings(spec, value, here)
        if spec.required and not found:
            self.add("required", path, "It must not be empty.")

    def _plugins(self, found: dict[str, Any], path: str) -> None:
        types = plugin_types(self.component)
        for kind, plugins in found.items():
            here = child(path, kind)
            known = types.get(kind)
            if known is None or self.version not in known.span:
                if not isinstance(plugins, dict) or any(map(plugin_is_enabled, plugins.values())) or not plugins:
                    self.add(*suggestions.unknown_type(types, kind, here, self.component, self.version))
                continue
            wrong = values.wrong_type("plugins", plugins)
            if wrong:
                self.add("type", here, wrong.replace("plugin types", "plugin names"))
                continue
            for name, body in plugins.items():
                self._plugin(known, name, body, child(here, name))
        for known in types.values():
            if self.version in known.span:
                self._count(known, found.get(known.name) or {}, child(path, known.name))

    def _plugin(self, kind: PluginType, name: str, body: Any, path: str) -> None:
        wrong = values.wrong_type("block", body)
        if wrong:
            self.add("type", path, wrong)
            return
        self.block(block("plugin"), body, path, "a plugin's block")
        if not plugin_is_enabled(body):
            return  # SPIRE does not read the options of a disabled plugin
        external = bool(body.get("plugin_cmd"))
        known = self.find(kind.name, name, body)
        if kind.closed(self.version) and (name != kind.only or external):
            self.add("plugin", path, f"SPIRE takes only its own {kind.only} as {kind.name}.")
        elif not external and (known is None or self.version not in known.span):
            self.add(*suggestions.unknown_plugin(self.component, kind.name, name, known, path, self.version))
        elif known and self.version not in known.span:
            self.add("version", path, suggestions.wrong_release(kind.name, name, known.span, self.version))
        elif known and known.extra.get("windows"):
            self.add("windows", path, "It is for Windows alone; SPIRE on Linux refuses it.")
        elif not body.get("plugin_data_file"):
            data = body.get("plugin_data", {})
            if known and isinstance(data, dict):
                self.block(known, data, child(path, "plugin_data"), f"the {kind.name} {name}")
        old = suggestions.deprecated_plugin(self.component, kind.name, known, self.version) if known and self.version in known.span else ""
        if old:
            self.add("deprecated", path, old, severity="warning")

    def _count(self, kind: PluginType, found: Any, path: str) -> None:
        if not isinstance(found, dict):
            return
        on = [name for name, body in found.items() if plugin_is_enabled(body)]
        if len(on) < kind.min:
            message = suggestions.too_few(self.component, kind, plugin_names(self.component, kind.name))
            self.add("count", path, message + suggestions.by_null(path, self.origin.removed))
        elif kind.max and len(on) > kind.max:
            message = f"SPIRE takes one {kind.name}, and there are {len(on)}: {', '.join(sorted(on))}."
            self.add("count", path, message + " Remove the others by setting them to null, or disable them.")

    def _outdated(self, spec: Spec, known: Block, path: str) -> None:
        """Warns of an option that is deprecated or has no effect."""
        has_no_effect = suggestions.has_no_effect(spec, self.version)
        message = has_no_effect or suggestions.deprecated_option(self.component, known, known.options[spec.name], path, self.version)
        if message:
            self.add("no_effect" if has_no_effect else "deprecated", path, message, severity="warning")

    def _add_if(self, code: str, path: str, message: str) -> None:
        if message:
            self.add(code, path, message)


def _items(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    if not isinstance(value, list):
        yield value, path
        return
    for index, item in enumerate(value):
        yield item, f"{path}[{index}]"
