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
    """Every file in spire_plugin_schemas is a valid schema of a plugin."""
    planned: Plan = context.plan
    for found in schema_external.mistakes(planned.filler.schemas if planned.filler else ()):
        yield Finding(found.path, found.message)


@rule("host", "server:plugins.*.*.plugin_cmd", "agent:plugins.*.*.plugin_cmd", source="systemd.exec(5) (WorkingDirectory)")
def plugin_path(context: RuleContext) -> Findings:
    """The path of an external plugin is absolute, and a service's definition can contain it."""
    for command in _commands(context):
        if not host_paths.usable(command.path):
            yield Finding(f"{command.where}.plugin_cmd", host_paths.bad_path(command.path))


@rule(
    "host", "server:plugins.*.*.plugin_cmd", "agent:plugins.*.*.plugin_cmd", source="systemd.exec(5) (ProtectHome, PrivateTmp)",
)
def plugin_hidden_by_sandbox(context: RuleContext) -> Findings:
    """An external plugin is in a directory that the service's sandbox does not hide."""
    planned: Plan = context.plan
    for command in _commands(context):
        hidden = _HIDDEN.match(command.path) if host_paths.usable(command.path) and not planned.paths.root else None
        if hidden:
            yield Finding(f"{command.where}.plugin_cmd", (
                f"The service's sandbox hides /{hidden[1]}, so SPIRE can't start the plugin. Move the plugin to a directory below /opt or "
                "/usr/local."
            ))


@rule("host", "server:spire_plugins", "agent:spire_plugins", source="docs/external_plugins.md")
def plugin_file(context: RuleContext) -> Findings:
    """The src of every item of spire_plugins is a file on the controller."""
    for command in _commands(context):
        if command.place == "src" and not os.path.isfile(os.path.expanduser(command.source)):
            message = f"The controller has no file {command.source}, which should be the plugin {command.name}."
            yield Finding(child(command.entry, "src"), message)


def _commands(context: RuleContext) -> list[Command]:
    return context.fact("commands", lambda: list(context.plan.commands))


def by_architecture(planned: Plan) -> Iterator[tuple[str, list[Command]]]:
    """Yields each architecture with its plugins; an empty architecture means that the plugins are the same for all."""
    for arch in planned.architectures or (planned.arch,):
        try:
            yield arch, planned.for_architecture(arch).commands
        except ValueError:
            # only hosts of this architecture would have a problem, and it is not known yet whether there are any
            continue
