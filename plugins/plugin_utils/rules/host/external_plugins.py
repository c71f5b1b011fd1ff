# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the external plugins of a plan can be started where they are, as far as the inventory tells."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import file_digest
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins.binaries import Command, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import paths as host_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import external as schema_external

#: what the unit hides from the service: ProtectHome and PrivateTmp
_HIDDEN = re.compile(r"/(home|root|run/user|tmp|var/tmp)/")


def check(planned: Plan) -> Iterable[Problem]:
    """Every external plugin that could not be started."""
    yield from schema_external.mistakes(planned.filler.schemas if planned.filler else ())
    for command in planned.commands:
        yield from _command(planned, command)


def _command(planned: Plan, command: Command) -> Iterable[Problem]:
    origin = planned.merged.origin

    def problem(code: str, option: str, message: str, severity: str = "error") -> Problem:
        path = f"{command.where}.{option}"
        return Problem(code, path, message, origin(path), severity=severity)

    if not host_paths.usable(command.path):
        yield problem("path", "plugin_cmd", host_paths.bad_path(command.path))
    elif not planned.paths.root and _HIDDEN.match(command.path):
        hidden = _HIDDEN.match(command.path)
        message = (
            f"The service's sandbox hides /{hidden[1] if hidden else ''} from it, so SPIRE could not start the plugin; put it "
            "below /opt or /usr/local."
        )
        yield problem("hidden_plugin", "plugin_cmd", message)
    if command.place == "src" and not os.path.isfile(os.path.expanduser(command.source)):
        yield _of_source(command, f"There is no file {command.source} on the controller, which should hold the plugin {command.name}.")


def _of_source(command: Command, message: str) -> Problem:
    return Problem("external_plugin", child(command.entry, "src"), message, VARIABLE)


def check_sources(planned: Plan) -> Iterable[Problem]:
    """Binaries on the controller against their checksums. It reads them whole, so only a check of the whole fleet does it."""
    if not any(command.place == "src" for command in planned.commands):
        return
    for _arch, found in by_architecture(planned):
        for command in found:
            source = os.path.expanduser(command.source)
            if command.place != "src" or not os.path.isfile(source):
                continue
            try:
                found = _digest(source)
            except OSError as exc:
                message = (
                    f"{command.source} on the controller, which should hold the plugin {command.name}, can't be read: {exc.strerror}. "
                    "Let the user who runs Ansible read it."
                )
                yield _of_source(command, message)
                continue
            if found != command.sha256:
                message = (
                    f"{command.source} on the controller has the SHA-256 checksum {found}, and the plugin {command.name} "
                    f"should have {command.sha256}. Put the right file there, or correct the checksum."
                )
                yield _of_source(command, message)


@dataclasses.dataclass
class Entries:
    """The entries of spire_plugins over a whole fleet, which mostly shares them: one that no tree names was meant for one."""

    #: the plugin of each entry by the entry's name, and the hosts that have it
    plugins: dict[str, str] = dataclasses.field(default_factory=dict)
    hosts: dict[str, dict[str, None]] = dataclasses.field(default_factory=dict)
    used: set[str] = dataclasses.field(default_factory=set)

    def note(self, planned: Plan) -> None:
        """One server or agent."""
        if planned.filler is None or not planned.filler.definitions:
            return
        for one in planned.filler.definitions:
            self.plugins[one.key] = one.plugin
            self.hosts.setdefault(one.key, {})[planned.host] = None
        self.used.update(one.key for _kind, _name, _body, one in planned.filler.of(planned.tree))

    def check(self) -> Iterator[Problem]:
        """Each entry that nothing uses."""
        for key, plugin in self.plugins.items():
            if key not in self.used:
                message = (
                    f"No tree has a plugin {plugin} that this entry is for, so it is brought nowhere. Name {plugin} under its type in "
                    "spire_server_config or spire_agent_config, or take the entry out."
                )
                yield Problem("unused_plugin", child(VARIABLE, key), message, VARIABLE, tuple(self.hosts[key]), severity="warning")


def by_architecture(planned: Plan) -> Iterator[tuple[str, list[Command]]]:
    """The plugins of a plan for each architecture that they differ for; one that is empty stands for all."""
    for arch in planned.architectures or (planned.arch,):
        try:
            yield arch, planned.for_architecture(arch).commands
        except ValueError:
            # a host of this architecture would be told; whether there is one nobody knows yet
            continue


@functools.lru_cache(maxsize=None)
def _digest(path: str) -> str:
    """Once for all hosts."""
    return file_digest(Path(path))
