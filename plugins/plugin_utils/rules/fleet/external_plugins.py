# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the items of spire_plugins that need the whole inventory."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from ansible_collections.spire.fleet.plugins.module_utils.host.programs import file_digest
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins.binaries import Command, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.external_plugins import by_architecture
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule


@rule("fleet", "server:spire_plugins", "agent:spire_plugins", "inventory:spire_plugins", source="docs/external_plugins.md")
def plugin_checksum_on_controller(context: RuleContext) -> Findings:
    """The file of an external plugin on the controller is readable and has the checksum that spire_plugins gives."""
    files: dict[tuple[str, str, str, str], dict[str, None]] = context.memory.setdefault("plugin_files", {})
    planned: Plan | None = context.plan
    if planned is not None:
        if planned.filler is not None and planned.filler.definitions and any(command.place == "src" for command in planned.commands):
            for _arch, commands in by_architecture(planned):
                for command in commands:
                    if command.place == "src" and os.path.isfile(os.path.expanduser(command.source)):
                        files.setdefault(_file(command), {})[planned.host] = None
        return
    # reading whole files takes time, so only a check of the whole inventory does it
    for (entry, source, sha256, name), hosts in files.items():
        wrong = _wrong_file(source, sha256, name)
        if wrong:
            yield Finding(child(entry, "src"), wrong, hosts=tuple(hosts))


def _file(command: Command) -> tuple[str, str, str, str]:
    return command.entry, command.source, command.sha256, command.name


def _wrong_file(source: str, sha256: str, name: str) -> str:
    try:
        found = _digest(os.path.expanduser(source))
    except OSError as exc:
        return (
            f"The file {source} on the controller, which should be the plugin {name}, can't be read: {exc.strerror}. Give the user who runs "
            "Ansible permission to read it."
        )
    if found == sha256:
        return ""
    return (
        f"The file {source} on the controller has the SHA-256 checksum {found}, but the plugin {name} should have {sha256}. Replace the file, "
        "or correct the checksum."
    )


@functools.lru_cache(maxsize=None)
def _digest(path: str) -> str:
    """Returns the SHA-256 of a file on the controller, cached for the run."""
    return file_digest(Path(path))


@rule(
    "fleet", "server:spire_plugins", "agent:spire_plugins", "inventory:spire_plugins", severity="warning",
    source="docs/external_plugins.md",
)
def unused_plugin_entry(context: RuleContext) -> Findings:
    """The tree of some server or agent contains the plugin of each item of spire_plugins."""
    entries: dict[str, tuple[str, dict[str, None]]] = context.memory.setdefault("plugin_entries", {})
    used: set[str] = context.memory.setdefault("used_plugin_entries", set())
    planned: Plan | None = context.plan
    if planned is not None:
        # the hosts of an inventory mostly share the entries
        if planned.filler is not None and planned.filler.definitions:
            for one in planned.filler.definitions:
                entries.setdefault(one.key, (one.plugin, {}))[1][planned.host] = None
            used.update(one.key for _kind, _name, _body, one in planned.filler.of(planned.tree))
        return
    for key, (plugin, hosts) in entries.items():
        if key not in used:
            yield Finding(child(VARIABLE, key), (
                f"No configuration uses the plugin {plugin} of this item, so it is installed nowhere. Add {plugin} below its plugin type in "
                "spire_server_config or spire_agent_config, or remove the item."
            ), hosts=tuple(hosts))
