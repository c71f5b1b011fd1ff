# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about an agent whose trust_bundle_url leads to the bundle endpoint of one of its servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet.federation import (
    PORT, SPIFFE, bundle_endpoint, endpoint_profile, host_and_port, own_addresses,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import servers_of

_URL = "agent.trust_bundle_url"
#: the first release whose agents read a bundle in SPIFFE's format
_FORMAT_SINCE = Version(1, 6, 0)


def _host_and_port(planned: Plan) -> tuple[str, int]:
    """Returns host and port of an agent's trust_bundle_url; an empty text and 0 where it has none, or asks through a socket."""
    return ("", 0) if planned.main.get("trust_bundle_unix_socket") else host_and_port(str(planned.main.get("trust_bundle_url") or ""))


def _served(context: RuleContext) -> Iterator[tuple[Plan, dict[str, Any], int]]:
    """Yields the server whose own address is in the agent's trust_bundle_url, its bundle endpoint, and the port of the URL."""
    host, port = _host_and_port(context.plan)
    server = next((one for one in servers_of(context) if host in own_addresses(one)), None)
    if server:
        yield server, bundle_endpoint(server), port


def _answered(context: RuleContext) -> Iterator[tuple[Plan, str]]:
    """Yields the server whose bundle endpoint answers at the agent's trust_bundle_url, and the severity of a finding about it.

    The agent's server_address may be a load balancer's, so a finding about it is only a warning.
    """
    host, port = _host_and_port(context.plan)
    answering = [one for one in servers_of(context) if bundle_endpoint(one) and port == bundle_endpoint(one).get("port", PORT)]
    sure = next((one for one in answering if host in own_addresses(one)), None)
    if sure:
        yield sure, "error"
    elif answering and host == str(context.plan.main.get("server_address") or "").lower():
        yield answering[0], "warning"


@rule("fleet", f"agent:{_URL}", severity="either", source="pkg/agent/trustbundlesources/bundle.go (downloadTrustBundle), v1.15.3")
def trust_bundle_url_endpoint(context: RuleContext) -> Findings:
    """Where an agent's trust_bundle_url has the address of its server, that server has a bundle endpoint on that port."""
    for server, endpoint, port in _served(context):
        if port == server.port and port != endpoint.get("port", PORT):
            yield Finding(_URL, (
                f"At port {port}, {server.host} has the API that agents attest at, which serves no trust bundle. Set "
                "server.federation.bundle_endpoint for that server and write its port, or remove this option: the playbooks copy the trust bundle."
            ), "error")
            continue
        if not endpoint:
            found = f"{server.host} has no bundle endpoint. Set server.federation.bundle_endpoint for that server"
        elif port != endpoint.get("port", PORT):
            found = f"The URL uses port {port}, but {server.host} serves its bundle on port {endpoint.get('port', PORT)}. Write that port"
        else:
            continue
        yield Finding(_URL, f"{found}, or remove this option: the playbooks copy the trust bundle. Ignore this if another program answers there.", "warning")


@rule(
    "fleet", f"agent:{_URL}", "agent:agent.trust_bundle_format", severity="either",
    source="pkg/agent/trustbundlesources/bundle.go (parseTrustBundle) and pkg/server/endpoints/bundle, v1.15.3",
)
def trust_bundle_url_format(context: RuleContext) -> Findings:
    """trust_bundle_format is spiffe for an agent that gets its trust bundle from the bundle endpoint of its server."""
    planned: Plan = context.plan
    for server, severity in _answered(context):
        if planned.main.get("trust_bundle_format") != "spiffe":
            remedy = "Set trust_bundle_format to spiffe, or remove trust_bundle_url"
            if planned.version < _FORMAT_SINCE:
                remedy = f"Agents read that since SPIRE {_FORMAT_SINCE}. Remove trust_bundle_url"
            yield Finding("agent.trust_bundle_format" if planned.version >= _FORMAT_SINCE else _URL, (
                f"trust_bundle_url leads to the bundle endpoint of {server.host}, which serves SPIFFE's JSON, but the agent reads PEM. {remedy}: the "
                "playbooks copy the trust bundle."
            ), severity)


@rule(
    "fleet", f"agent:{_URL}", severity="either",
    source="pkg/agent/trustbundlesources/bundle.go (downloadTrustBundle) and pkg/server/endpoints/config.go, v1.15.3",
)
def trust_bundle_url_profile(context: RuleContext) -> Findings:
    """An agent gets its trust bundle only from a bundle endpoint with the profile https_web: without the bundle it can't verify an SVID."""
    for server, severity in _answered(context):
        if endpoint_profile(server) == SPIFFE:
            yield Finding(_URL, (
                f"The bundle endpoint of {server.host} has the profile {SPIFFE}: it shows an SVID, which the agent can't verify before it has the "
                "trust bundle. Remove this option, and the playbooks copy the trust bundle; or set the profile https_web on that server."
            ), severity)
