# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one server or agent should be: its files, paths and service. planning.py makes it from the inventory's variables.

Pure Python over plain values. Everything that touches a host, and everything that reports, starts here.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import posixpath
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, plugin_data, plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Merged
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins import binaries
from ansible_collections.spire.fleet.plugins.plugin_utils.host import root as host_root, services
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import Directory, File
from ansible_collections.spire.fleet.plugins.plugin_utils.host.listeners import Listener, opened
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import (
    node as pki_node, plugin_options as pki_options, upstream as pki_upstream,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import defaults
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import architecture

#: the first release that takes a join token from a file named on the command line
TOKEN_FILE_SINCE = versions.Version(1, 13, 3)
#: a directory below these is empty after the machine has started
RUNTIME = ("/run", "/var/run")


@dataclasses.dataclass
class Plan:
    """One component on one host."""

    component: str
    host: str
    values: Values
    version: versions.Version
    paths: Paths
    merged: Merged
    tree: dict[str, Any]
    problems: list[Problem] = dataclasses.field(default_factory=list)
    #: an agent whose servers are not in the inventory
    external: bool = False
    #: the agents that a nested server has its identity from
    parent_agents: list[Plan] = dataclasses.field(default_factory=list)
    #: fills the commands of external plugins into the tree, which are other ones for each architecture
    filler: binaries.Filler | None = None
    architectures: tuple[str, ...] = ()
    arch: str = ""
    #: how its tree leads to an upstream CA of ours
    injected_options: pki_options.InjectedOptions | None = None
    #: what an agent proves itself by, where it has that from us
    node: ManagedCertificate | None = None
    #: whether an agent attests once alone, so that its server must forget it before it attests anew
    attests_once: bool = False

    def for_architecture(self, machine: str) -> Plan:
        """The same for a host of this architecture; ValueError when an external plugin has no binary for it."""
        arch = architecture(machine)
        if self.filler is None or not self.architectures or arch == self.arch:
            return self
        tree = copy.deepcopy(self.tree)
        found = self.filler.fill(tree, arch, self.merged.origin)
        if found:
            raise ValueError(" ".join(f"{problem.path}: {problem.message}" for problem in found))
        return dataclasses.replace(self, tree=tree, arch=arch)

    @functools.cached_property
    def commands(self) -> list[binaries.Command]:
        """The binaries of its external plugins."""
        return self.filler.commands(self.tree, self.arch) if self.filler else []

    @property
    def main(self) -> Mapping[str, Any]:
        """The ``server`` or ``agent`` block."""
        return block(self.tree, self.component)

    def plugins(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The plugins of one type that are switched on, by name."""
        return plugins(self.tree, kind)

    def plugin_data(self, kind: str, name: str) -> Mapping[str, Any]:
        """The options of one plugin."""
        return plugin_data(self.tree, kind, name)

    @property
    def upstream_authority(self) -> tuple[str, dict[str, Any]]:
        """What signs a server's CA: the type of its plugins, as the tree calls it, and those that are switched on, by name."""
        named = ((kind, self.plugins(kind)) for kind in pki_options.AUTHORITY_KINDS)
        return next(((kind, plugins) for kind, plugins in named if plugins), (pki_options.AUTHORITY_KINDS[0], {}))

    @property
    def trust_domain(self) -> str:
        """As the tree says; empty when it does not."""
        return str(self.main.get("trust_domain") or "")

    @property
    def socket(self) -> str:
        """The API socket that the CLI talks to."""
        return str(self.main.get("socket_path") or self.main.get("registration_uds_path") or self.paths.socket)

    @property
    def port(self) -> int:
        """The port that agents reach a server at; one that is none is the server's mistake, and not each agent's too."""
        port = self.main.get("bind_port", defaults.SERVER_PORT)
        return port if isinstance(port, int) and 0 <= port < 65536 else defaults.SERVER_PORT

    @property
    def address(self) -> str:
        """Where agents, and servers below, reach a server."""
        return str(self.values["spire_server_address"] or self.values.raw.get("ansible_host") or self.host)

    @property
    def listeners(self) -> list[Listener]:
        """The TCP ports that the process opens."""
        return list(opened(self.component, self.tree, self.port if self.component == "server" else 0))

    @property
    def data_dir(self) -> str:
        """Where the component keeps its state."""
        return str(self.main.get("data_dir") or self.paths.data_dir)

    @property
    def attests_by_token(self) -> bool:
        """Whether this agent needs a join token when it has no identity."""
        return self.component == "agent" and "join_token" in self.plugins("NodeAttestor")

    @property
    def loses_identity_on_restart(self) -> bool:
        """Whether the agent has to be enrolled anew after every restart: its key goes, and it attests once."""
        return self.attests_once and "memory" in self.plugins("KeyManager")

    @property
    def bin_dir(self) -> str:
        """The directory of the binary that the service runs."""
        source = self.values["spire_install_source"]
        if source == "preinstalled":
            return str(self.values["spire_bin_dir"] or "")
        if source == "package":
            return str(self.values["spire_bin_dir"] or "/usr/bin")
        return posixpath.join(self.paths.link, "bin")

    @property
    def versioned(self) -> bool:
        """Whether the binaries lie in a versioned directory of ours."""
        return self.values["spire_install_source"] in ("archive", "local")

    @property
    def binary(self) -> str:
        """The binary that the service runs."""
        return posixpath.join(self.bin_dir, self.paths.binary_name)

    @property
    def token_by_file(self) -> bool:
        """Whether this release takes a token from a file of its own."""
        return self.version >= TOKEN_FILE_SINCE

    @functools.cached_property
    def root_reasons(self) -> tuple[str, ...]:
        """Why the process must be root."""
        return host_root.reasons(self.plugins, self.plugin_data, self.node is not None) if self.component == "agent" else ()

    @property
    def user(self) -> str:
        """The system user of the process, with a group of the same name; empty for whoever runs the quickstart."""
        if self.paths.root:
            return ""
        named = self.values[f"spire_{self.component}_user"]
        return str(named or ("root" if self.root_reasons else f"spire-{self.component}"))

    @functools.cached_property
    def write_paths(self) -> dict[str, tuple[str, str]]:
        """Where the process writes: by the option that says so, the directory, and the path as it was given."""
        found = {}
        for option in ("log_file", "socket_path", "registration_uds_path", "admin_socket_path"):
            given = str(self.main.get(option) or "")
            found[f"{self.component}.{option}"] = (posixpath.dirname(given), given)
        found[f"{self.component}.data_dir"] = (self.data_dir, self.data_dir)
        keys, path = self.plugin_data("KeyManager", "disk"), "plugins.KeyManager.disk.plugin_data"
        given = str(keys.get("keys_path") or "")
        found[f"{path}.keys_path"] = (posixpath.dirname(given), given)
        given = str(keys.get("directory") or "")
        found[f"{path}.directory"] = (given, given)
        sql = self.plugin_data("DataStore", "sql")
        if sql.get("database_type") == "sqlite3":
            given = _sqlite_path(str(sql.get("connection_string") or ""))
            # one in memory has no place
            if ":memory:" not in given:
                found["plugins.DataStore.sql.plugin_data.connection_string"] = (posixpath.dirname(given), given)
        return {
            option: (posixpath.normpath(directory) if directory else "", given)
            for option, (directory, given) in found.items() if given
        }

    @functools.cached_property
    def extra_write_dirs(self) -> tuple[str, ...]:
        """Directories that the process writes to besides its data directory and the one of its sockets."""
        inside = (self.data_dir, self.paths.run_dir)
        candidates = dict.fromkeys(directory for directory, _place in self.write_paths.values())
        return tuple(d for d in candidates if d.startswith("/") and not _within(d, inside))

    @property
    def runtime_write_dirs(self) -> tuple[str, ...]:
        """Those that go when the machine stops: systemd makes them at every start."""
        return tuple(d for d in self.extra_write_dirs if not self.paths.root and _within(d, RUNTIME))

    @property
    def persistent_write_dirs(self) -> tuple[str, ...]:
        """Those that stay."""
        return tuple(d for d in self.extra_write_dirs if d not in self.runtime_write_dirs)

    @property
    def needs(self) -> services.Needs:
        """What the service's definition depends on."""
        return services.Needs(
            user=self.user,
            binary=self.binary,
            start_timeout=self.values["spire_start_timeout"],
            persistent_write_dirs=self.persistent_write_dirs,
            runtime_write_dirs=self.runtime_write_dirs,
            root_reasons=self.root_reasons,
            privileged_port=any(one.port < 1024 for one in self.listeners),
            tpm="tpm_devid" in self.plugins("NodeAttestor"),
            # the unix attestor hashes workloads' binaries, wherever they lie
            home="yes" if self.component == "server" else "read-only",
            environment=bool(self.environment),
            plugins=tuple(dict.fromkeys(command.path for command in self.commands if command.sha256)),
            secrets=self.upstream.started_with if self.upstream else "",
            stamped=pki_node.files_read_at_start(self.component, self.paths, self.merged),
            after=tuple(agent.paths.service for agent in self.parent_agents),
        )

    @functools.cached_property
    def upstream(self) -> pki_upstream.Upstream | None:
        """The CA of ours that signs this server's own."""
        if self.component != "server":
            return None
        return pki_upstream.upstream(self.host, self.values, self.trust_domain, self.merged, self.injected_options)

    @functools.cached_property
    def authorities(self) -> list[ManagedCertificate]:
        """The CAs of ours that a server verifies nodes with."""
        if self.component != "server":
            return []
        return pki_node.authorities_of_server(self.host, self.values, self.trust_domain, self.merged, self.paths)

    @property
    def host_certificate(self) -> ManagedCertificate | None:
        """The certificate that the host has from us, with its key: a server's CA, or what an agent proves itself by."""
        found = self.upstream or self.node
        return found if found and found.stored_on_host else None

    @property
    def host_certificate_files(self) -> dict[str, File]:
        """Where that goes on the host, without contents."""
        if self.component == "server":
            return pki_upstream.host_files(self.paths, self.user)
        return pki_node.agent_files(self.node.name, self.paths, self.user) if self.node else {}

    @property
    def environment(self) -> dict[str, str]:
        """The process's environment variables."""
        given = self.values[f"spire_{self.component}_environment"] or {}
        return {str(name): str(value) for name, value in given.items()}

    @property
    def directories(self) -> list[Directory]:
        """Directories that must exist before the service starts."""
        root = "" if self.paths.root else "root"
        found = [
            Directory(self.paths.config_dir, "0755", root, root),
            Directory(self.data_dir, "0700", self.user, self.user),
        ]
        if self.paths.root:
            found += [
                Directory(posixpath.dirname(self.paths.unit), "0700", "", ""),
                Directory(self.paths.run_dir, "0700", "", ""),
                Directory(posixpath.dirname(self.paths.log), "0700", "", ""),
            ]
        # workloads go through the directory of the agent's socket
        public = posixpath.dirname(self.socket) if self.component == "agent" else ""
        return found + [
            Directory(path, "0755" if path == public else "0750", self.user, self.user) for path in self.persistent_write_dirs
        ]

    @functools.cached_property
    def files(self) -> list[File]:
        """Files whose whole content is ours. Rendering them can fail only for a tree with problems."""
        root = "" if self.paths.root else "root"
        found = [File("configuration", self.paths.config, self.render(), "0640", root, self.user, secret=True)]
        if self.environment:
            text = services.environment_file(self.environment)
            found.append(File("environment", self.paths.environment, text, "0600", root, root, secret=True))
        text = (
            services.supervisor_program(self.paths, self.needs)
            if self.paths.root
            else services.systemd_unit(self.paths, self.needs, self.socket)
        )
        found.append(File("service", self.paths.unit, text, "0644", root, root))
        for name, content in (self.host_certificate.files() if self.host_certificate else {}).items():
            found.append(dataclasses.replace(self.host_certificate_files[name], content=content))
        for authority in self.authorities:
            text = authority.authorities_text()
            if text:
                found.append(dataclasses.replace(pki_node.server_file(authority.name, self.paths), content=text))
        if self.paths.root:
            text = services.supervisor_daemon(self.paths)
            found.append(File("supervisor", self.paths.supervisor_config, text, "0644", root, root))
        return found

    @property
    def bundle_file(self) -> File:
        """What an agent trusts at its first contact, without content: that comes from a server when it is enrolled."""
        root = "" if self.paths.root else "root"
        return File("bundle", self.paths.bundle, "", "0644", root, root)

    def render(self, extra: dict[str, Any] | None = None) -> str:
        """The configuration file's text, with options of ``extra`` added to the main block."""
        content = self.tree
        if extra:
            content = {**self.tree, self.component: {**self.main, **extra}}
        if self.values[f"spire_{self.component}_config_format"] == "json":
            return hcl.dumps_json(content)
        return services.MANAGED + "\n" + hcl.dumps(content)


def _sqlite_path(connection: str) -> str:
    """The file in a connection string such as ``file:/x/y.db?mode=rwc``."""
    return connection.removeprefix("file:").removeprefix("//").split("?", 1)[0]


def _within(path: str, parents: tuple[str, ...]) -> bool:
    return any(path == parent or path.startswith(parent.rstrip("/") + "/") for parent in parents)
