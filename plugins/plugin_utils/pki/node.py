# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates with which nodes attest by x509pop or sshpop, and the CA on the controller that issues them.

A node's SPIFFE ID is made from its name in the inventory, so it stays the same after every renewal.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer, Merged
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.node_ssh import Sshpop
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles

#: SPIRE's default of spiffe_prefix
SPIFFE_PREFIX = "/spire-exchange/"
#: agent_path_template; SPIRE's default contains the digest of the certificate, which changes with every renewal
TEMPLATES = {"x509pop": "/x509pop/{{ .Subject.CommonName }}", "sshpop": "/sshpop/{{ .Hostname }}"}
#: the server's options that name CAs; this collection sets the first
AUTHORITIES = {"x509pop": ("ca_bundle_path", "ca_bundle_paths"), "sshpop": ("cert_authorities_path",)}


@dataclasses.dataclass(frozen=True)
class X509pop(ManagedCertificate):
    """A node's X.509 certificate. In the mode spiffe it has a SPIFFE ID and is signed by the CA above the servers' own."""

    #: the node's SPIFFE ID in the mode spiffe; empty in other modes
    uri: str = ""
    parent_ca: Upstream | None = None

    prefix = "spire_x509pop"
    name = "x509pop"
    title = "the node's certificate"
    # SPIRE verifies the chains of these certificates for any purpose, not only as those of TLS servers.
    signs_svids = False

    @property
    def directory(self) -> str:
        return self.parent_ca.directory if self.parent_ca else os.path.join(self.pki_dir, self.name)

    @property
    def user_supplied(self) -> bool:
        return self.parent_ca.user_supplied if self.parent_ca else super().user_supplied

    @property
    def issuer_key_files(self) -> KeyAndCertificateFiles:
        return self.parent_ca.issuer_key_files if self.parent_ca else super().issuer_key_files

    @property
    def root_request(self) -> Request:
        return self.parent_ca.root_request if self.parent_ca else super().root_request

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        """The files of the certificate on the controller. A key that was made on the node is not among them."""
        base = os.path.join(self.pki_dir, self.name, "agents", self.host, "node")
        return KeyAndCertificateFiles(f"{base}.pem", "" if self.key_on_host else f"{base}.key")

    @property
    def ca_depth_below(self) -> int:
        return 0

    @property
    def request(self) -> Request:
        """The certificate that the node should have. SPIRE requires only that its key may sign."""
        return Request(
            self._subject("spire_x509pop_subject"), self.duration("spire_x509pop_lifetime"), ca=False, key_type=self.key_type,
            uris=(self.uri,) if self.uri else (), renew_before=self.duration("spire_x509pop_renew_before"),
        )

    @functools.cached_property
    def issuer(self) -> Issuer | None:
        return self.parent_ca.issuer if self.parent_ca else super().issuer

    def issuer_problems(self, now: datetime.datetime, window: datetime.timedelta = datetime.timedelta(0)) -> list[str]:
        return self.parent_ca.issuer_problems(now, window) if self.parent_ca else super().issuer_problems(now, window)

    def insecure_root_permissions(self) -> list[str]:
        return self.parent_ca.insecure_root_permissions() if self.parent_ca else super().insecure_root_permissions()

    def make_issuer(self, run: Run) -> tuple[Issuer | None, list[str]]:
        return self.parent_ca.make_issuer(run) if self.parent_ca else super().make_issuer(run)

    def authorities_text(self) -> str:
        """Returns the CAs that servers verify nodes with; empty before there is a CA."""
        return x509_keys.dump_certificates(self.issuer.bundle) if self.issuer else ""


KINDS: dict[str, type[ManagedCertificate]] = {"x509pop": X509pop, "sshpop": Sshpop}


def enabled_attestors(values: Mapping[str, Any]) -> list[str]:
    """Returns the attestors that the variables turn on."""
    return [name for name, kind in KINDS.items() if values[kind.prefix] != "none"]


def layers(component: str, values: Mapping[str, Any], paths: Paths, inventory_layers: Iterable[Layer]) -> list[Layer]:
    """Returns the layers of a tree between the built-in defaults and the inventory's layers, which may override them."""
    found = []
    for name in enabled_attestors(values):
        configured = _configured_options(inventory_layers, name)
        options = agent_options(name, paths) if component == "agent" else _server_options(name, paths, configured)
        if options:
            found.append(Layer(KINDS[name].prefix, {"plugins": {"NodeAttestor": {name: {"plugin_data": options}}}}))
    return found


def agent_options(name: str, paths: Paths) -> dict[str, str]:
    """Returns the options of an agent's plugin that name its certificate and key."""
    if name == "x509pop":
        return {"certificate_path": paths.node_certificate(name), "private_key_path": paths.node_key(name)}
    return {"host_cert_path": paths.node_certificate(name), "host_key_path": paths.node_key(name)}


def _server_options(name: str, paths: Paths, configured: Mapping[str, Any]) -> dict[str, str]:
    if configured.get("mode") == "spiffe":
        # In this mode the server verifies with the bundle of its trust domain, and takes the node's name from the SPIFFE ID.
        return {}
    own = AUTHORITIES[name]
    return {"agent_path_template": TEMPLATES[name], **({} if set(own) & set(configured) else {own[0]: paths.node_authorities(name)})}


def _configured_options(inventory_layers: Iterable[Layer], name: str) -> dict[str, Any]:
    """Returns the options of a node attestor in these layers."""
    found: dict[str, Any] = {}
    for layer in inventory_layers:
        found.update(block(layer.tree, "plugins", "NodeAttestor", name, "plugin_data"))
    return found


def attestor_options(merged: Merged, name: str) -> dict[str, Any]:
    """Returns the options of a node attestor in a tree; empty where the tree has no such attestor."""
    return _configured_options([Layer("", merged.tree)], name)


def unchanged_options(name: str, merged: Merged, paths: Paths) -> list[str]:
    """Returns the names of the options of an agent's plugin that still have the values that this module set."""
    options = attestor_options(merged, name)
    return [option for option, value in agent_options(name, paths).items() if options.get(option) == value]


def certificate_of_agent(
    host: str, values: Mapping[str, Any], trust_domain: str, merged: Merged, paths: Paths, server: Any
) -> ManagedCertificate | None:
    """Returns the certificate of this collection that an agent attests with; None where the agent attests in another way.

    ``server`` is the plan of one of its servers, None where the inventory has none.
    """
    for name in enabled_attestors(values):
        if len(unchanged_options(name, merged, paths)) < len(agent_options(name, paths)):
            continue
        server_options = server.plugin_data("NodeAttestor", name) if server else {}
        if name == "sshpop":
            return Sshpop(host, values, trust_domain, domain=str(server_options.get("canonical_domain") or ""))
        if server_options.get("mode") == "spiffe":
            prefix = "/" + str(server_options.get("spiffe_prefix") or SPIFFE_PREFIX).strip("/")
            uri = f"spiffe://{trust_domain}{prefix.rstrip('/')}/{host}"
            return X509pop(host, values, trust_domain, uri=uri, parent_ca=server.upstream)
        return X509pop(host, values, trust_domain)
    return None


def authorities_of_server(
    host: str, values: Mapping[str, Any], trust_domain: str, merged: Merged, paths: Paths
) -> list[ManagedCertificate]:
    """Returns the CAs of this collection by which a server verifies nodes."""
    return [KINDS[name](host, values, trust_domain) for name in enabled_attestors(values) if trusts_our_ca(name, merged, paths)]


def trusts_our_ca(name: str, merged: Merged, paths: Paths) -> bool:
    """Whether our CA is among those that the server's plugin verifies nodes with."""
    options = attestor_options(merged, name)
    found: list[Any] = []
    for option in AUTHORITIES[name]:
        value = options.get(option)
        found += value if isinstance(value, list) else [value]
    return paths.node_authorities(name) in found and options.get("mode") != "spiffe"


def agent_files(name: str, paths: Paths, user: str) -> dict[str, File]:
    """Returns the files of a node's certificate and key on an agent's host, without contents. Only the service reads its key."""
    return {
        f"{name}_key": File(f"{name}_key", paths.node_key(name), "", "0600", user, user, secret=True),
        f"{name}_certificate": File(f"{name}_certificate", paths.node_certificate(name), "", "0644", paths.owner, paths.owner),
    }


def server_file(name: str, paths: Paths) -> File:
    """Returns the file on a server with the CAs that it verifies nodes with."""
    return File(f"{name}_authorities", paths.node_authorities(name), "", "0644", paths.owner, paths.owner)


def managed_paths(component: str, paths: Paths) -> list[str]:
    """Returns all paths that files of this module can have on a host."""
    if component == "server":
        return [paths.node_authorities(name) for name in KINDS]
    return [path for name in KINDS for path in (paths.node_key(name), paths.node_certificate(name))]


def obsolete_files(component: str, paths: Paths, merged: Merged) -> list[str]:
    """Returns the paths of files of this module that the tree no longer names."""
    found = []
    for name in KINDS:
        if component == "server" and not trusts_our_ca(name, merged, paths):
            found.append(paths.node_authorities(name))
        if component == "agent" and not unchanged_options(name, merged, paths):
            found += [paths.node_key(name), paths.node_certificate(name)]
    return found


def files_read_at_start(component: str, paths: Paths, merged: Merged) -> tuple[str, ...]:
    """Returns the files that a process reads only when it starts. An agent reads those of x509pop at every attestation."""
    if component == "server":
        return tuple(paths.node_authorities(name) for name in KINDS if trusts_our_ca(name, merged, paths))
    return (paths.node_certificate("sshpop"),) if "host_cert_path" in unchanged_options("sshpop", merged, paths) else ()


def authority_files(options: Mapping[str, Any]) -> list[str]:
    """Returns the files on a server with the CAs that it verifies nodes with by x509pop. ``options`` are those of this plugin."""
    return [str(path) for path in (options.get("ca_bundle_path"), *(options.get("ca_bundle_paths") or ())) if path]
