# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about two trust domains that federate and are both in the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_WEB, _SPIFFE = "https_web", "https_spiffe"
#: where a URL of https, and the older way of writing it, say no port
_PORT = 443


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
    named = _block(planned.main.get("federation")).get("federates_with")
    for domain, given in named.items() if isinstance(named, dict) else ():
        there = [plan("server", name, fleet) for name in fleet.servers if name != planned.host]
        there = [other for other in there if other.trust_domain == domain]
        if not there:
            continue
        expected = _expected(str(domain), _block(given))
        named_there = [other for other in there if expected.host in _addresses(other)]
        candidates = named_there or there
        yield expected, next(filter(_endpoint, candidates), candidates[0]), there, bool(named_there)


def _endpoints(context: RuleContext) -> Iterator[tuple[_Expected, _Served, Sequence[Plan]]]:
    """Yields the relations whose other side has a bundle endpoint."""
    for expected, server, there, sure in _relations(context):
        if _endpoint(server):
            yield expected, _Served(server, _profile(server), _endpoint(server).get("port"), sure), there


@rule("fleet", "server:server.federation.federates_with", severity="warning", source="doc/spire_server.md (federation), v1.15.3")
def federation_bundle_endpoint(context: RuleContext) -> Findings:
    """A server has a bundle endpoint when another trust domain of this inventory federates with its trust domain."""
    for expected, server, _there, _sure in _relations(context):
        if not _endpoint(server):
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
        elif expected.profile != _WEB or not any(other.plugins("BundlePublisher") for other in there):
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
        if not expected.spiffe_id or expected.spiffe_id == own or not expected.profile == served.profile == _SPIFFE:
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


def _expected(domain: str, given: dict[str, Any]) -> _Expected:
    path = f'server.federation.federates_with."{domain}"'
    # the format up to 1.0.4
    older = _block(given.get("bundle_endpoint"))
    if older:
        path = f"{path}.bundle_endpoint"
        host, port = str(older.get("address") or ""), older.get("port") or _PORT
        profile = _WEB if older.get("use_web_pki") is True else _SPIFFE
        spiffe_id = str(older.get("spiffe_id") or "")
        paths = (path, f"{path}.use_web_pki", f"{path}.spiffe_id", f"{path}.port")
        return _Expected(domain, *paths, profile, spiffe_id, host.lower(), port if isinstance(port, int) else 0)
    host, port = _address(str(given.get("bundle_endpoint_url") or ""))
    profiles = _block(given.get("bundle_endpoint_profile"))
    profile = next((name for name in (_WEB, _SPIFFE) if name in profiles), "")
    spiffe_id = str(_block(profiles.get(_SPIFFE)).get("endpoint_spiffe_id") or "")
    below = f"{path}.bundle_endpoint_profile"
    return _Expected(
        domain, path, below, f"{below}.{_SPIFFE}.endpoint_spiffe_id", f"{path}.bundle_endpoint_url", profile, spiffe_id, host, port
    )


def _address(url: str) -> tuple[str, int]:
    """Returns host and port of a URL; an empty text and 0 where it is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", (parts.port or _PORT) if parts.hostname else 0
    except ValueError:
        return "", 0


def _addresses(server: Plan) -> set[str]:
    """Returns the names and addresses that are certainly this server's own."""
    acme = _block(_block(_block(_endpoint(server).get("profile")).get(_WEB)).get("acme")) or _block(_endpoint(server).get("acme"))
    named = (*server.own_addresses, acme.get("domain_name"))
    return {str(name).lower() for name in named if name}


def _endpoint(server: Plan) -> dict[str, Any]:
    return _block(_block(server.main.get("federation")).get("bundle_endpoint"))


def _profile(server: Plan) -> str:
    """Returns the profile of a server's bundle endpoint; without one SPIRE uses its own SVID."""
    endpoint = _endpoint(server)
    return _WEB if endpoint.get("acme") or _WEB in _block(endpoint.get("profile")) else _SPIFFE


def _block(value: Any) -> dict[str, Any]:
    """Returns a block, or the first one of a list; an empty block for anything else."""
    first = next(iter(value), None) if isinstance(value, list) else value
    return first if isinstance(first, dict) else {}
