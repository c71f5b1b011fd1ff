# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of one server or agent: the state that it should have. build.py makes it from the inventory's variables.

This class has the identity of the component and reads its tree. The other modules of this package derive the rest from that:
certificates, paths that the process writes to, files, the service.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import posixpath
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import without_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, plugin_data, plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Merged
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins import binaries
from ansible_collections.spire.fleet.plugins.plugin_utils.host import root as host_root
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import Directory, File
from ansible_collections.spire.fleet.plugins.plugin_utils.host.listeners import Listener, opened
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import Needs
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.plugin_options import AUTHORITY_KINDS, InjectedOptions
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import defaults, files, service, write_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.delivered import DeliveredFile
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.write_paths import WritePath
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import architecture
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute

#: the first release that takes a join token from a file named on the command line
TOKEN_FILE_SINCE = versions.Version(1, 13, 3)
CANARY = "/fleet-canary"


@dataclasses.dataclass
class Plan:
    """The plan of one component on one host."""

    component: str
    host: str
    values: Values
    version: versions.Version
    paths: Paths
    merged: Merged
    tree: dict[str, Any]
    problems: list[Problem] = dataclasses.field(default_factory=list)
    #: whether it is an agent whose servers are not in the inventory
    external: bool = False
    #: the plan of the first of an agent's servers; None for a server
    server: Plan | None = None
    #: the agents that a nested server gets its identity from
    parent_agents: list[Plan] = dataclasses.field(default_factory=list)
    #: the filler that writes the commands of external plugins into the tree; they depend on the architecture
    filler: binaries.Filler | None = None
    architectures: tuple[str, ...] = ()
    arch: str = ""
    #: the options that its tree gets for the collection's upstream CA
    injected_options: InjectedOptions | None = None
    #: the files of a person's own that the run puts on the host
    delivered: list[DeliveredFile] = dataclasses.field(default_factory=list)
    #: whether the server takes one attestation of this agent only, so that it must be evicted before it attests again
    attests_once: bool = False

    def for_architecture(self, machine: str) -> Plan:
        """Returns the plan for a host of this architecture; raises ValueError if an external plugin has no binary for it."""
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
    def checked_as(self) -> versions.Version:
        """The release whose options and rules its tree is checked by; another one than ``version`` where that is newer than this collection."""
        return versions.checked_as(self.version)

    @property
    def main(self) -> Mapping[str, Any]:
        """The ``server`` or ``agent`` block."""
        return block(self.tree, self.component)

    def plugins(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Returns the enabled plugins of one type, by name."""
        return plugins(self.tree, kind)

    def plugin_data(self, kind: str, name: str) -> Mapping[str, Any]:
        """Returns the options of one plugin."""
        return plugin_data(self.tree, kind, name)

    @property
    def upstream_authority(self) -> tuple[str, dict[str, Any]]:
        """The plugin type that signs a server's CA, under its old or new name as in the tree, and its enabled plugins, by name."""
        named = ((kind, self.plugins(kind)) for kind in AUTHORITY_KINDS)
        return next(((kind, plugins) for kind, plugins in named if plugins), (AUTHORITY_KINDS[0], {}))

    @property
    def trust_domain(self) -> str:
        """The trust domain that the tree names; empty when it names none."""
        return str(self.main.get("trust_domain") or "")

    @property
    def socket(self) -> str:
        """The API socket that the CLI talks to."""
        return str(self.main.get("socket_path") or self.main.get("registration_uds_path") or self.paths.socket)

    @property
    def port(self) -> int:
        """The port at which agents reach a server. An invalid port is replaced by the default, so that only the server's mistake is reported."""
        port = self.main.get("bind_port", defaults.SERVER_PORT)
        return port if isinstance(port, int) and 0 <= port < 65536 else defaults.SERVER_PORT

    @property
    def address(self) -> str:
        """The address at which agents and nested servers reach a server."""
        named = self.values["spire_server_address"]
        return without_brackets(named) if named else self.own_addresses[0]

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """The names and addresses that are certainly this machine's own; spire_server_address may be a load balancer's."""
        reached_at = connection.address(self.values.raw)
        return (reached_at, self.host) if reached_at else (self.host,)

    @property
    def listeners(self) -> list[Listener]:
        """The TCP ports that the process opens."""
        return list(opened(self.component, self.tree, self.port if self.component == "server" else 0))

    @property
    def data_dir(self) -> str:
        """The directory of the component's state."""
        return str(self.main.get("data_dir") or self.paths.data_dir)

    @property
    def attests_by_token(self) -> bool:
        """Whether this agent needs a join token when it has no identity."""
        return self.component == "agent" and "join_token" in self.plugins("NodeAttestor")

    @property
    def loses_identity_on_restart(self) -> bool:
        """Whether the agent must be enrolled after every restart, since it loses its key and its server accepts only one attestation."""
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
        """Whether the binaries are in a directory of the collection that has their version as its name."""
        return self.values["spire_install_source"] in ("archive", "local")

    @property
    def binary(self) -> str:
        """The binary that the service runs."""
        return posixpath.join(self.bin_dir, self.paths.binary_name)

    @property
    def token_by_file(self) -> bool:
        """Whether this release takes a join token from a file that the command line names."""
        return self.version >= TOKEN_FILE_SINCE

    @functools.cached_property
    def root_reasons(self) -> tuple[str, ...]:
        """The reasons why the process must be root."""
        return host_root.reasons(self.plugins, self.plugin_data, self.node is not None) if self.component == "agent" else ()

    @property
    def canary(self) -> str:
        """The SPIFFE ID with which verify checks that agents issue SVIDs; empty where there is none.

        If the servers are not in the inventory, there is a canary only where spire_canary is set.
        """
        wanted = self.values["spire_canary"] and (not self.external or self.values.is_set("spire_canary"))
        return absolute(CANARY, self.trust_domain) if wanted else ""

    def supervisor(self, program: str) -> list[str]:
        """Returns the argv of a program of supervisor: of ``supervisord``, or of its client ``supervisorctl``."""
        return [posixpath.join(self.values["spire_supervisor_bin"], program), "-c", self.paths.supervisor_config]

    @property
    def user(self) -> str:
        """The system user of the process, with a group of the same name; empty for whoever runs the quickstart."""
        if self.paths.root:
            return ""
        named = self.values[f"spire_{self.component}_user"]
        return str(named or ("root" if self.root_reasons else f"spire-{self.component}"))

    @property
    def environment(self) -> dict[str, str]:
        """The process's environment variables."""
        given = self.values[f"spire_{self.component}_environment"] or {}
        return {str(name): str(value) for name, value in given.items()}

    @functools.cached_property
    def upstream(self) -> Upstream | None:
        """The collection's upstream CA of a server; None for agents, and for servers with another upstream authority or none."""
        if self.component != "server":
            return None
        return pki_upstream.upstream(self.host, self.values, self.trust_domain, self.merged, self.injected_options)

    @functools.cached_property
    def node(self) -> ManagedCertificate | None:
        """The collection's certificate that an agent attests with; None for servers, and for agents that attest in another way."""
        if self.component != "agent":
            return None
        return pki_node.certificate_of_agent(self.host, self.values, self.trust_domain, self.merged, self.paths, self.server)

    @functools.cached_property
    def authorities(self) -> list[ManagedCertificate]:
        """The collection's CAs by which a server verifies nodes."""
        if self.component != "server":
            return []
        return pki_node.authorities_of_server(self.host, self.values, self.trust_domain, self.merged, self.paths)

    @property
    def host_certificate(self) -> ManagedCertificate | None:
        """The certificate, with its key, that the collection gives the host: a server's upstream CA, or the certificate that an agent attests with."""
        found = self.upstream or self.node
        return found if found and found.stored_on_host else None

    @property
    def host_certificate_files(self) -> dict[str, File]:
        """The files of that certificate on the host, without contents."""
        if self.component == "server":
            return pki_upstream.host_files(self.paths, self.user)
        return pki_node.agent_files(self.node.name, self.paths, self.user) if self.node else {}

    @functools.cached_property
    def write_paths(self) -> dict[str, WritePath]:
        """The paths that the process writes to, by the option that names each."""
        return write_paths.of_plan(self)

    @property
    def needs(self) -> Needs:
        """The facts that the definition of the service depends on."""
        return service.needs(self)

    @property
    def directories(self) -> list[Directory]:
        """Directories that must exist before the service starts."""
        return files.directories(self)

    @property
    def claimed_id(self) -> str:
        """The SPIFFE ID that an agent gets by a name that it gives itself, so that another node could have it; empty for other attestors."""
        name = self.plugin_data("NodeAttestor", "http_challenge").get("hostname") if self.component == "agent" else ""
        return f"spiffe://{self.trust_domain}/spire/agent/http_challenge/{name}" if name else ""

    @property
    def datastore_file(self) -> str:
        """The file of a server's SQLite database; empty for another database, or one in memory."""
        path = self.write_paths.get(write_paths.DATASTORE)
        return path.given if path else ""

    @property
    def parents(self) -> list[Directory]:
        """Directories above those, and above the binaries of ours, the upper ones first."""
        return files.parents(self)

    @functools.cached_property
    def files(self) -> list[File]:
        """The files that the collection writes as a whole. Rendering them can fail only for a tree with problems."""
        return files.files(self)

    @property
    def bundle_file(self) -> File:
        """The file with the trust bundle for an agent's first contact, without content, which a server gives when the agent is enrolled."""
        return File("bundle", self.paths.bundle, "", "0644", self.paths.owner, self.paths.owner)

    def render(self, extra: Mapping[str, Any] | None = None) -> str:
        """Returns the text of the configuration file, with the options of ``extra`` added to the main block."""
        return files.configuration(self, extra or {})
