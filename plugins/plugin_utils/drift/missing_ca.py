# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds CAs of the collection that are gone from the controller while hosts still have certificates that they issued.

A first run makes a CA where there is none. If spire_pki_dir was lost or changed, that would be a second CA, which no running server or
agent trusts, so the run stops before it makes one. Hosts are asked for these files only while a CA is missing.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, get
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, node as pki_node, node_ssh
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.node_ssh import Sshpop
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, request as x509_request, store as x509_store
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

VARIABLE = "spire_pki_new_root"


def paths(planned: Plan) -> list[str]:
    """Returns the files on the host, all of them public, that were issued by a CA that is missing on the controller."""
    return [path for path, _issued in _missing(planned)]


def concerns(fleet: Fleet) -> bool:
    """Whether a CA of a server, or of an agent whose servers are not in the inventory, is missing, so that this run would make it."""
    planned = (plan("server", host, fleet) for host in fleet.servers)
    return any(paths(one) for one in planned) or any(paths(one) for one in _alone(fleet))


def _alone(fleet: Fleet) -> Iterator[Plan]:
    """Yields one agent for each CA that no server of the inventory has. The CAs of all other agents are in their servers' plans."""
    asked = set()
    for host in fleet.agents:
        if fleet.servers_of(host) or not pki_node.enabled_attestors(fleet.values_of(host)):
            continue
        planned = plan("agent", host, fleet)
        place = planned.node and (planned.node.directory, planned.node.issuer_key_files, planned.values[VARIABLE])
        if place and place not in asked:
            asked.add(place)
            yield planned


def mistakes(planned: Plan, observed: Mapping[str, Any]) -> list[str]:
    """Returns a message for each certificate on the host, or in AWS, that was issued by a CA which is missing on the controller."""
    found = []
    for path, issued in _missing(planned):
        state = observed.get("issued", {}).get(path, {"exists": False})
        if state["exists"]:
            text = base64.b64decode(state.get("content", ""))
            description = _describe(issued, path, text, of_ca=path == planned.paths.node_authorities(issued.name))
            found += [_stop(issued, description)] if description else []
        elif isinstance(issued, Upstream):
            found += [_stop(issued, description) for description in _in_aws(issued, observed)]
    return found


def _missing(planned: Plan) -> Iterator[tuple[str, ManagedCertificate]]:
    """Yields each CA that has to be made, with the file that it issued to the host."""
    if planned.values[VARIABLE]:
        return
    if planned.upstream and planned.upstream.issuer_missing:
        yield planned.paths.upstream_certificate, planned.upstream
    if planned.node and planned.node.issuer_missing:
        yield planned.paths.node_certificate(planned.node.name), planned.node
    for authority in planned.authorities:
        if authority.issuer_missing:
            yield planned.paths.node_authorities(authority.name), authority


def _describe(issued: ManagedCertificate, path: str, text: bytes, of_ca: bool) -> str:
    """Describes which CA issued a file; empty where another CA of the controller issued it."""
    try:
        if isinstance(issued, Sshpop):
            name = node_ssh.ca_fingerprint(text, path)
        else:
            certificates = x509_keys.load_certificates(text, path)
            if not of_ca and _of_another(issued, certificates[-1]):
                return ""
            name = (certificates[0].subject if of_ca else certificates[-1].issuer).rfc4514_string()
    except X509Error:
        return f"{path} is there, and can't be read"
    return f"{path} is the CA {name}" if of_ca else f"{path} was issued by {name}"


def _of_another(issued: ManagedCertificate, certificate: Any) -> bool:
    """Whether another CA of the controller issued the certificate. That is no mistake: the variables may move nodes to a new CA."""
    roots = (os.path.join(issued.pki_dir, *parts, "root.pem") for parts in ((), (pki_node.X509pop.name,)))
    return any(x509_request.issued_by(certificate, root) for path in roots for root in _certificates(path))


def _certificates(path: str) -> list[Any]:
    text = x509_store.read(path)
    return x509_keys.load_certificates(text, path) if text else []


def _in_aws(upstream: Upstream, observed: Mapping[str, Any]) -> Iterator[str]:
    """Yields a description of the CA's secrets or private CA in AWS, from the record on the controller or from the server's configuration."""
    if not upstream.stored_on_host and upstream.record:
        yield f"{upstream.record_path} notes what AWS keeps below a root of ours"
        return
    try:
        content = observed["files"]["configuration"].get("content", "")
        tree: Any = hcl.loads(base64.b64decode(content).decode("utf-8", "replace"))
    except hcl.HclError:
        # SPIRE could not read the configuration either, so the server does not use anything that it names.
        return
    plugins = block(tree, "plugins", "UpstreamAuthority")
    secret = str(get(plugins, aws_record.SECRETS, "plugin_data", "cert_file_arn") or "")
    names = aws_record.secret_names(upstream.values, upstream.host, upstream.trust_domain)
    if secret.startswith("arn:") and f":secret:{names['certificate']}" in secret:
        yield f"the configuration of the server names {secret}, which a root of ours has issued"
    private = str(get(plugins, aws_record.PRIVATE_CA, "plugin_data", "certificate_authority_arn") or "")
    if upstream.storage_mode == aws_record.PRIVATE_CA and private and not private.endswith(aws_record.NOT_MADE):
        yield f"the configuration of the server names {private}, which stands below a root"


def _stop(issued: ManagedCertificate, description: str) -> str:
    return (
        f"{description}, and the controller has no such CA: {issued.issuer_key_files.certificate} is missing. Nothing that is in "
        f"use would trust another one, so none was made. Bring spire_pki_dir ({issued.values['spire_pki_dir']}) back, from its backup or with the "
        f"volume that it is kept on. If a new CA is meant, run once with {VARIABLE} set to true."
    )
