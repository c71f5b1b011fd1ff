# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the entries of spire_plugins, which take the whole inventory to check."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import file_digest
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins.binaries import Command, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.external_plugins import by_architecture
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule


@rule("fleet", "server:spire_plugins", "agent:spire_plugins", "inventory:spire_plugins", source="docs/external_plugins.md")
def plugin_checksum_on_controller(context: RuleContext) -> Findings:
    """The file of an external plugin on the controller can be read, and has the checksum that its entry says."""
    files: dict[tuple[str, str, str, str], dict[str, None]] = context.memory.setdefault("plugin_files", {})
    planned: Plan | None = context.plan
    if planned is not None:
        if planned.filler is not None and planned.filler.definitions and any(command.place == "src" for command in planned.commands):
            for _arch, commands in by_architecture(planned):
                for command in commands:
                    if command.place == "src" and os.path.isfile(os.path.expanduser(command.source)):
                        files.setdefault(_file(command), {})[planned.host] = None
        return
    # files are read whole, so only a check of the whole inventory does it
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
            f"{source} on the controller, which should hold the plugin {name}, can't be read: {exc.strerror}. Let the user who runs "
            "Ansible read it."
        )
    if found == sha256:
        return ""
    return (
        f"{source} on the controller has the SHA-256 checksum {found}, and the plugin {name} should have {sha256}. Put the right file "
        "there, or correct the checksum."
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
    """Each entry of spire_plugins is for a plugin that some server's or agent's tree names."""
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
                f"No tree has a plugin {plugin} that this entry is for, so it is brought nowhere. Name {plugin} under its type in "
                "spire_server_config or spire_agent_config, or take the entry out."
            ), hosts=tuple(hosts))
