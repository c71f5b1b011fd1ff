# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about node certificates, and about their CAs that the collection manages (spire_x509pop, spire_sshpop)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import words
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.node import KINDS, X509pop
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.node_ssh import Sshpop
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import registry, support
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import ca_files
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import servers_of
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: fields of a template that change with every certificate
_CHANGING = ("Fingerprint", "SerialNumberHex", "SerialNumber", "Nonce", "Serial")


def check(planned: Plan, fleet: Fleet, now: datetime.datetime | None = None) -> Iterator[Problem]:
    """Yields the problems because of which a node can't get its certificate, or a server can't verify it."""
    context = RuleContext(planned.component, planned.checked_as, plan=planned, fleet=fleet)
    context.now = now or context.now
    applicable = registry.applicable((registry.FLEET,), planned.component, None)
    yield from support.check(context, [one for one in applicable if one.check.__module__ == __name__])


def _authorities(context: RuleContext) -> Iterator[tuple[str, ManagedCertificate]]:
    """Yields the CAs of node certificates that the collection configures on a server, with the attestor's name."""
    planned: Plan = context.plan
    for name in pki_node.enabled_attestors(planned.values) if planned.component == "server" else ():
        for authority in planned.authorities:
            if authority.name == name:
                yield name, authority


@rule("fleet", "agent:spire_x509pop", "agent:spire_sshpop", source="docs/attestation.md")
def node_mixed_options(context: RuleContext) -> Findings:
    """The key and the certificate of a node attestor come both from the collection or both from the user."""
    planned: Plan = context.plan
    for name in pki_node.enabled_attestors(planned.values) if planned.node is None else ():
        kept = pki_node.unchanged_options(name, planned.merged, planned.paths)
        for option in pki_node.agent_options(name, planned.paths) if kept else ():
            if option not in kept:
                path, prefix = f"plugins.NodeAttestor.{name}.plugin_data.{option}", KINDS[name].prefix
                message = (
                    f"{prefix} sets the key and the certificate, but the tree names another file here. Remove it from the tree, or set "
                    f"{prefix} to none and set both yourself."
                )
                yield Finding(path, message, layer=planned.merged.origin(path))


@rule("fleet", "agent:spire_x509pop", "agent:spire_sshpop", source="docs/attestation.md")
def single_node_certificate(context: RuleContext) -> Findings:
    """At most one of spire_x509pop and spire_sshpop is in use for an agent."""
    named = pki_node.enabled_attestors(context.plan.values)
    if context.plan.node is not None and len(named) > 1:
        prefix = KINDS[named[0]].prefix
        yield Finding(prefix, "An agent can have only one node attestor. Set spire_x509pop or spire_sshpop to none for the agents.")


@rule("fleet", "agent:spire_x509pop", "agent:spire_sshpop", source="docs/attestation.md")
def node_names(context: RuleContext) -> Findings:
    """The trust domain and the agent's inventory name can be part of file names in spire_pki_dir and of a SPIFFE ID."""
    if context.plan.node is not None:
        yield from ca_files.names(context.plan.node)


@rule("fleet", "server:plugins.NodeAttestor", source="docs/attestation.md")
def node_ca_in_tree(context: RuleContext) -> Findings:
    """The configuration of a server contains the CA of node certificates that the collection creates."""
    planned: Plan = context.plan
    known = {name for name, _authority in _authorities(context)}
    for name in pki_node.enabled_attestors(planned.values):
        if name not in known and planned.plugin_data("NodeAttestor", name).get("mode") != "spiffe":
            prefix, file = KINDS[name].prefix, planned.paths.node_authorities(name)
            yield Finding(f"plugins.NodeAttestor.{name}", (
                f"{prefix} creates a CA, but the configuration does not contain it, so the server would refuse the nodes. Add {file} to "
                f"{' or '.join(pki_node.AUTHORITIES[name])}, or set {prefix} to none."
            ))


@rule(
    "fleet", "server:plugins.NodeAttestor.x509pop.plugin_data.agent_path_template",
    "server:plugins.NodeAttestor.sshpop.plugin_data.agent_path_template",
    source="pkg/common/plugin/x509pop/x509pop.go (MakeAgentID) and pkg/common/plugin/sshpop/handshake.go (makeAgentID), v1.15.3",
)
def stable_agent_path(context: RuleContext) -> Findings:
    """agent_path_template uses no field that changes when a node's certificate is renewed, so that the node keeps its SPIFFE ID."""
    planned: Plan = context.plan
    known = {name for name, _authority in _authorities(context)}
    for name in pki_node.enabled_attestors(planned.values):
        data = planned.plugin_data("NodeAttestor", name)
        template = str(data.get("agent_path_template") or "")
        changing = next((word for word in _CHANGING if f".{word}" in template), "")
        if changing and (name in known or data.get("mode") == "spiffe"):
            yield Finding(f"plugins.NodeAttestor.{name}.plugin_data.agent_path_template", (
                f".{changing} is different in every certificate, so an agent would get a new SPIFFE ID with each renewal. Remove the template: "
                "the collection then uses the agents' inventory names."
            ))


@rule("fleet", "server:spire_pki_passphrase", "agent:spire_pki_passphrase", source="docs/attestation.md")
def node_passphrase(context: RuleContext) -> Findings:
    """spire_pki_passphrase is set when the collection keeps the CA of node certificates, because it encrypts the CA's key."""
    for issued in _issued(context):
        yield from ca_files.passphrase(issued)


@rule(
    "fleet", *(f"{component}:{name}" for component in ("server", "agent") for name in ("spire_x509pop_issuer", "spire_sshpop_issuer")),
    source="docs/attestation.md",
)
def node_issuer_fields(context: RuleContext) -> Findings:
    """spire_x509pop_issuer and spire_sshpop_issuer have exactly the fields that name the files of a CA."""
    for issued in _issued(context):
        yield from ca_files.issuer_fields(issued)


@rule(
    "fleet", *(f"{component}:{name}" for component in ("server", "agent") for name in ("spire_x509pop_lifetime", "spire_sshpop_lifetime")),
    "agent:spire_x509pop_subject", source="docs/attestation.md",
)
def node_certificate_request(context: RuleContext) -> Findings:
    """The subject and the lifetimes of node certificates are valid, and each certificate is renewed before it expires."""
    for issued in _issued(context):
        for finding in _wishes(issued):
            # the subject contains the node's name, which only an agent has
            if context.component == "agent" or finding.path != "spire_x509pop_subject":
                yield finding


def _issued(context: RuleContext) -> Iterator[ManagedCertificate]:
    """Yields the certificate of an agent's node, or the CAs of a server that verify such certificates."""
    if context.plan.node is not None:
        yield context.plan.node
    for _name, authority in _authorities(context):
        yield authority


def _wishes(node: ManagedCertificate) -> Findings:
    """Checks the variables about the certificate itself."""
    variables = [f"{node.prefix}_lifetime", f"{node.prefix}_renew_before"]
    variables += ["spire_x509pop_root_lifetime"] if isinstance(node, X509pop) else []
    wrong = list(ca_files.durations(node, variables))
    if wrong:
        yield from wrong
    elif isinstance(node, X509pop):
        try:
            node.request.check()
            common = [one.value for one in node.request.name if one.rfc4514_attribute_name == "CN"]
            if common != [node.host]:
                message = "Its common name must be the agent's inventory name, because the agent's SPIFFE ID ends with it. Write CN={host}."
                yield Finding("spire_x509pop_subject", message)
        except X509Error as exc:
            at_fault = f"spire_x509pop_{'subject' if 'subject' in str(exc) else 'renew_before' if 'renewed' in str(exc) else 'lifetime'}"
            yield Finding(at_fault, str(exc))
    elif isinstance(node, Sshpop) and node.certificate_request.renew_before >= node.certificate_request.lifetime:
        message = (
            f"It would be renewed {words(node.certificate_request.renew_before)} before it expires, but it lives only "
            f"{words(node.certificate_request.lifetime)}, so every run would renew it. Set a longer lifetime, or renew it later."
        )
        yield Finding("spire_sshpop_renew_before", message)


@rule(
    "fleet", *(f"{component}:{name}" for component in ("server", "agent") for name in ("spire_x509pop_issuer", "spire_sshpop_issuer")),
    severity="either", after=(node_names, node_passphrase, node_issuer_fields, node_certificate_request), source="docs/attestation.md",
)
def node_issuer(context: RuleContext) -> Findings:
    """The CA that signs node certificates is readable and does not expire before them, and its key is protected."""
    # the CA is checked once, for the servers; agents check it only where their servers are not in this inventory
    issued = [authority for _name, authority in _authorities(context)] if context.component == "server" else [context.plan.node]
    if context.component == "agent" and (context.plan.node is None or servers_of(context)):
        return
    for one in issued:
        yield from _issuer(one, context.now)


def _issuer(issued: ManagedCertificate, now: datetime.datetime) -> Findings:
    if isinstance(issued, Sshpop):
        yield from _ssh_ca(issued, now)
    elif not (isinstance(issued, X509pop) and issued.parent_ca):
        yield from ca_files.issuer(issued, "spire_x509pop_lifetime", "a certificate", now)


def _ssh_ca(issued: Sshpop, now: datetime.datetime) -> Findings:
    variable = "spire_sshpop_issuer" if issued.user_supplied else "spire_pki_dir"
    unread = list(ca_files.unread_issuer(issued))
    if unread:
        yield from unread
        return
    try:
        found = issued.issuer_problems(now) if issued.user_supplied else issued.key_mismatch()
    except X509Error as exc:
        found = [str(exc)]
    for message in found:
        yield Finding(variable, message)
    if issued.user_supplied and not found:
        yield from ca_files.open_issuer(issued)


@rule(
    "fleet", "agent:spire_x509pop", "agent:spire_sshpop",
    source="pkg/server/plugin/nodeattestor/x509pop/x509pop.go and pkg/common/plugin/sshpop, v1.15.3",
)
def node_ca_of_servers(context: RuleContext) -> Findings:
    """The servers of an agent trust the CA that issues the agent's node certificate."""
    node = context.plan.node
    for server in servers_of(context) if node is not None else ():
        message = _mismatch(node, server)
        if message:
            yield Finding(node.prefix, message)
            return


def _mismatch(node: ManagedCertificate, server: Plan) -> str:
    """Returns why a server would refuse a node's certificate."""
    prefix = node.prefix
    if isinstance(node, X509pop) and node.uri:
        if node.parent_ca is not None:
            return ""
        return (
            f"Its server {server.host} accepts only SVIDs (mode: spiffe), which the CA of spire_pki would issue, but spire_pki is not in use "
            "there. Set spire_pki for the servers, or remove the mode."
        )
    theirs = next((one for one in server.authorities if one.name == node.name), None)
    if theirs is None:
        return (
            f"{prefix} issues the agent's certificate, but its server {server.host} does not trust that CA. Set {prefix} for the servers too, "
            "for example in group_vars/all."
        )
    if theirs.issuer_key_files != node.issuer_key_files:
        return (
            f"The CA is {node.issuer_key_files.certificate} here but {theirs.issuer_key_files.certificate} for its server {server.host}. Set the same "
            f"spire_pki_dir, spire_trust_domain and {prefix}_issuer for both."
        )
    return ""
