# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about two trust domains that federate and are both in the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

WEB, SPIFFE = "https_web", "https_spiffe"
#: where a URL of https, and the older way of writing it, say no port
PORT = 443


@dataclass(frozen=True)
class _Expected:
    """What a server expects of the trust domain that it federates with."""

    domain: str
    #: the path of the trust domain, and below it those of the profile, the SPIFFE ID and the address
    path: str
    profile_path: str
    id_path: str
    address_path: str
    profile: str = ""
    spiffe_id: str = ""
    host: str = ""
    port: int = 0


@dataclass(frozen=True)
class _Served:
    """The bundle endpoint of the other trust domain."""

    server: Plan
    profile: str
    port: Any
    #: whether the bundle is fetched from this server's own address; otherwise another server or a load balancer may answer
    sure: bool


def _relations(context: RuleContext) -> Iterator[tuple[_Expected, Plan, Sequence[Plan], bool]]:
    """Yields a tuple for each trust domain of this inventory in federates_with: what is expected of it, the server whose bundle endpoint is
    meant, all of its servers, and whether the address is certainly that server's own.
    """
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    named = first_block(planned.main.get("federation")).get("federates_with")
    for domain, given in named.items() if isinstance(named, dict) else ():
        there = [plan("server", name, fleet) for name in fleet.servers if name != planned.host]
        there = [other for other in there if other.trust_domain == domain]
        if not there:
            continue
        expected = _expected(str(domain), first_block(given))
        named_there = [other for other in there if expected.host in own_addresses(other)]
        candidates = named_there or there
        yield expected, next(filter(bundle_endpoint, candidates), candidates[0]), there, bool(named_there)


def _endpoints(context: RuleContext) -> Iterator[tuple[_Expected, _Served, Sequence[Plan]]]:
    """Yields the relations whose other side has a bundle endpoint."""
    for expected, server, there, sure in _relations(context):
        if bundle_endpoint(server):
            yield expected, _Served(server, endpoint_profile(server), bundle_endpoint(server).get("port"), sure), there


@rule("fleet", "server:server.federation.federates_with", severity="warning", source="doc/spire_server.md (federation), v1.15.3")
def federation_bundle_endpoint(context: RuleContext) -> Findings:
    """A server has a bundle endpoint when another trust domain of this inventory federates with its trust domain."""
    for expected, server, _there, _sure in _relations(context):
        if not bundle_endpoint(server):
            yield Finding(expected.path, (
                f"{expected.domain} is in this inventory, but its server {server.host} has no bundle_endpoint, so its bundle can't be fetched. "
                "Set server.federation.bundle_endpoint for that server."
            ))


@rule(
    "fleet", "server:server.federation.federates_with", severity="either",
    source="doc/spire_server.md (bundle_endpoint_profile), and pkg/server/endpoints/config.go (maybeMakeBundleEndpointServer), v1.15.3",
)
def federation_profile(context: RuleContext) -> Findings:
    """Both servers of a federation have the same profile; this is a warning where another server or a load balancer may answer."""
    for expected, served, there in _endpoints(context):
        if not expected.profile or expected.profile == served.profile:
            continue
        found = f"The profile here is {expected.profile}, but {served.server.host} of {expected.domain} serves {served.profile}"
        if served.sure:
            yield Finding(expected.profile_path, f"{found}. Set the same profile on both servers.", "error")
        elif expected.profile != WEB or not any(other.plugins("BundlePublisher") for other in there):
            # a bundle that is published in a bucket is fetched from there with https_web
            message = f"{found}. Set the same profile on both, unless another server or a load balancer answers at {expected.host}."
            yield Finding(expected.profile_path, message, "warning")


@rule(
    "fleet", "server:server.federation.federates_with", severity="either",
    source="pkg/server/endpoints/config.go (maybeMakeBundleEndpointServer), v1.15.3",
)
def federation_spiffe_id(context: RuleContext) -> Findings:
    """With https_spiffe, endpoint_spiffe_id is the SPIFFE ID of the other server, whose own SVID its bundle endpoint uses."""
    for expected, served, _there in _endpoints(context):
        own = f"spiffe://{expected.domain}/spire/server"
        if not expected.spiffe_id or expected.spiffe_id == own or not expected.profile == served.profile == SPIFFE:
            continue
        found = f"It is {expected.spiffe_id}, but {served.server.host} of {expected.domain} serves its bundle as {own}. Write that SPIFFE ID"
        if served.sure:
            yield Finding(expected.id_path, f"{found}.", "error")
        else:
            message = f"{found}, unless another server or a load balancer answers at {expected.host}."
            yield Finding(expected.id_path, message, "warning")


@rule(
    "fleet", "server:server.federation.federates_with", severity="warning",
    source="doc/spire_server.md (bundle_endpoint_url), v1.15.3",
)
def federation_port(context: RuleContext) -> Findings:
    """A server that fetches a bundle from another server's own address uses the port of that server's bundle endpoint."""
    for expected, served, _there in _endpoints(context):
        if served.sure and isinstance(served.port, int) and expected.port not in (0, served.port):
            yield Finding(expected.address_path, (
                f"It uses port {expected.port}, but {served.server.host} of {expected.domain} serves its bundle on port {served.port}. Write that "
                "port, unless something else, such as a load balancer, answers on this one."
            ))


@rule(
    "fleet", "server:spire_entries", severity="warning",
    source="pkg/server/datastore/sqlstore/sqlstore.go (makeFederatesWith), v1.15.3; docs/federation.md",
)
def entry_federates_with(context: RuleContext) -> Findings:
    """Each trust domain in federates_with of an entry is in federates_with of a server of the group, which has to hold its bundle."""
    planned: Plan = context.plan
    declared = {
        str(domain) for name in context.fleet.groups.get(context.fleet.group_of_server(planned.host), (planned.host,))
        for domain in first_block(first_block(plan("server", name, context.fleet).main.get("federation")).get("federates_with"))
    }
    for path, entry in desired_entries.sound(planned):
        for domain in entry.get("federates_with") or ():
            if str(domain).removeprefix("spiffe://") not in declared:
                yield Finding(f"{path}.federates_with", (
                    f"No server of this group has {domain} in server.federation.federates_with, and SPIRE refuses the entry unless it holds the bundle "
                    "of that trust domain. Add it there, or ignore this if somebody has stored the bundle or made the relation by hand."
                ))


def _expected(domain: str, given: dict[str, Any]) -> _Expected:
    path = f'server.federation.federates_with."{domain}"'
    # the format up to 1.0.4
    older = first_block(given.get("bundle_endpoint"))
    if older:
        path = f"{path}.bundle_endpoint"
        host, port = str(older.get("address") or ""), older.get("port") or PORT
        profile = WEB if older.get("use_web_pki") is True else SPIFFE
        spiffe_id = str(older.get("spiffe_id") or "")
        paths = (path, f"{path}.use_web_pki", f"{path}.spiffe_id", f"{path}.port")
        return _Expected(domain, *paths, profile, spiffe_id, host.lower(), port if isinstance(port, int) else 0)
    host, port = host_and_port(str(given.get("bundle_endpoint_url") or ""))
    profiles = first_block(given.get("bundle_endpoint_profile"))
    profile = next((name for name in (WEB, SPIFFE) if name in profiles), "")
    spiffe_id = str(first_block(profiles.get(SPIFFE)).get("endpoint_spiffe_id") or "")
    below = f"{path}.bundle_endpoint_profile"
    return _Expected(
        domain, path, below, f"{below}.{SPIFFE}.endpoint_spiffe_id", f"{path}.bundle_endpoint_url", profile, spiffe_id, host, port
    )


def host_and_port(url: str) -> tuple[str, int]:
    """Returns host and port of a URL; an empty text and 0 where it is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", (parts.port or PORT) if parts.hostname else 0
    except ValueError:
        return "", 0


def own_addresses(server: Plan) -> set[str]:
    """Returns the names and addresses that are certainly this server's own; spire_server_address may be a load balancer's."""
    endpoint = bundle_endpoint(server)
    acme = first_block(first_block(first_block(endpoint.get("profile")).get(WEB)).get("acme")) or first_block(endpoint.get("acme"))
    named = (*server.own_addresses, acme.get("domain_name"))
    return {str(name).lower() for name in named if name}


def bundle_endpoint(server: Plan) -> dict[str, Any]:
    """Returns the block of a server's bundle endpoint; an empty block where it has none."""
    return first_block(first_block(server.main.get("federation")).get("bundle_endpoint"))


def endpoint_profile(server: Plan) -> str:
    """Returns the profile of a server's bundle endpoint; without one SPIRE uses its own SVID."""
    endpoint = bundle_endpoint(server)
    return WEB if endpoint.get("acme") or WEB in first_block(endpoint.get("profile")) else SPIFFE


def first_block(value: Any) -> dict[str, Any]:
    """Returns a block, or the first one of a list; an empty block for anything else."""
    first = next(iter(value), None) if isinstance(value, list) else value
    return first if isinstance(first, dict) else {}
