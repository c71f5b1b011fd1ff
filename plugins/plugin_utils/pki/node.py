# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node proves itself by: a certificate for x509pop or sshpop, which a CA on the controller makes for each agent's host.

The node's SPIFFE ID follows from its name in the inventory, so that it is the same after every renewal.
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

#: SPIRE's own default of spiffe_prefix
SPIFFE_PREFIX = "/spire-exchange/"
#: SPIRE's own names a node by the digest of its certificate, which is another one after every renewal
TEMPLATES = {"x509pop": "/x509pop/{{ .Subject.CommonName }}", "sshpop": "/sshpop/{{ .Hostname }}"}
#: the options that name CAs, the first of them the one that we set
AUTHORITIES = {"x509pop": ("ca_bundle_path", "ca_bundle_paths"), "sshpop": ("cert_authorities_path",)}


@dataclasses.dataclass(frozen=True)
class X509pop(ManagedCertificate):
    """A node's certificate. In the mode spiffe it is an SVID of a kind, signed by the CA above the servers' own."""

    #: its SPIFFE ID in the mode spiffe
    uri: str = ""
    parent_ca: Upstream | None = None

    prefix = "spire_x509pop"
    name = "x509pop"
    title = "the node's certificate"
    # verified for any purpose
    svids = False

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
        """A key that was born on the node never comes here."""
        base = os.path.join(self.pki_dir, self.name, "agents", self.host, "node")
        return KeyAndCertificateFiles(f"{base}.pem", "" if self.key_on_host else f"{base}.key")

    @property
    def ca_depth_below(self) -> int:
        return 0

    @property
    def request(self) -> Request:
        """What SPIRE asks of it is that its key may sign."""
        return Request(
            self._subject("spire_x509pop_subject"), self.length("spire_x509pop_lifetime"), ca=False, key_type=self.key_type,
            uris=(self.uri,) if self.uri else (), renew_before=self.length("spire_x509pop_renew_before"),
        )

    @functools.cached_property
    def issuer(self) -> Issuer | None:
        return self.parent_ca.issuer if self.parent_ca else super().issuer

    def mistakes(self, now: datetime.datetime, window: datetime.timedelta = datetime.timedelta(0)) -> list[str]:
        return self.parent_ca.mistakes(now, window) if self.parent_ca else super().mistakes(now, window)

    def insecure_root_permissions(self) -> list[str]:
        return self.parent_ca.insecure_root_permissions() if self.parent_ca else super().insecure_root_permissions()

    def signer(self, run: Run) -> tuple[Issuer | None, list[str]]:
        return self.parent_ca.signer(run) if self.parent_ca else super().signer(run)

    def authorities_text(self) -> str:
        """What servers verify nodes with; empty before there is a CA."""
        return x509_keys.dump_certificates(self.issuer.bundle) if self.issuer else ""


KINDS: dict[str, type[ManagedCertificate]] = {"x509pop": X509pop, "sshpop": Sshpop}


def wanted(values: Mapping[str, Any]) -> list[str]:
    """The attestors that the variables ask for."""
    return [name for name, kind in KINDS.items() if values[kind.prefix] != "none"]


def layers(component: str, values: Mapping[str, Any], paths: Paths, named: Iterable[Layer]) -> list[Layer]:
    """What a tree gets between the built-in defaults and the inventory's layers, which may name other files or attestors."""
    found = []
    for name in wanted(values):
        said = _said(named, name)
        options = agent_options(name, paths) if component == "agent" else _server_options(name, paths, said)
        if options:
            found.append(Layer(KINDS[name].prefix, {"plugins": {"NodeAttestor": {name: {"plugin_data": options}}}}))
    return found


def agent_options(name: str, paths: Paths) -> dict[str, str]:
    """The options of an agent's plugin."""
    if name == "x509pop":
        return {"certificate_path": paths.node_certificate(name), "private_key_path": paths.node_key(name)}
    return {"host_cert_path": paths.node_certificate(name), "host_key_path": paths.node_key(name)}


def _server_options(name: str, paths: Paths, said: Mapping[str, Any]) -> dict[str, str]:
    if said.get("mode") == "spiffe":
        # the trust domain's own bundle verifies, and the SVID's path is the name
        return {}
    own = AUTHORITIES[name]
    return {"agent_path_template": TEMPLATES[name], **({} if set(own) & set(said) else {own[0]: paths.node_authorities(name)})}


def _said(named: Iterable[Layer], name: str) -> dict[str, Any]:
    """The plugin's options that the inventory gives."""
    found: dict[str, Any] = {}
    for layer in named:
        found.update(block(layer.tree, "plugins", "NodeAttestor", name, "plugin_data"))
    return found


def attestor(merged: Merged, name: str) -> dict[str, Any]:
    """The options of a node attestor in a tree; none where there is no such attestor."""
    return _said([Layer("", merged.tree)], name)


def kept(name: str, merged: Merged, paths: Paths) -> list[str]:
    """The options of an agent's plugin that are as this module set them: all, some, or none of them."""
    given = attestor(merged, name)
    return [option for option, value in agent_options(name, paths).items() if given.get(option) == value]


def of_agent(host: str, values: Mapping[str, Any], trust_domain: str, merged: Merged, paths: Paths, server: Any) -> ManagedCertificate | None:
    """What this agent proves itself by, as far as it has it from us. ``server`` is the plan of one of its servers, if there is one."""
    for name in wanted(values):
        if len(kept(name, merged, paths)) < len(agent_options(name, paths)):
            continue
        theirs = server.plugin_data("NodeAttestor", name) if server else {}
        if name == "sshpop":
            return Sshpop(host, values, trust_domain, domain=str(theirs.get("canonical_domain") or ""))
        if theirs.get("mode") == "spiffe":
            prefix = "/" + str(theirs.get("spiffe_prefix") or SPIFFE_PREFIX).strip("/")
            uri = f"spiffe://{trust_domain}{prefix.rstrip('/')}/{host}"
            return X509pop(host, values, trust_domain, uri=uri, parent_ca=server.upstream)
        return X509pop(host, values, trust_domain)
    return None


def of_server(host: str, values: Mapping[str, Any], trust_domain: str, merged: Merged, paths: Paths) -> list[ManagedCertificate]:
    """The CAs of ours that this server verifies nodes with."""
    return [KINDS[name](host, values, trust_domain) for name in wanted(values) if verifies(name, merged, paths)]


def verifies(name: str, merged: Merged, paths: Paths) -> bool:
    """Whether our CA is among those of the server's plugin."""
    given = attestor(merged, name)
    found: list[Any] = []
    for option in AUTHORITIES[name]:
        value = given.get(option)
        found += value if isinstance(value, list) else [value]
    return paths.node_authorities(name) in found and given.get("mode") != "spiffe"


def agent_files(name: str, paths: Paths, user: str) -> dict[str, File]:
    """Where a node's files go, without contents. The service alone reads its key."""
    root = "" if paths.root else "root"
    return {
        f"{name}_key": File(f"{name}_key", paths.node_key(name), "", "0600", user, user, secret=True),
        f"{name}_certificate": File(f"{name}_certificate", paths.node_certificate(name), "", "0644", root, root),
    }


def server_file(name: str, paths: Paths) -> File:
    """Where the CAs go that a server verifies nodes with."""
    root = "" if paths.root else "root"
    return File(f"{name}_authorities", paths.node_authorities(name), "", "0644", root, root)


def paths_of(component: str, paths: Paths) -> list[str]:
    """Every path that a file of ours may have."""
    if component == "server":
        return [paths.node_authorities(name) for name in KINDS]
    return [path for name in KINDS for path in (paths.node_key(name), paths.node_certificate(name))]


def obsolete_files(component: str, paths: Paths, merged: Merged) -> list[str]:
    """Files of ours for attestors that the tree names no more."""
    found = []
    for name in KINDS:
        if component == "server" and not verifies(name, merged, paths):
            found.append(paths.node_authorities(name))
        if component == "agent" and not kept(name, merged, paths):
            found += [paths.node_key(name), paths.node_certificate(name)]
    return found


def stamped(component: str, paths: Paths, merged: Merged) -> tuple[str, ...]:
    """The files that a process reads at its start alone. An agent reads what x509pop asks for at every attestation."""
    if component == "server":
        return tuple(paths.node_authorities(name) for name in KINDS if verifies(name, merged, paths))
    return (paths.node_certificate("sshpop"),) if "host_cert_path" in kept("sshpop", merged, paths) else ()
