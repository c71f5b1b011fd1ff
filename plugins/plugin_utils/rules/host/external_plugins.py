# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about external plugins: their schemas, their paths, and their files on the controller."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins.binaries import Command
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import paths as host_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import external as schema_external

#: what the unit hides from the service: ProtectHome and PrivateTmp
_HIDDEN = re.compile(r"/(home|root|run/user|tmp|var/tmp)/")


@rule("host", "server:spire_plugin_schemas", "agent:spire_plugin_schemas", source="docs/external_plugins.md")
def plugin_schema(context: RuleContext) -> Findings:
    """The files below spire_plugin_schemas have the format of a plugin's schema."""
    planned: Plan = context.plan
    for found in schema_external.mistakes(planned.filler.schemas if planned.filler else ()):
        yield Finding(found.path, found.message)


@rule("host", "server:plugins.*.*.plugin_cmd", "agent:plugins.*.*.plugin_cmd", source="systemd.exec(5) (WorkingDirectory)")
def plugin_path(context: RuleContext) -> Findings:
    """The path of an external plugin is absolute and can stand in a service's definition."""
    for command in _commands(context):
        if not host_paths.usable(command.path):
            yield Finding(f"{command.where}.plugin_cmd", host_paths.bad_path(command.path))


@rule(
    "host", "server:plugins.*.*.plugin_cmd", "agent:plugins.*.*.plugin_cmd", source="systemd.exec(5) (ProtectHome, PrivateTmp)",
)
def plugin_hidden_by_sandbox(context: RuleContext) -> Findings:
    """An external plugin lies where the service's sandbox doesn't hide it."""
    planned: Plan = context.plan
    for command in _commands(context):
        hidden = _HIDDEN.match(command.path) if host_paths.usable(command.path) and not planned.paths.root else None
        if hidden:
            yield Finding(f"{command.where}.plugin_cmd", (
                f"The service's sandbox hides /{hidden[1]} from it, so SPIRE could not start the plugin; put it below /opt or /usr/local."
            ))


@rule("host", "server:spire_plugins", "agent:spire_plugins", source="docs/external_plugins.md")
def plugin_file(context: RuleContext) -> Findings:
    """The src of an entry of spire_plugins is a file on the controller."""
    for command in _commands(context):
        if command.place == "src" and not os.path.isfile(os.path.expanduser(command.source)):
            message = f"There is no file {command.source} on the controller, which should hold the plugin {command.name}."
            yield Finding(child(command.entry, "src"), message)


def _commands(context: RuleContext) -> list[Command]:
    return context.fact("commands", lambda: list(context.plan.commands))


def by_architecture(planned: Plan) -> Iterator[tuple[str, list[Command]]]:
    """Yields the plugins of a plan for each architecture that they differ for; an empty one stands for all."""
    for arch in planned.architectures or (planned.arch,):
        try:
            yield arch, planned.for_architecture(arch).commands
        except ValueError:
            # it would be a mistake on a host of this architecture, and whether there is one isn't known yet
            continue
