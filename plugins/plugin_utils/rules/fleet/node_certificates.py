# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight has against what nodes prove themselves by, in variables and on the controller."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import words
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.node import KINDS, X509pop
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.node_ssh import Sshpop
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: what changes with every certificate
_FLEETING = ("Fingerprint", "SerialNumber", "Nonce", "Serial")


def check(planned: Plan, fleet: Fleet, now: datetime.datetime | None = None) -> Iterable[Problem]:
    """Everything that would keep a node from its certificate, or a server from verifying it."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    if planned.component == "agent":
        yield from _agent(planned, fleet, now)
    else:
        yield from _server(planned, now)


def _agent(planned: Plan, fleet: Fleet, now: datetime.datetime) -> Iterable[Problem]:
    named = pki_node.enabled_attestors(planned.values)
    if planned.node is None:
        yield from _mixed(planned, named)
        return
    node = planned.node
    if len(named) > 1:
        message = "An agent proves its node in one way. Set spire_x509pop or spire_sshpop to none for the agents."
        yield Problem("two_attestors", KINDS[named[0]].prefix, message, KINDS[named[0]].prefix)
    wrong = [*upstream_ca.names(node), *upstream_ca.passphrase(node), *upstream_ca.issuer_fields(node), *_wishes(node)]
    yield from wrong
    servers = [plan("server", name, fleet) for name in fleet.servers_of(planned.host)]
    if not servers:
        # or they look at the CA, once for all agents
        yield from () if wrong else _issuer(node, now)
    for server in servers:
        found = list(_with(node, server))
        if found:
            yield from found
            return


def _mixed(planned: Plan, named: list[str]) -> Iterable[Problem]:
    """Some of the plugin's options are ours and some the inventory's."""
    for name in named:
        kept = pki_node.unchanged_options(name, planned.merged, planned.paths)
        for option in pki_node.agent_options(name, planned.paths) if kept else ():
            if option not in kept:
                path, prefix = f"plugins.NodeAttestor.{name}.plugin_data.{option}", KINDS[name].prefix
                message = (
                    f"{prefix} brings the key and the certificate, and this is another file than it brings. Take it out of the tree, or set "
                    f"{prefix} to none and give both."
                )
                yield Problem("pki_mixed", path, message, planned.merged.origin(path))


def _wishes(node: ManagedCertificate) -> Iterable[Problem]:
    """What the variables say of the certificate itself."""
    variables = [f"{node.prefix}_lifetime", f"{node.prefix}_renew_before"]
    variables += ["spire_x509pop_root_lifetime"] if isinstance(node, X509pop) else []
    wrong = list(upstream_ca.durations(node, variables))
    if wrong:
        yield from wrong
    elif isinstance(node, X509pop):
        try:
            node.request.check()
            common = [one.value for one in node.request.name if one.rfc4514_attribute_name == "CN"]
            if common != [node.host]:
                message = "Its common name must be the agent's name in the inventory, which its SPIFFE ID ends with: write CN={host}."
                yield Problem("pki_request", "spire_x509pop_subject", message, "spire_x509pop_subject")
        except X509Error as exc:
            at_fault = f"spire_x509pop_{'subject' if 'subject' in str(exc) else 'renew_before' if 'renewed' in str(exc) else 'lifetime'}"
            yield Problem("pki_request", at_fault, str(exc), at_fault)
    elif isinstance(node, Sshpop) and (request := node.certificate_request).renew_before >= request.lifetime:
        message = (
            f"It would be renewed {words(request.renew_before)} before its end and lives {words(request.lifetime)}, so that every run "
            "would renew it. Let it live longer, or renew it later."
        )
        yield Problem("pki_request", "spire_sshpop_renew_before", message, "spire_sshpop_renew_before")


@fleet_rule("agent")
def _with(node: ManagedCertificate, server: Plan) -> Iterable[Problem]:
    """The servers of an agent verify nodes with the CA that issues its certificate.

    Source: pkg/server/plugin/nodeattestor/x509pop/x509pop.go and pkg/common/plugin/sshpop, v1.15.3
    """
    prefix = node.prefix
    if isinstance(node, X509pop) and node.uri:
        if node.parent_ca is None:
            message = (
                f"Its server {server.host} takes SVIDs alone (mode: spiffe), and the CA that could issue one is that of spire_pki, which is "
                "not in use there. Set spire_pki for the servers, or leave the mode out."
            )
            yield Problem("x509pop_spiffe", prefix, message, prefix)
        return
    theirs = next((one for one in server.authorities if one.name == node.name), None)
    if theirs is None:
        message = (
            f"The agent's certificate comes from {prefix}, and its server {server.host} does not know that CA. Set {prefix} for the "
            "servers, too, for example for all."
        )
        yield Problem("node_ca_unknown", prefix, message, prefix)
    elif theirs.issuer_key_files != node.issuer_key_files:
        message = (
            f"The CA is {node.issuer_key_files.certificate} here and {theirs.issuer_key_files.certificate} for its server {server.host}. Give both the "
            f"same spire_pki_dir, spire_trust_domain and {prefix}_issuer."
        )
        yield Problem("node_ca_differs", prefix, message, prefix)


def _server(planned: Plan, now: datetime.datetime) -> Iterable[Problem]:
    for name in pki_node.enabled_attestors(planned.values):
        data, path = planned.plugin_data("NodeAttestor", name), f"plugins.NodeAttestor.{name}.plugin_data"
        authority = next((one for one in planned.authorities if one.name == name), None)
        if authority is None and data.get("mode") != "spiffe":
            yield from _unused(planned, name)
            continue
        yield from _stable(planned, name, str(data.get("agent_path_template") or ""), path)
        if authority is None:
            continue
        wrong = [*upstream_ca.passphrase(authority), *upstream_ca.issuer_fields(authority), *_wishes(authority)]
        wrong = [one for one in wrong if one.path not in ("spire_x509pop_subject",)]
        yield from wrong or _issuer(authority, now)


def _unused(planned: Plan, name: str) -> Iterable[Problem]:
    path, prefix = f"plugins.NodeAttestor.{name}", KINDS[name].prefix
    file = planned.paths.node_authorities(name)
    message = (
        f"{prefix} makes a CA, and the tree does not name it: nodes would be refused. Add {file} to "
        f"{' or '.join(pki_node.AUTHORITIES[name])}, or set {prefix} to none."
    )
    yield at(planned, "node_ca_unused", path, message)


@fleet_rule("server")
def _stable(planned: Plan, name: str, template: str, path: str) -> Iterable[Problem]:
    """A node whose certificate is renewed keeps its SPIFFE ID: agent_path_template says nothing that changes with a certificate.

    Source: pkg/common/plugin/x509pop/x509pop.go (MakeAgentID) and pkg/common/plugin/sshpop/handshake.go (makeAgentID), v1.15.3
    """
    fleeting = next((word for word in _FLEETING if f".{word}" in template), "")
    if fleeting:
        yield at(planned, "fleeting_agent_id", f"{path}.agent_path_template", (
            f".{fleeting} is another one in every certificate, so an agent would get a new SPIFFE ID with each renewal. Leave the template "
            "out: agents are named by their names in the inventory."
        ))


def _issuer(issued: ManagedCertificate, now: datetime.datetime) -> Iterable[Problem]:
    if isinstance(issued, Sshpop):
        yield from _ssh_ca(issued, now)
    elif not (isinstance(issued, X509pop) and issued.parent_ca):
        yield from upstream_ca.issuer(issued, "spire_x509pop_lifetime", "a certificate", now)


def _ssh_ca(issued: Sshpop, now: datetime.datetime) -> Iterable[Problem]:
    variable = "spire_sshpop_issuer" if issued.user_supplied else "spire_pki_dir"
    unread = list(upstream_ca.unread_issuer(issued))
    if unread:
        yield from unread
        return
    try:
        found = issued.issuer_problems(now) if issued.user_supplied else issued.key_mismatch()
    except X509Error as exc:
        found = [str(exc)]
    for message in found:
        yield Problem("pki_issuer" if issued.user_supplied else "pki_root", variable, message, variable)
    if issued.user_supplied and not found:
        yield from upstream_ca.open_issuer(issued)
